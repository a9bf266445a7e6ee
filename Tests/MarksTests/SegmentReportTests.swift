import Foundation
import Testing

@testable import Marks

/// Segments of a live stream are signed one by one, and what was done to one is seen.
struct SegmentReportTests {
    private let folder = NSTemporaryDirectory() + "segments-\(UUID().uuidString)"

    private func stream(_ numbers: Range<Int> = 700..<704) throws -> SampleStream {
        try SampleStream(keysIn: "\(folder)/keys", numbers: numbers)
    }

    private func done() { try? FileManager.default.removeItem(atPath: folder) }

    @Test func `a stream holds as it was made`() throws {
        defer { done() }
        let stream = try stream()

        let report = stream.report()

        #expect(report.count == 4 && report.holding == 4 && report.faults == [])
        let store = try #require(ManifestStore(file: stream.header))
        #expect(store.leaf == stream.keys.leaf?.der)
        #expect(store.active.label.hasPrefix("urn:c2pa:"))
        let actions = store.assertion("c2pa.actions.v2")?["actions"]?.asArray
        #expect(
            actions?.first?["digitalSourceType"]?.asText?.hasSuffix(
                "/compositeWithTrainedAlgorithmicMedia") == true)
        // The number in each fragment is the segment's.
        let moof = BoxList(stream.segments[1].bytes).boxes.filter { $0.isCalled("moof") }
        #expect(moof.map { stream.segments[1].bytes[$0.body][($0.body.lowerBound + 12)...].prefix(4) }
            .allSatisfy { $0.elementsEqual([0, 0, 2, 189]) })
    }

    @Test func `no byte of a segment can be changed`() throws {
        defer { done() }
        var stream = try stream(5..<6)
        let whole = stream.segments[0].bytes
        for place in whole.indices {
            stream.segments[0].bytes = whole
            stream.segments[0].bytes[place] ^= 1
            let report = stream.report()
            // How long it is shown and its number as an event are not signed (C2PA 2.4, 19.4.2).
            let message = BoxList(whole).boxes[1].body
            let timing = message.lowerBound + 4 + SegmentMessage.scheme.utf8.count + 6
            guard !(timing..<timing + 16).contains(place) else { continue }
            #expect(report.holding == 0 && report.faults.count == 1, "byte \(place)")
        }
    }

    @Test func `a segment that is missing, late, twice or from elsewhere is named`() throws {
        defer { done() }
        let whole = try stream()
        let other = try stream()
        func faults(_ change: (inout [(name: String, bytes: [UInt8])]) -> Void) -> [String] {
            var stream = whole
            change(&stream.segments)
            return stream.report().faults
        }

        #expect(faults { $0.remove(at: 1) } == ["1 segments are missing before segment-702.m4s"])
        #expect(faults { $0.swapAt(1, 2) }.contains("segment-701.m4s: its number 701 does not come after 702"))
        #expect(faults { $0.insert($0[0], at: 1) }
            == ["segment-700.m4s: its number 700 does not come after 700"])
        #expect(faults { $0[2] = other.segments[2] }
            .contains("segment-702.m4s: it is signed with a key that is not the session's"))
        #expect(faults { $0[2].bytes = SampleStream.fragment(1) }
            .contains("segment-702.m4s: it has no signature"))
        #expect(faults { $0[2].bytes += $0[1].bytes }
            .contains("segment-702.m4s: it has more than one signature"))
        #expect(whole.report(header: other.header).holding == 0)
        #expect(whole.report(header: SampleStream.plainHeader).holding == 0)
    }

    /// A new header has a new key, as after a process has taken over.
    @Test func `a stream goes on with another session`() throws {
        defer { done() }
        let (first, second) = (try stream(10..<13), try stream(13..<15))
        var report = SegmentReport()

        report.check(header: first.header, segments: first.segments)
        report.check(header: second.header, segments: second.segments)

        #expect(report.count == 5 && report.holding == 5 && report.faults == [])
    }

    @Test func `a session's key that another signer's certificate is bound to counts for nothing`() throws {
        defer { done() }
        let one = try stream()
        var header = one.header
        let own = try #require(one.keys.leaf?.der)
        // Certificates differ by a byte or two in length: one of the same length takes the place.
        var foreign: [UInt8] = []
        for number in 0..<100 where foreign.count != own.count {
            foreign = try SigningKeys(in: "\(folder)/others-\(number)").leaf?.der ?? []
        }
        try #require(foreign.count == own.count)
        let place = try #require(header.firstRange(of: own))
        header.replaceSubrange(place, with: foreign)

        #expect(one.report(header: header).faults.first == "the header has no session key that its signer has bound")
    }

    @Test func `numbers at both ends of what can be written are no crash`() throws {
        defer { done() }
        let signer = try SegmentSigner(kind: .synthetic, keys: SigningKeys(in: "\(folder)/keys"))
        let header = try signer.signed(header: SampleStream.plainHeader, from: .min)
        let data = BoxList.make("mdat", [1, 2, 3])
        var report = SegmentReport()
        for number in [Int.min, Int.max] {
            let bytes = signer.mark(of: data, number: number, duration: 1) + data
            report.check(header: header, segments: [(name: "\(number)", bytes: bytes)])
        }

        #expect(report.faults == ["\(Int.min): its number \(Int.min) is from before the session"])
        #expect(report.holding == 1)
    }

    @Test func `an expired certificate signs no stream`() throws {
        defer { done() }
        try SigningKeys.make(in: "\(folder)/keys", days: -1)

        #expect(throws: SigningError.self) { try stream() }
    }

    @Test func `a kept stream is read from its playlist, or as one file`() throws {
        defer { done() }
        let stream = try stream()
        func write(_ bytes: [UInt8], _ name: String) throws {
            try Data(bytes).write(to: URL(fileURLWithPath: "\(folder)/\(name)"))
        }
        try write(stream.header, "header.mp4")
        for segment in stream.segments { try write(segment.bytes, segment.name) }
        let names = stream.segments.map { "#EXTINF:2,\n\($0.name)\n" }.joined()
        try write(Array("#EXTM3U\n#EXT-X-MAP:URI=\"header.mp4\"\n\(names)".utf8), "live.m3u8")
        try write(Array("#EXTM3U\n#EXT-X-MAP:URI=\"../keys/key.pem\"\n/etc/passwd\n".utf8), "bad.m3u8")
        try write(stream.header + stream.segments.flatMap(\.bytes), "whole.mp4")

        for name in ["live.m3u8", "whole.mp4"] {
            let film = try #require(SegmentedFilm("\(folder)/\(name)"), "\(name)")
            var report = SegmentReport()
            for part in film.parts { report.check(header: part.header(), files: part.segments) }
            #expect(report.count == 4 && report.faults == [], "\(name)")
        }
        #expect(SegmentedFilm("\(folder)/bad.m3u8") == nil)
        #expect(SegmentedFilm("\(folder)/header.mp4") == nil)
    }
}
