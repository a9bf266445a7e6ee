import Foundation
import Testing

/// `requirements:` of node.yaml: what a plugin in Python needs, which `doctor` looks for and installs.
@Suite(.enabled(if: Python.isComplete, "python3 with numpy is not here"))
struct RequirementsTests {
    /// A plugin that needs a package of the tests' own, which lies beside it.
    private func plugin(wants: String) throws -> String {
        let folder = try Python.node(
            "asks", more: "requirements: requirements.txt",
            """
            import pl_answer

            @node
            def asks(frame):
                status(f"the answer is {pl_answer.ANSWER}")
                return frame
            """)
        try Data("--no-index\n--find-links wheels\n\(wants)\n".utf8)
            .write(to: URL(fileURLWithPath: "\(folder)/requirements.txt"))
        let made = Python.run(
            """
            import os, zipfile
            os.mkdir("\(folder)/wheels")
            with zipfile.ZipFile("\(folder)/wheels/pl_answer-1.2-py3-none-any.whl", "w") as wheel:
                wheel.writestr("pl_answer.py", "ANSWER = 42")
                for name, text in {
                    "METADATA": "Metadata-Version: 2.1\\nName: pl-answer\\nVersion: 1.2\\n",
                    "WHEEL": "Wheel-Version: 1.0\\nGenerator: tests\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
                    "RECORD": "",
                }.items():
                    wheel.writestr(f"pl_answer-1.2.dist-info/{name}", text)
            """)
        try #require(made == 0)
        return folder
    }

    /// A graph with that plugin, whose user has a home without anything.
    private func tool(_ plugin: String) throws -> Tool {
        let tool = try Tool(
            "run",
            graph: """
                nodes:
                  camera: { use: video-file, with: { path: Models/demo/driving.mp4, frames: 5 } }
                  asks: { use: asks, in: { frame: { from: camera.frame, keep: all } } }
                  list: { use: frame-list, in: { frame: asks.frame }, with: { path: FOLDER/list.txt } }
                """, "--json")
        tool.plugins = [plugin]
        tool.process.environment?["HOME"] = tool.folder
        return tool
    }

    @Test func `run and doctor say the same of what is missing, and doctor installs it for the node alone`()
        throws
    {
        let plugin = try plugin(wants: "pl-answer>=1.1  # the answer")
        defer { try? FileManager.default.removeItem(atPath: plugin) }
        let tool = try tool(plugin)
        let graph = "\(tool.folder)/graph.yaml"

        let refused = try tool.run()
        let before = try tool.ask("doctor", graph)
        let installed = try tool.ask("doctor", graph, "--install")
        let after = try tool.ask("doctor", graph)
        let done = try tool.ask("run", graph, "--json")

        let words = "requirements.txt: pl-answer (>=1.1) is not there: 'personalive doctor GRAPH --install' "
            + "installs it for this node alone"
        #expect(refused.status == 1)
        #expect(refused.errors.contains(words), "\(refused.errors)")
        #expect(refused.errors.contains("nothing was started"), "\(refused.errors)")
        #expect(before.status == 1)
        #expect(before.output.contains("here: \(plugin)/\(words)"), "\(before.output)")
        #expect(installed.status == 0, "\(installed.output)")
        let place = "\(tool.folder)/.local/lib/personalive-python/"
        #expect(installed.output.contains("installed into \(place)"), "\(installed.output)")
        #expect(after.status == 0)
        #expect(after.output.contains("requirements.txt: all is there"), "\(after.output)")
        #expect(done.status == 0, "\(done.errors)")
        #expect(done.number("frames_out") == 5)
        #expect(try FileManager.default.contentsOfDirectory(atPath: place).count == 1)
        #expect(Python.run("import pl_answer") == 1)
    }

    @Test(arguments: [
        ("pl-answer>=2", "pl-answer (>=2) is not there"),
        ("numpy>=99", "and >=99 is wanted"),
        ("./wheels", "'./wheels' names no package (write 'NAME @ ./wheels')"),
    ])
    func `what cannot be had is named, and why`(wants: String, words: String) throws {
        let plugin = try plugin(wants: wants)
        defer { try? FileManager.default.removeItem(atPath: plugin) }
        let tool = try tool(plugin)
        let graph = "\(tool.folder)/graph.yaml"

        let before = try tool.ask("doctor", graph)
        let installed = try tool.ask("doctor", graph, "--install")

        #expect(before.status == 1)
        #expect(before.output.contains(words), "\(before.output)")
        #expect(installed.status == 1)
        #expect(installed.output.contains("pip could not install it: "), "\(installed.output)")
        let place = "\(tool.folder)/.local/lib/personalive-python"
        #expect(try FileManager.default.contentsOfDirectory(atPath: place) == [])
    }

    @Test func `a node without what it needs ends at once, and says so`() throws {
        let plugin = try plugin(wants: "pl-answer")
        defer { try? FileManager.default.removeItem(atPath: plugin) }
        let tool = try Tool(arguments: ["plugin", "run", plugin])
        tool.process.environment?["HOME"] = tool.folder

        let outcome = try tool.run()

        #expect(outcome.status == 1)
        #expect(outcome.errors.contains("pl-answer (any version) is not there: "), "\(outcome.errors)")
    }

    @Test func `requirements of a program that is no module of ours are refused`() throws {
        let plugin = try plugin(wants: "pl-answer")
        defer { try? FileManager.default.removeItem(atPath: plugin) }
        let file = "\(plugin)/node.yaml"
        let yaml = try String(contentsOfFile: file, encoding: .utf8)
        try yaml.replacing("-m, personalive, ", with: "").write(toFile: file, atomically: true, encoding: .utf8)

        let outcome = try Tool(arguments: ["plugin", "run", plugin]).run()

        #expect(outcome.status == 2)
        #expect(
            outcome.errors.contains("'requirements' are of a command that begins with 'python3 -m personalive'"),
            "\(outcome.errors)")
    }
}
