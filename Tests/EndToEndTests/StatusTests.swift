import Foundation
import Testing

/// Questions to a graph that runs.
@Suite(.serialized) struct StatusTests {
    private static let graph = """
        nodes:
          source: { use: test-source, with: { bytes: 100, count: 100000, rate: 50 } }
          sink: { use: test-sink, in: { data: source.data } }
        """

    @Test func `a running graph says how its nodes and edges stand`() throws {
        let tool = try Tool("run", graph: Self.graph, "--name", "question")
        try tool.start()
        #expect(tool.waitUntil { tool.nodes.count == 2 })

        let answer = try tool.ask("status", "question", "--json")
        kill(tool.process.processIdentifier, SIGINT)
        _ = tool.finish()

        #expect(answer.status == 0, "\(answer.errors)")
        let run = try #require(
            try JSONSerialization.jsonObject(with: Data(answer.output.utf8)) as? [String: Any])
        let nodes = try #require(run["nodes"] as? [[String: Any]])
        let edges = try #require(run["edges"] as? [[String: Any]])
        #expect(run["name"] as? String == "question")
        #expect(nodes.map { $0["name"] as? String } == ["source", "sink"])
        #expect(edges.map { $0["from"] as? String } == ["source.data"])
    }

    @Test func `a question to a run that is not there names those that are`() throws {
        let tool = try Tool("run", graph: Self.graph)
        let before = try tool.ask("status")
        try tool.start()
        #expect(tool.waitUntil { tool.nodes.count == 2 })

        let answer = try tool.ask("status", "nobody")
        kill(tool.process.processIdentifier, SIGINT)
        _ = tool.finish()

        #expect(before.status == 1)
        #expect(before.errors.contains("no graph is running"))
        #expect(answer.status == 1)
        #expect(answer.errors.contains("no run is called 'nobody'; running: graph"))
    }

    /// Two graphs that run as one user's.
    private func two(
        _ first: [String], _ second: [String], _ body: (Tool, Tool) throws -> Void
    ) throws {
        let one = try Tool("run", graph: Self.graph), other = try Tool("run", graph: Self.graph)
        one.process.arguments?.append(contentsOf: first)
        other.process.arguments?.append(contentsOf: second)
        other.process.environment?["XDG_RUNTIME_DIR"] = one.folder
        try one.start()
        #expect(one.waitUntil { (try? one.ask("status").status) == 0 })
        try other.start()
        try body(one, other)
        for tool in [one, other] { kill(tool.process.processIdentifier, SIGINT) }
        _ = (one.finish(), other.finish())
    }

    private func runs(_ tool: Tool) -> Int {
        (try? tool.ask("status", "--all"))?.output.split(separator: "\n").count ?? 0
    }

    @Test func `a command that names no run is refused while several live`() throws {
        try two(["--name", "one"], ["--name", "other"]) { one, other in
            #expect(one.waitUntil { runs(one) == 2 })
            let file = "\(one.folder)/graph.yaml"

            let unnamed = try [
                ["swap", "sink=test-sink"], ["set", "rate=9"], ["apply", file], ["status"],
                ["trace", "--seconds", "0.1", "-o", "\(one.folder)/t.json"], ["top", "--once"],
                ["record", "-", "source.data", "\(one.folder)/r.rec"],
            ].map { try one.ask($0) }
            let named = try one.ask("swap", "other", "sink=test-sink")
            kill(other.process.processIdentifier, SIGINT)
            #expect(one.waitUntil { runs(one) == 1 })
            let only = try one.ask("swap", "sink=test-sink")

            for outcome in unnamed {
                #expect(outcome.status == 1)
                #expect(outcome.errors.contains("2 graphs run: one, other; say which"), "\(outcome.errors)")
            }
            #expect([named.status, only.status] == [0, 0], "\(named.errors) \(only.errors)")
        }
    }

    @Test func `two runs do not share a name`() throws {
        try two(["--name", "one"], ["--name", "one"]) { one, other in
            let outcome = other.finish()

            #expect(outcome.status == 1)
            #expect(outcome.errors.contains("'one' lives already"), "\(outcome.errors)")
            #expect(outcome.errors.contains("nothing was started"))
        }
    }

    @Test func `a second run of a graph gets a number, and says so`() throws {
        try two([], []) { one, other in
            #expect(one.waitUntil { runs(one) == 2 })

            let status = try one.ask("status", "graph-2")
            kill(other.process.processIdentifier, SIGINT)
            let outcome = other.finish()

            #expect(status.status == 0, "\(status.errors)")
            #expect(outcome.errors.contains("this run is called 'graph-2', since 'graph' runs already"))
        }
    }

    @Test func `the name of a run that was killed is free again`() throws {
        let tool = try Tool("run", graph: Self.graph, "--name", "one")
        try tool.start()
        #expect(tool.waitUntil { (try? tool.ask("status").status) == 0 })
        kill(tool.process.processIdentifier, SIGKILL)
        _ = tool.finish()

        let next = try Tool("run", graph: Self.graph, "--name", "one")
        next.process.environment?["XDG_RUNTIME_DIR"] = tool.folder
        try next.start()
        #expect(next.waitUntil { (try? next.ask("status").status) == 0 })
        kill(next.process.processIdentifier, SIGINT)

        #expect(next.finish().status == 130)
    }

    @Test(.enabled(if: geteuid() == 0, "a PID namespace takes root"))
    func `a run in another PID namespace leaves this one's sockets alone`() throws {
        let tool = try Tool("run", graph: Self.graph, "--name", "one"), other = try Tool("run", graph: Self.graph)
        try tool.start()
        #expect(tool.waitUntil { (try? tool.ask("status").status) == 0 })
        // What a container is that shares the runtime folder.
        other.process.environment?["XDG_RUNTIME_DIR"] = tool.folder
        other.process.arguments = ["--pid", "--fork", "--mount-proc", other.program.path] + other.process.arguments!
        other.process.executableURL = URL(fileURLWithPath: "/usr/bin/unshare")
        try other.start()
        #expect(tool.waitUntil { runs(tool) == 2 })

        let status = try tool.ask("status", "one")
        let seen = try other.ask("status", "--all")
        // 'unshare' itself heeds no signal.
        kill(try #require(Tool.children(of: other.process.processIdentifier)["run"]), SIGINT)
        _ = other.finish()
        kill(tool.process.processIdentifier, SIGINT)

        #expect(status.status == 0, "\(status.errors)")
        #expect(seen.output.contains("one (") && seen.output.contains("graph ("), "\(seen)")
        #expect(tool.finish().status == 130)
    }

    @Test(arguments: ["", "a/b", "a=b", "-a"])
    func `what could be no name on a command line is refused as one`(name: String) throws {
        #expect(try Tool("run", graph: Self.graph, "--name=\(name)").run().status == 64)
    }
}
