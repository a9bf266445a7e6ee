import BuiltinNodes
import Foundation
import Marks
import Media
import NodeKit
import Tensors
import Testing

/// Every node that writes or sends pictures marks them, and says when it does not.
@Suite struct MarkSettingsTests {
    private static let names = [
        "label-ai-generated", "visible-mark", "visible-mark-text", "source-type",
    ]

    /// A new encoder or sink cannot forget the marks: it has their settings, or is named here with the
    /// reason.
    @Test
    func `every kind that turns pictures into a file or stream has the settings of the marks`() {
        for spec in BuiltinKinds.specs {
            let takesPictures = spec.inputs.contains { $0.name == "frame" && $0.meaning == "rgb" }
            let writesFile = spec.settings.contains { $0.name == "path" } && spec.outputs.isEmpty
            let makesPackets = spec.outputs.contains { $0.meaning == "film-packet" }
            let sends = spec.outputs.isEmpty && !writesFile
            guard takesPictures, writesFile || makesPackets || sends else { continue }
            // A list of sums for tests, sound, and what only the person who runs the graph looks at.
            guard !["frame-list", "sound-delay", "preview", "viewer"].contains(spec.kind) else {
                continue
            }

            let has = spec.settings.map(\.name)
            #expect(Self.names.allSatisfy(has.contains), "\(spec.kind) has \(has)")
        }
        let marked = BuiltinKinds.specs.filter {
            $0.settings.contains { $0.name == "visible-mark" }
        }
        #expect(marked.map(\.kind) == ["video-encoder", "save-pictures", "live-encoder", "mjpeg-out", "virtual-camera"])
    }

    private static let frame = DemoMedia.drawFrame(0, size: 256)

    /// The marks that a live encoder's first picture has under these settings.
    private func report(_ values: [String: SettingValue]) throws -> (MarkReport, [String]) {
        let folder = NSTemporaryDirectory() + "marks-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        var harness = try NodeHarness(LiveEncoderNode.self, Settings(values))
        try harness.tick(
            [.init(LiveEncoderNode.frame, Self.frame)],
            stamp: Stamp(frame: 0, captured: 1, presentation: 0, duration: 40_000_000))
        let packet = try FilmPacket(decoding: harness.received(LiveEncoderNode.packet)[0])
        let path = folder + "/a.h264"
        try Data(packet.picture).write(to: URL(fileURLWithPath: path))
        return (try MarkReport(of: path, limit: 1), harness.warnings)
    }

    @Test func `a stream is marked unless it is told not to`() throws {
        let (usual, said) = try report([:])

        #expect(usual.watermark.isFound && usual.watermark.payload?.kind == .synthetic)
        #expect(usual.signCorner == .topRight)
        #expect(said == [])
    }

    @Test func `corner, text and source are settings`() throws {
        let (report, _) = try report([
            "visible-mark": .text("bottom-left"), "source-type": .text("composite"),
        ])

        #expect(report.signCorner == .bottomLeft)
        #expect(report.watermark.payload?.kind == .composite)
    }

    @Test func `what is turned off is said in the log`() throws {
        let (unseen, said) = try report(["visible-mark": .text("off")])
        let (plain, told) = try report(["label-ai-generated": .flag(false)])

        #expect(unseen.watermark.isFound && unseen.signCorner == nil)
        #expect(said == ["visible-mark: off: the pictures have no sign that people see"])
        #expect(!plain.isMarked)
        #expect(told.count == 1 && told[0].hasPrefix("label-ai-generated: false"))
    }

    @Test(arguments: ["", "   ", "AI 画", "A LONG TEXT THAT FITS INTO NO CORNER"])
    func `a text that cannot be shown is an error`(_ text: String) {
        #expect(throws: (any Error).self) {
            try NodeHarness(
                LiveEncoderNode.self, Settings(["visible-mark-text": .text(text)]))
        }
    }
}
