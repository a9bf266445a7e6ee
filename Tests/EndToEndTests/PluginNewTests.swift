import Foundation
import Testing

/// `personalive plugin new` as a program.
@Suite(.enabled(if: Python.isComplete, "python3 with numpy is not here"))
struct PluginNewTests {
    private func make(
        _ name: String, into folder: String, language: String = "python"
    ) throws -> Tool.Outcome {
        try Tool(arguments: ["plugin", "new", name, "--into", folder, "--language", language]).run()
    }

    @Test(arguments: ["python", "c", "swift"])
    func `a new plugin runs before anything is changed in it`(language: String) throws {
        let graph = """
            nodes:
              film-in: { use: video-file, with: { path: Models/demo/driving.mp4, frames: 5 } }
              tint: { use: my-tint, in: { frame: { from: film-in.frame, keep: all } } }
              film:
                use: video-encoder
                in: { frame: tint.frame }
                with: { path: FOLDER/film.mp4, preset: ultrafast }
            """
        let tool = try Tool("run", graph: graph, "--json")
        let made = try make("my-tint", into: "\(tool.folder)/mine", language: language)
        #expect(made.status == 0, "\(made.errors)")
        tool.plugins = ["\(tool.folder)/mine"]

        let outcome = try tool.run()

        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(outcome.number("frames_out") == 5)
        #expect(try make("my-tint", into: "\(tool.folder)/mine").status == 1)
    }

    @Test func `an input that gives one value is all that its author has to write`() throws {
        let folder = "/tmp/pl-new-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: folder) }
        #expect(try make("my-filter", into: folder).status == 0)
        let file = "\(folder)/my-filter/node.yaml"
        let yaml = try String(contentsOfFile: file, encoding: .utf8)
        let more = "inputs:\n  portrait: { type: u8, axes: n h w 3, meaning: rgb, pace: last }"
        try yaml.replacing("inputs:", with: more)
            .write(toFile: file, atomically: true, encoding: .utf8)

        let outcome = try Tool(arguments: ["plugin", "check", "\(folder)/my-filter"]).run()

        #expect(outcome.status == 0, "\(outcome.output)")
        #expect(outcome.output.contains("9 acts, nothing is wrong"))
    }

    @Test(arguments: ["vae-decoder", "../x", "", "9lives"])
    func `a name that cannot be one makes nothing`(name: String) throws {
        let folder = "/tmp/pl-new-\(UUID().uuidString)"

        #expect(try make(name, into: folder).status == 1)
        #expect(!FileManager.default.fileExists(atPath: folder))
    }
}
