import Foundation
import Media
import Testing

@testable import Marks

/// A live stream of real pictures, signed: other programs read its manifest, and players its pictures.
@Suite(.enabled(if: InstalledC2PA.isThere))
struct SegmentSignatureTests {
    private let folder = TestFolder()
    private static let ms: Int64 = 1_000_000

    /// Five seconds as a playlist with its files, signed as `hls-out` does it.
    private func write(keys name: String = "keys") throws -> String {
        var options = LiveEncoder.Options()
        options.preset = "ultrafast"
        let encoder = LiveEncoder(options, name: "test")
        let segmenter = HLSSegmenter()
        let keys = try SigningKeys(in: folder.file(name))
        var signer: SegmentSigner?
        var playlist = HLSPlaylist(
            first: 40, segment: 2_000_000_000, part: 220_000_000, window: 9)
        func take(_ steps: [HLSSegmenter.Step]) throws {
            for step in steps {
                switch step {
                case .begin(_, let header, let isBreak):
                    let signed = try header.map { header in
                        signer = try SegmentSigner(kind: #require(segmenter.kind), keys: keys)
                        return try signer!.signed(header: header, from: playlist.next.segment)
                    }
                    playlist.begin(at: 0, header: signed, isBreak: isBreak)
                case .part(var part):
                    part.bytes = SegmentSigner.numbered(part.bytes, playlist.next.segment)
                    playlist.add(part)
                case .endSegment:
                    let (bytes, duration) = playlist.lastSegment
                    playlist.endSegment(
                        mark: signer!.mark(of: bytes, number: playlist.next.segment, duration: duration))
                }
            }
        }
        for number in 0..<125 {
            var packet = try encoder.encode(
                Sample.frame(width: 128, height: 128, red: UInt8(number)),
                at: Int64(number) * 40 * Self.ms, for: 40 * Self.ms)
            packet.sequence = UInt64(number)
            try take(segmenter.add(packet, captured: packet.presentation))
        }
        try take(segmenter.finish())
        playlist.end()
        for file in playlist.plainFiles {
            let bytes =
                file == .playlist
                ? Array(playlist.text(isLowLatency: false).utf8) : playlist.bytes(of: file) ?? []
            _ = folder.write(bytes, file.name)
        }
        return folder.file("live.m3u8")
    }

    private func details(_ path: String) throws -> SignatureReport.Details {
        let report = SignatureReport(
            of: path, variables: InstalledC2PA.variables(keys: folder.file("keys")))
        guard case .checked(let details) = report else {
            Issue.record("\(report)")
            throw CancellationError()
        }
        return details
    }

    @Test func `headers and segments hold, and players read all pictures`() throws {
        let path = try write()

        let details = try details(path)

        #expect(details.holds && details.isOwn && details.faults == [], "\(details)")
        #expect(details.segments?.count == 3 && details.segments?.holding == 3)
        #expect(details.generator.hasPrefix("personalive 0.1.0"))
        #expect(details.sourceTypes.contains { $0.hasSuffix("/trainedAlgorithmicMedia") })
        #expect(try Contents(of: path, keepsPictures: false).frames.count == 125)
    }

    @Test func `a stream that goes on with another signer's header does not hold`() throws {
        _ = try write(keys: "others")
        let other = try Data(contentsOf: URL(fileURLWithPath: folder.file("header-40.mp4")))
        let path = try write()
        _ = folder.write(Array(other), "other.mp4")
        let text = try String(contentsOfFile: path, encoding: .utf8)
        _ = folder.write(text + "#EXT-X-MAP:URI=\"other.mp4\"\n", "live.m3u8")

        let details = try details(path)

        #expect(!details.holds && !details.isOwn)
        #expect(details.faults == ["a header is signed with another certificate than the first one"])
    }

    @Test func `a segment or header that was changed breaks the stream`() throws {
        let path = try write()
        for name in ["segment-41.m4s", "header-40.mp4"] {
            let file = URL(fileURLWithPath: folder.file(name))
            let whole = try Data(contentsOf: file)
            var bytes = whole
            bytes[bytes.count - 20] ^= 1
            try bytes.write(to: file)

            let details = try details(path)

            #expect(!details.holds && !details.faults.isEmpty, "\(name)")
            try whole.write(to: file)
        }
        #expect(try details(path).holds)
    }
}
