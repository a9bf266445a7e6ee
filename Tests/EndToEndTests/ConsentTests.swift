import Foundation
import Testing

/// Portraits need a consent where the graph says so, films name what they are made of, and the log of runs
/// shows it all.
@Suite struct ConsentTests {
    private static let portrait =
        FileManager.default.currentDirectoryPath + "/Models/demo/portrait.png"

    /// A film of a picture beside the demo's driver.
    private static func graph(_ settings: String = "", name: String = "film.mp4") -> String {
        """
        nodes:
          portrait: { use: image-file, with: { path: FOLDER/me.png\(settings) } }
          camera: { use: video-file, with: { path: Models/demo/driving.mp4, frames: 5 } }
          row: { use: side-by-side, in: { portrait: portrait.image, driver: camera.frame, result: camera.frame } }
          encoder:
            use: video-encoder
            in: { frame: row.frame }
            with: { path: FOLDER/\(name), preset: ultrafast }
        """
    }

    private func tool(_ graph: String) throws -> Tool {
        let tool = try Tool("run", graph: graph, "--json")
        tool.process.environment?["PERSONALIVE_C2PA"] = MarkTests.library ?? "/nothing/libc2pa_c.so"
        try FileManager.default.copyItem(atPath: Self.portrait, toPath: "\(tool.folder)/me.png")
        return tool
    }

    private func consent(_ tool: Tool, _ more: String...) throws -> Tool.Outcome {
        try tool.ask(
            ["consent", "new", "\(tool.folder)/me.png", "--person", "Ada Example", "--purpose", "a test"]
                + more)
    }

    @Test func `a portrait without a consent is refused by check and run, with its place and a remedy`()
        throws
    {
        let tool = try tool(Self.graph(", require-consent: true"))

        let checked = try tool.ask("check", "\(tool.folder)/graph.yaml")
        let run = try tool.run()

        for text in [checked.output, run.errors] {
            #expect(text.contains("graph.yaml:2:"), "\(text)")
            #expect(text.contains("me.png' has no consent, and 'require-consent: true' asks for one"))
            #expect(text.contains("personalive consent new \(tool.folder)/me.png"))
        }
        #expect(checked.status == 1 && run.status == 1)
        #expect(!FileManager.default.fileExists(atPath: "\(tool.folder)/film.mp4"))
    }

    @Test func `a consent is written once, shown, and makes the run begin`() throws {
        let tool = try tool(Self.graph(", require-consent: true"))

        let written = try consent(tool)
        let again = try consent(tool)
        let shown = try tool.ask("consent", "show", "\(tool.folder)/me.png.consent", "\(tool.folder)/me.png")
        let run = try tool.run()

        #expect(written.status == 0 && written.output == "\(tool.folder)/me.png.consent\n")
        #expect(again.status == 1 && again.errors.contains("is there already"), "\(again.errors)")
        #expect(shown.status == 0 && shown.output.contains("person   Ada Example"), "\(shown.errors)")
        #expect(run.status == 0, "\(run.errors)")
    }

    @Test func `a consent to another picture is refused`() throws {
        let tool = try tool(Self.graph(", consent: FOLDER/other.consent"))
        #expect(try consent(tool, "--output", "\(tool.folder)/other.consent").status == 0)
        let picture = URL(fileURLWithPath: "\(tool.folder)/me.png")
        try (Data(contentsOf: picture) + [0]).write(to: picture)

        let run = try tool.run()

        #expect(run.status == 1 && run.errors.contains("other.consent' is for another picture"), "\(run.errors)")
    }

    @Test(.enabled(if: MarkTests.library != nil))
    func `the film names what it is made of and the consent, and pictures do, too`() throws {
        for name in ["film.mp4", "pictures/"] {
            let tool = try tool(Self.graph(name: name))
            #expect(try consent(tool).status == 0)

            let run = try tool.run()
            let film = "\(tool.folder)/\(name)" + (name.hasSuffix("/") ? "000002.png" : "")
            let verified = try tool.ask("verify", film, "--json")

            #expect(run.status == 0, "\(run.errors)")
            let signature = verified.object["signature"] as? [String: Any]
            #expect(signature?["state"] as? String == "holds", "\(verified.output)")
            let parts = signature?["ingredients"] as? [[String: Any]] ?? []
            #expect(parts.compactMap { $0["node"] as? String } == ["portrait", "camera"])
            #expect(parts.allSatisfy { ($0["sha256"] as? String)?.count == 64 }, "\(parts)")
            let consent = parts.first?["consent"] as? [String: Any]
            #expect(consent?["purpose"] as? String == "a test")
            #expect(try tool.ask("verify", film).output.contains("made of portrait (image-file, SHA-256"))
        }
    }

    @Test func `the log of runs has a line for each, and shows what was changed in it`() throws {
        let tool = try tool(Self.graph())
        #expect(try tool.run().status == 0)
        let second = try tool.ask("run", "\(tool.folder)/graph.yaml", "--json")
        let path = "\(tool.folder)/state/personalive/run-history.jsonl"

        let whole = try tool.ask("log", "runs")
        let text = try String(contentsOfFile: path, encoding: .utf8)
        try Data(text.replacing("\"graph\"", with: "\"other\"", maxReplacements: 1).utf8)
            .write(to: URL(fileURLWithPath: path))
        let changed = try tool.ask("log", "runs")

        #expect(second.status == 0, "\(second.errors)")
        #expect(whole.status == 0 && whole.output.contains("2 lines, the last with SHA-256"), "\(whole.errors)")
        #expect(whole.output.contains("begin  graph  graph ") && whole.output.contains("portrait "))
        #expect(changed.status == 3 && changed.errors.contains("line 2 of"), "\(changed.errors)")
    }

    @Test func `a log of runs that cannot be written stops no run`() throws {
        let tool = try tool(Self.graph())
        // Root may write into any folder, and into no file as if it were one.
        try Data().write(to: URL(fileURLWithPath: "\(tool.folder)/state"))

        let run = try tool.run()

        #expect(run.status == 0 && run.errors.contains("the log of runs has no line of this one"), "\(run.errors)")
    }
}
