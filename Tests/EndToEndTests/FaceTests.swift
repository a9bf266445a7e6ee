import Foundation
import Media
import Networks
import Tensors
import Testing

/// Faces that are looked for in whole graphs.
@Suite(.serialized) struct FaceTests {
    /// `make test` fetches the networks.
    private static let hasNetworks =
        FaceModel.isThere(FaceModel.folder)
        || ProcessInfo.processInfo.environment["PERSONALIVE_FACE"] == "required"

    private static let graphs = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("Graphs")
        .path

    private func grey(_ level: UInt8, _ side: Int = 64) -> Tensor<UInt8> {
        Tensor<UInt8>(repeating: level, shape: [1, side, side, 3])
    }

    /// The demo's graph with files of its own.
    private func demo(_ command: String, _ more: String...) throws -> Tool {
        let tool = try Tool(command, graph: "")
        tool.process.arguments =
            [command, "\(Self.graphs)/demo.yaml", "--set", "output=\(tool.folder)/out.mp4"] + more
        return tool
    }

    @Test(.enabled(if: hasNetworks), arguments: ["check", "run"])
    func `a portrait without a face is refused before anything is started`(command: String) throws {
        let tool = try demo(command)
        try ImageWriter.write(grey(90), to: "\(tool.folder)/wall.png")
        tool.process.arguments! += ["--set", "portrait=\(tool.folder)/wall.png"]

        let outcome = try tool.run()

        #expect(outcome.status == 1)
        let text = outcome.output + outcome.errors
        #expect(text.contains("wall.png': no face was found in the portrait (64x64)"), "\(text)")
        #expect(
            tool.traces.isEmpty && !FileManager.default.fileExists(atPath: "\(tool.folder)/out.mp4")
        )
    }

    @Test(.enabled(if: hasNetworks))
    func `a driver whose face is gone for a while is held, and said so once`() throws {
        let tool = try demo("run", "--json")
        let portrait = try ImageReader.read("Models/demo/portrait.png")
        let writer = try VideoWriter(path: "\(tool.folder)/driving.mp4")
        for frame in 0..<20 {
            let isGone = (8..<14).contains(frame)
            try writer.write(
                isGone ? grey(90, 256) : portrait, presentation: Int64(frame) * 40_000_000,
                duration: 40_000_000)
        }
        try writer.finish()
        tool.process.arguments! += ["--set", "driving=\(tool.folder)/driving.mp4"]

        let outcome = try tool.run()

        #expect(outcome.status == 0 && outcome.number("frames_out") == 20, "\(outcome.errors)")
        let said = outcome.errors.split(separator: "\n").filter { $0.contains("driver-crop") }
        #expect(said.count == 2, "\(said)")
        #expect(outcome.errors.contains("no face in frame 8: the last pose is held"))
        #expect(
            outcome.errors.contains("the face is back at frame 14, after 6 frames without a face"))
    }

    @Test(.enabled(if: hasNetworks))
    func `a driver without any face ends in a reason, and never in a film`() throws {
        let tool = try demo("run")
        let writer = try VideoWriter(path: "\(tool.folder)/wall.mp4")
        for frame in 0..<5 {
            try writer.write(
                grey(90), presentation: Int64(frame) * 40_000_000, duration: 40_000_000)
        }
        try writer.finish()
        tool.process.arguments! += ["--set", "driving=\(tool.folder)/wall.mp4"]

        let outcome = try tool.run()

        #expect(outcome.status == 3)
        #expect(outcome.errors.contains("5 frames without a face, which is all of them"))
        #expect(!FileManager.default.fileExists(atPath: "\(tool.folder)/out.mp4"))
    }

    @Test(.enabled(if: hasNetworks))
    func `a value that never comes ends the run with its reason`() throws {
        let tool = try Tool("run", graph: """
            nodes:
              wall: { use: video-file, with: { path: FOLDER/wall.mp4 } }
              crop:
                use: face-crop
                in: { frame: wall.frame }
                with: { subject: driver, model: mini, weights: synthetic }
              camera: { use: video-file, with: { path: FOLDER/wall.mp4 } }
              beside:
                use: side-by-side
                in: { portrait: crop.frame, driver: camera.frame, result: camera.frame }
              list: { use: frame-list, in: { frame: beside.frame }, with: { path: FOLDER/list.txt } }
            """)
        let writer = try VideoWriter(path: "\(tool.folder)/wall.mp4")
        for frame in 0..<5 {
            try writer.write(
                grey(90), presentation: Int64(frame) * 40_000_000, duration: 40_000_000)
        }
        try writer.finish()

        let outcome = try tool.run()

        #expect(outcome.status == 3)
        #expect(outcome.errors.contains("input 'portrait' ended without ever giving a value"), "\(outcome.errors)")
    }

    /// A still camera, so that frames differ only where the portrait does.
    private static let live = """
        mode: live
        settings: { portrait: FOLDER/one.png }
        nodes:
          portrait: { use: image-file, with: { path: "${portrait}" } }
          crop:
            use: face-crop
            in: { frame: portrait.image }
            with: { subject: portrait, crop: none, model: mini, weights: synthetic }
          camera: { use: camera, with: { device: "lavfi:color=c=red:size=64x64:rate=25" } }
          beside:
            use: side-by-side
            in: { portrait: crop.frame, driver: camera.frame, result: camera.frame }
          list: { use: frame-list, in: { frame: beside.frame }, with: { path: FOLDER/list.txt } }
        """

    /// How many different pictures came out so far.
    private func pictures(of tool: Tool) -> Int {
        let text = (try? String(contentsOfFile: tool.path(of: "list.txt"), encoding: .utf8)) ?? ""
        return Set(text.split(separator: "\n").map { $0.split(separator: " ")[1] }).count
    }

    @Test func `another portrait goes through a node that had its only picture`() throws {
        let tool = try Tool("run", graph: Self.live, "--json")
        for (name, level) in [("one", 10), ("two", 200), ("three", 90)] {
            try ImageWriter.write(grey(UInt8(level)), to: "\(tool.folder)/\(name).png")
        }
        try tool.start()
        #expect(tool.waitUntil { pictures(of: tool) == 1 })

        let second = try tool.ask("set", "portrait=\(tool.folder)/two.png")
        #expect(second.status == 0 && tool.waitUntil { pictures(of: tool) == 2 })
        tool.kill("crop")
        let third = try tool.ask("set", "portrait=\(tool.folder)/three.png")
        #expect(third.status == 0 && tool.waitUntil { pictures(of: tool) == 3 })
        tool.process.interrupt()
        let outcome = tool.finish()

        #expect(outcome.status == 130, "\(outcome.errors)")
        #expect(outcome.number("frames_unaccounted") == 0, "\(outcome.output)")
    }
}
