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

    /// A million damaged files: no crash, no endless loop.
    @Test func `damaged boxes are no crash`() {
        let whole = Self.start + Self.box("mdat", [UInt8](repeating: 1, count: 40)) + Self.manifest
        var state: UInt64 = 11
        func next(_ limit: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % limit
        }
        var found = 0
        for _ in 0..<1_000_000 {
            var bytes = whole
            for _ in 0...next(4) {
                let place = next(bytes.count)
                switch next(4) {
                case 0: bytes[place] = UInt8(next(256))
                case 1: bytes[place] ^= 1 << UInt8(next(8))
                case 2: bytes[place] = [0, 1, 0x7f, 0xff][next(4)]
                default: bytes.removeLast(next(min(8, bytes.count - 1)))
                }
            }
            if isIn(bytes) { found += 1 }
        }

        #expect(found > 0 && found < 1_000_000)
    }
}
