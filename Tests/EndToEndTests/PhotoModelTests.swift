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

    /// The portrait's mesh is sent once, and to nobody when the model runs first.
    @Test(arguments: [
        ("photo-live.yaml", "photo-live-model.yaml", "fed by decoder.frame instead of warp.frame"),
        ("photo-live-model.yaml", "photo-live.yaml", "fed by warp.frame instead of decoder.frame"),
    ])
    func `warp and model follow each other, and every frame comes once`(
        first: String, second: String, change: String
    ) throws {
        let tool = try Tool("run", graph: try graph(first), "--json")
        let next = "\(tool.folder)/next.yaml"
        try graph(second).replacing("FOLDER", with: tool.folder)
            .write(toFile: next, atomically: true, encoding: .utf8)
        try tool.start()
        #expect(tool.waitForFile("out.mp4", bytes: 1))

        let applied = try tool.ask("apply", next)
        let processes = tool.nodes
        let outcome = tool.finish()

        #expect(applied.status == 0, "\(applied.errors)")
        #expect(applied.errors.contains("'encoder.frame': \(change)"), "\(applied.errors)")
        #expect(processes[second == "photo-live.yaml" ? "warp" : "denoiser"] != nil)
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
