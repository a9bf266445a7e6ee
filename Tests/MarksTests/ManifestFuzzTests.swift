import Foundation
import Testing

@testable import Marks

/// Damaged manifests, boxes and segments: no crash, no endless loop, and no signature that holds.
///
/// `make fuzz` does a million of each. A failing case is repeated with
/// `PERSONALIVE_FUZZ_FIRST=<number> PERSONALIVE_FUZZ_CASES=1`.
struct ManifestFuzzTests {
    private static func number(_ name: String, else value: Int) -> Int {
        ProcessInfo.processInfo.environment["PERSONALIVE_FUZZ_" + name].flatMap { Int($0) } ?? value
    }

    private static let cases = number("CASES", else: 5_000)
    private static let first = number("FIRST", else: 0)

    /// The same for each number: bytes that are changed, cut off, doubled, or grown into lengths.
    private static func damaged(_ whole: [UInt8], _ number: Int) -> [UInt8] {
        var state = UInt64(truncatingIfNeeded: number) &* 0x9e37_79b9_7f4a_7c15 | 1
        func next(_ limit: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % max(limit, 1)
        }
        var bytes = whole
        for _ in 0...next(4) where !bytes.isEmpty {
            let place = next(bytes.count)
            switch next(6) {
            case 0: bytes[place] = UInt8(next(256))
            case 1: bytes[place] ^= 1 << UInt8(next(8))
            case 2: bytes[place] = [0, 1, 0x7f, 0xff][next(4)]
            case 3: bytes.removeLast(next(min(64, bytes.count - 1)))
            case 4: bytes.insert(contentsOf: bytes[place..<min(place + next(40), bytes.count)], at: place)
            default:
                for index in place..<min(place + 4, bytes.count) { bytes[index] = 0xff }
            }
        }
        return bytes
    }

    private static func forEach(_ count: Int = cases, _ body: (Int) -> Void) {
        for number in first..<first + count { body(number) }
    }

    private func withStream(_ body: (SampleStream) throws -> Void) throws {
        let folder = NSTemporaryDirectory() + "fuzz-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try body(SampleStream(keysIn: folder + "/keys", numbers: 7..<9))
    }

    @Test func `damaged headers are read or refused`() throws {
        try withStream { stream in
            var readable = 0
            Self.forEach { number in
                let header = Self.damaged(stream.header, number)
                if let store = ManifestStore(file: header) {
                    readable += 1
                    _ = (store.leaf, store.assertion("c2pa.session-keys"))
                }
                var report = SegmentReport()
                if number % 16 == 0 { report.check(header: header, segments: [stream.segments[0]]) }
            }
            #expect(readable > 0 || Self.cases < 1000)
        }
    }

    @Test func `damaged segments never hold`() throws {
        try withStream { stream in
            let whole = stream.segments[0].bytes
            let message = BoxList(whole).boxes[1].body
            let timing = message.lowerBound + 4 + SegmentMessage.scheme.utf8.count + 6
            Self.forEach { number in
                var bytes = Self.damaged(whole, number)
                guard bytes != whole else { return }
                var report = SegmentReport()
                report.check(header: stream.header, segments: [("a", bytes)])
                // Its length as an event is not signed.
                if report.holding > 0, bytes.count == whole.count {
                    bytes.replaceSubrange(timing..<timing + 16, with: whole[timing..<timing + 16])
                    #expect(bytes == whole, "case \(number)")
                } else {
                    #expect(report.holding == 0, "case \(number)")
                }
            }
        }
    }

    @Test func `damaged values, boxes, PNGs and GIFs are read or refused`() throws {
        try withStream { stream in
            let store = try #require(ManifestStore(file: stream.header))
            let value = try #require(store.assertion("c2pa.session-keys")).encoded
            let box = ManifestStore.write("c2pa", "c2pa", ManifestStore.write("c2ma", "a"))
            let png: [UInt8] =
                [0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10] + BoxList.bytes(UInt32(box.count))
                + Array("caBX".utf8) + box + [0, 0, 0, 0]
            let gif: [UInt8] =
                Array("GIF89a".utf8) + [0x21, 0xff, 0x0b] + Array("C2PA_GIF".utf8) + [1, 0, 0]
                + [UInt8(box.count)] + box + [0, 0x3b]
            #expect(ManifestStore(file: png)?.active.label == "a")
            #expect(ManifestStore(file: gif)?.active.label == "a")
            Self.forEach { number in
                _ = CBOR(Self.damaged(value, number)).map { $0.encoded }
                _ = ManifestStore(file: Self.damaged(png, number))
                _ = ManifestStore(file: Self.damaged(gif, number))
            }
        }
    }

    @Test func `damaged films are searched for a manifest`() {
        let start = BoxList.make("ftyp", Array("isom".utf8))
        let manifest = BoxList.make("uuid", ManifestPlace.box + [0, 0, 0, 0])
        let whole = start + BoxList.make("mdat", [UInt8](repeating: 1, count: 40)) + manifest
        // A case takes next to no time.
        let cases = Self.number("CASES", else: 1_000_000)
        var found = 0
        Self.forEach(cases) { number in
            let bytes = Self.damaged(whole, number)
            let isIn = ManifestPlace.isIn(size: bytes.count) { offset, count in
                guard offset >= 0, offset < bytes.count, count > 0 else { return [] }
                return Array(bytes[offset..<min(offset + count, bytes.count)])
            }
            if isIn { found += 1 }
        }

        #expect(cases < 1000 || found > 0 && found < cases)
    }

    @Test func `damaged consents never count`() throws {
        let folder = NSTemporaryDirectory() + "fuzz-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let keys = try SigningKeys(in: folder + "/keys")
        let picture = folder + "/keys/chain.pem"
        let whole = try Array(
            ConsentFile.text(for: picture, person: "Ada", purpose: "x", keys: keys).utf8)
        let head = try #require(whole.firstRange(of: Array("\nsignature: ".utf8))).lowerBound
        let path = folder + "/a.consent"
        for number in Self.first..<Self.first + Self.cases / 10 {
            let bytes = Self.damaged(whole, number)
            try Data(bytes).write(to: URL(fileURLWithPath: path))
            if let consent = try? ConsentFile(contentsOf: path) {
                // Only what is behind the signed lines may differ: spaces of the certificate's text.
                #expect(bytes.prefix(head) == whole.prefix(head), "case \(number)")
                #expect(consent.person == "Ada")
            }
        }
    }
}
