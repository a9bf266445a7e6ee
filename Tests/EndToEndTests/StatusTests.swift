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
}
