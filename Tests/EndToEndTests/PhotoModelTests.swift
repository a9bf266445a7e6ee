import Foundation
import Media
import Networks
import Testing

/// A photo that is bent, and the model that paints in its place while the graph runs.
@Suite(
    .serialized,
    .enabled(
        if: FaceModel.isThere(FaceModel.folder)
            || ProcessInfo.processInfo.environment["PERSONALIVE_FACE"] == "required"))
struct PhotoModelTests {
    /// A graph of the folder, whose camera is the demo's film at its own rate: every frame has to come out.
    private func graph(_ name: String) throws -> String {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("Graphs/\(name)")
        return try String(contentsOf: file, encoding: .utf8)
            .replacing("mode: live", with: "")
            .replacing("use: camera", with: "use: video-file")
            .replacing(
                "device: ${device}", with: "path: Models/demo/driving.mp4\n      realtime: true")
            .replacing("  device: /dev/video0\n", with: "")
            .replacing("output: photo-live.mp4", with: "output: FOLDER/out.mp4")
            .replacing("model: full", with: "model: small")
            .replacing("weights: synthetic", with: "weights: Models/small")
            .replacing("size: 512 ", with: "size: 128 ")
    }

    @Test func `a warp becomes the model, and every frame comes once`() throws {
        let tool = try Tool("run", graph: try graph("photo-live.yaml"), "--json")
        let model = "\(tool.folder)/model.yaml"
        try graph("photo-live-model.yaml").replacing("FOLDER", with: tool.folder)
            .write(toFile: model, atomically: true, encoding: .utf8)
        try tool.start()
        #expect(tool.waitForFile("out.mp4", bytes: 1))

        let painted = try tool.ask("apply", model)
        let processes = tool.nodes
        let outcome = tool.finish()

        #expect(painted.status == 0, "\(painted.errors)")
        #expect(painted.errors.contains("'encoder.frame': fed by decoder.frame instead of warp.frame"))
        #expect(processes["denoiser"] != nil)
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(outcome.number("frames_in") == 300 && outcome.number("frames_out") == 300)
        #expect(outcome.number("frames_unaccounted") == 0)
        let reader = try VideoReader(path: "\(tool.folder)/out.mp4")
        var times: [Int64] = []
        while let item = try reader.next() {
            if case .frame(let frame) = item { times.append(frame.presentation) }
        }
        #expect(times == (0..<300).map { Int64($0) * 40_000_000 })
    }
}
