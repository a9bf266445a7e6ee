import Foundation
import Glibc
import Testing

/// What is kept of what a run's processes print.
@Suite(.serialized) struct LogsTests {
    private static let graph = """
        mode: live
        nodes:
          source: { use: test-source, with: { bytes: 100, count: 1000000, rate: 50 } }
          sink: { use: test-sink, in: { data: source.data } }
        """

    private func started(_ graph: String = Self.graph, _ arguments: String...) throws -> Tool {
        let tool = try Tool("run", graph: graph, "--quiet")
        tool.process.arguments! += arguments
        try tool.start()
        #expect(tool.waitUntil { (try? tool.ask("status"))?.output.contains("running") ?? false })
        return tool
    }

    private func stop(_ tool: Tool) -> Tool.Outcome {
        kill(tool.process.processIdentifier, SIGINT)
        return tool.finish()
    }

    /// Lines without their times.
    private func lines(_ outcome: Tool.Outcome) -> [String] {
        outcome.output.split(separator: "\n").map { String($0.drop { $0 != " " }.dropFirst()) }
    }

    @Test(.enabled(if: Python.isComplete))
    func `both streams and warnings of a plugin are kept, also of a quiet run that is over`() throws
    {
        let plugin = try Python.passing(
            """
            if stamp().frame == 0:
                    print("to stdout")
                    print("to stderr", file=sys.stderr)
                    warn("to all")
            """)
        defer { try? FileManager.default.removeItem(atPath: plugin) }
        let tool = try Tool(
            "run",
            graph: """
                nodes:
                  source: { use: test-source, with: { bytes: 100, count: 5 } }
                  stage: { use: passes, in: { data: source.data } }
                  sink: { use: test-sink, in: { data: stage.data } }
                """, "--quiet")
        tool.plugins = [plugin]
        let outcome = try tool.run()
        #expect(outcome.status == 0, "\(outcome.errors)")

        let own = try tool.ask("logs", "graph", "stage"), all = try tool.ask("logs")

        #expect(
            Set(lines(own)).isSuperset(of: ["stage~1 stdout to stdout", "stage~1 stderr to stderr"]
            ), "\(own)")
        #expect(lines(own).contains("stage~1 warning to all"), "\(own)")
        #expect(lines(all).first?.hasPrefix("supervisor note run 'graph' of /") ?? false, "\(all)")
        #expect(lines(all).last == "supervisor note the run is complete")
        #expect(!outcome.errors.contains("to stdout"))
    }

    @Test(.enabled(if: Python.isComplete)) func `lines of another machine's processes are in the log, and keys are not`() throws {
        let plugin = try Python.passing(
            """
            if stamp().frame == 0:
                    print("from there", file=sys.stderr)
            """)
        defer { try? FileManager.default.removeItem(atPath: plugin) }
        let tool = try Tool(
            "run",
            graph: """
                machines: { render: { kubernetes: {} } }
                nodes:
                  source: { use: test-source, with: { bytes: 100, count: 20 } }
                  stage: { use: passes, machine: render, in: { data: source.data } }
                  sink: { use: test-sink, in: { data: stage.data } }
                """)
        tool.plugins = [plugin]
        try tool.playCluster(["render": "export PERSONALIVE_ADDRESS=127.0.0.2"])
        tool.process.environment?["PERSONALIVE_ADDRESS"] = "127.0.0.1"
        let outcome = try tool.run()
        #expect(outcome.status == 0, "\(outcome.errors)")

        let logs = try tool.ask("logs")

        #expect(lines(logs).contains("stage~1 stderr from there"), "\(logs)")
        // A key is 40 characters.
        let words = logs.output.split { " \n'\",()".contains($0) }
        #expect(words.allSatisfy { $0.count != 40 || $0.hasPrefix("/") }, "\(logs)")
    }

    @Test func `a node that is started again is told apart, and why it was`() throws {
        let tool = try started()

        tool.kill("source")
        #expect(
            tool.waitUntil {
                (try? tool.ask("logs", "-", "source"))?.output.contains("signal 9") ?? false
            })
        let follower = try Tool(arguments: ["logs", "--follow", "--lines", "1"])
        follower.process.environment = tool.process.environment
        try follower.start()
        #expect(tool.waitUntil { follower.printed.contains("\n") })
        let outcome = stop(tool)
        let followed = follower.finish()

        #expect(outcome.status == 130, "\(outcome.errors)")
        #expect(followed.status == 0)
        #expect(
            lines(followed).first?.contains("node 'source' (test-source) ended: signal 9") ?? false,
            "\(followed)")
        #expect(lines(followed).last == "supervisor note the run was stopped", "\(followed)")
    }

    @Test func `several runs that live must be told apart`() throws {
        let one = try started(Self.graph, "--name", "one"),
            other = try Tool("run", graph: Self.graph, "--name", "other")
        other.process.environment = one.process.environment
        try other.start()
        #expect(one.waitUntil { (try? one.ask("status", "other").status) == 0 })

        let unnamed = try one.ask("logs"), named = try one.ask("logs", "one"),
            all = try one.ask("logs", "--all")
        _ = stop(other)
        let only = try one.ask("logs")
        _ = stop(one)

        #expect(unnamed.status == 1)
        #expect(unnamed.errors.contains("2 graphs run: one, other; say which one"))
        #expect(named.output.contains("run 'one' of"))
        #expect(only.output.contains("run 'one' of"))
        #expect(all.output.contains("one: running") && all.output.contains("other: running"))
    }

    @Test func `a run that has failed says where the rest is`() throws {
        let tool = try started(
            Self.graph.replacing("test-source,", with: "test-source, restart: never,"))
        tool.kill("source")
        let outcome = tool.finish()

        let logs = try tool.ask("logs", "graph", "source")

        #expect(outcome.status == 3, "\(outcome.errors)")
        #expect(outcome.errors.contains("'personalive logs graph source' shows all of its lines"))
        #expect(
            logs.output.contains("error: node 'source' (test-source) failed: signal 9 (SIGKILL)"),
            "\(logs)")
    }

    @Test func `a run without a place for its log goes on`() throws {
        let tool = try Tool("run", graph: Self.graph.replacing("1000000", with: "10"))
        for variable in ["XDG_STATE_HOME", "HOME"] {
            tool.process.environment?[variable] = "/proc/none"
        }
        try FileManager.default.createDirectory(
            atPath: "\(tool.folder)/personalive", withIntermediateDirectories: false,
            attributes: [.posixPermissions: 0o700])
        try Data().write(to: URL(fileURLWithPath: "\(tool.folder)/personalive/logs"))

        let outcome = try tool.run()

        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(
            outcome.errors.contains(
                "warning: this run has no log: \(tool.folder)/personalive/logs is not a folder"),
            "\(outcome.errors)")
    }
}
