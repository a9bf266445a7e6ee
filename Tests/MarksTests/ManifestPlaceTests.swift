import Testing

@testable import Marks

struct ManifestPlaceTests {
    private func isIn(_ bytes: [UInt8]) -> Bool {
        ManifestPlace.isIn(size: bytes.count) { offset, count in
            guard offset >= 0, offset < bytes.count, count > 0 else { return [] }
            return Array(bytes[offset..<min(offset + count, bytes.count)])
        }
    }

    private static func box(_ word: String, _ body: [UInt8]) -> [UInt8] {
        withUnsafeBytes(of: UInt32(8 + body.count).bigEndian) { Array($0) } + Array(word.utf8)
            + body
    }

    private static let start = box("ftyp", Array("isom".utf8))
    private static let manifest = box("uuid", ManifestPlace.box + [0, 0, 0, 0])

    @Test func `the box is found wherever it is`() {
        let other = Self.box("uuid", [UInt8](repeating: 7, count: 16))
        let large: [UInt8] =
            [0, 0, 0, 1] + Array("free".utf8) + [0, 0, 0, 0, 0, 0, 0, 20, 1, 2, 3, 4]

        #expect(isIn(Self.start + Self.manifest))
        #expect(isIn(Self.start + other + Self.box("mdat", [1, 2, 3]) + large + Self.manifest))
        #expect(!isIn(Self.start + other + Self.box("mdat", [1, 2, 3])))
        #expect(!isIn(Self.start + Self.box("free", Self.manifest)))
        #expect(!isIn([]))
    }

    @Test func `pictures have it as JUMBF`() {
        #expect(isIn([0x89] + Array("PNG....caBXjumb....c2pa".utf8)))
        #expect(!isIn([0x89] + Array("PNG....jumb".utf8)))
    }
}
