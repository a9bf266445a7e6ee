import Foundation
import Glibc
import Testing

/// Sinks of live graphs that fail for good: the graph goes on.
@Suite(.serialized) struct OutageTests {
    private static let graph = """
        mode: live
        nodes:
          source: { use: test-source, with: { bytes: 50000, count: COUNT, rate: 60, numbered: true } }
          stage: { use: test-stage, in: { data: { from: source.data, keep: all } } }
          good: { use: test-sink, in: { data: { from: stage.data, keep: all } }, with: { list: FOLDER/good.txt } }
          bad: { use: test-sink, RESTART in: { data: { from: stage.data, keep: all } } }
        """

    private static func graph(count: Int = 100_000, restart: String = "") -> String {
        graph.replacing("COUNT", with: "\(count)").replacing(
            "RESTART", with: restart.isEmpty ? "" : "restart: \(restart),")
    }

    private func lines(_ tool: Tool) -> Int {
        let text = (try? String(contentsOfFile: tool.path(of: "good.txt"), encoding: .utf8)) ?? ""
        return text.count { $0 == "\n" }
    }

    /// Kills a node as often as its policy forgives, and once more.
    private func killForGood(_ node: String, of tool: Tool, times: Int) {
        for _ in 0..<times {
            #expect(tool.waitUntil { tool.nodes[node] != nil })
            let old = tool.kill(node)
            #expect(tool.waitUntil { tool.nodes[node] != old })
        }
    }

    @Test func `a live sink that is killed again and again is down, and the others lose nothing`()
        throws
    {
        let tool = try Tool(
            "run", graph: Self.graph(restart: "{ limit: 1, backoff: 3s }"), "--json")
        try tool.start()
        #expect(tool.waitUntil { lines(tool) > 10 })

        killForGood("bad", of: tool, times: 1)
        #expect(tool.waitUntil { tool.errorsSoFar.contains("starting it again (1 of 1") })
        killForGood("bad", of: tool, times: 1)
        #expect(tool.waitUntil { tool.errorsSoFar.contains("bad (test-sink): is down") })
        let down = lines(tool)
        #expect(tool.waitUntil { lines(tool) > down + 30 })
        let status = try tool.ask("status", "graph")
        tool.process.interrupt()
        let outcome = tool.finish()

        #expect(status.output.contains("bad (test-sink): down"), "\(status.output)")
        #expect(status.output.contains("signal 9 (SIGKILL); tried again in"), "\(status.output)")
        #expect(outcome.status == 5, "\(outcome.errors)")
        #expect(outcome.errors.contains("sink 'bad' (test-sink) was down at the end: signal 9"))
        let streams = outcome.object["streams"] as? [[String: Any]] ?? []
        func number(_ sink: String, _ key: String) -> Int? {
            streams.first { $0["sink"] as? String == sink }?[key] as? Int
        }
        #expect(number("good", "frames_dropped") == 0)
        #expect(number("good", "frames_unaccounted") == 0)
        #expect((number("bad", "frames_dropped") ?? 0) > 20)
        #expect(number("bad", "frames_unaccounted") == 0, "\(outcome.output)")
        #expect(outcome.output.contains("the consumer was down"))
        #expect(tool.nodes.isEmpty)
        #expect(tool.traces.isEmpty)
    }

    @Test func `a run that ends while a sink is down does not wait for it`() throws {
        let tool = try Tool(
            "run", graph: Self.graph(count: 150, restart: "{ limit: 0, then: ignore }"), "--json")
        try tool.start()
        #expect(tool.waitUntil { lines(tool) > 10 })

        tool.kill("bad")
        let outcome = tool.finish()

        #expect(outcome.status == 5, "\(outcome.errors)")
        #expect(outcome.errors.contains("and it is not tried again"), "\(outcome.errors)")
        #expect(outcome.number("frames_unaccounted") == 0, "\(outcome.output)")
        #expect(lines(tool) == 150)
    }

    @Test func `a producer that is started again or replaced does not wait for a sink that is down`() throws {
        let tool = try Tool(
            "run", graph: Self.graph(restart: "{ limit: 0, then: ignore }"), "--name", "downstream",
            "--json")
        try tool.start()
        #expect(tool.waitUntil { lines(tool) > 10 })
        tool.kill("bad")
        #expect(tool.waitUntil { tool.errorsSoFar.contains("bad (test-sink): is down") })

        tool.kill("stage")
        let killed = lines(tool)
        #expect(tool.waitUntil { lines(tool) > killed + 60 })
        let swap = try tool.ask("swap", "downstream", "stage=test-stage", "--set", "work=1")
        let swapped = lines(tool)
        #expect(tool.waitUntil { lines(tool) > swapped + 60 })
        tool.process.interrupt()
        let outcome = tool.finish()

        #expect(swap.status == 0, "\(swap.errors)")
        #expect(outcome.status == 5, "\(outcome.errors)")
        #expect(outcome.number("frames_unaccounted") == 0, "\(outcome.output)")
    }

    @Test func `a sink that was down for a moment is back, and its end is the run's`() throws {
        let tool = try Tool(
            "run", graph: Self.graph(restart: "{ limit: 1, backoff: 10ms }"), "--json")
        try tool.start()
        #expect(tool.waitUntil { lines(tool) > 10 })

        killForGood("bad", of: tool, times: 2)
        #expect(tool.waitUntil { tool.errorsSoFar.contains("'bad' (test-sink) is back") })
        tool.process.interrupt()
        let outcome = tool.finish()

        #expect(outcome.status == 130, "\(outcome.errors)")
        #expect(!outcome.errors.contains("down at the end"), "\(outcome.errors)")
        #expect(outcome.number("frames_unaccounted") == 0, "\(outcome.output)")
    }

    @Test func `without any sink the run fails with the last one`() throws {
        let tool = try Tool(
            "run",
            graph: Self.graph(restart: "{ limit: 1, backoff: 10ms }")
                .replacing(
                    "good: { use: test-sink,",
                    with: "good: { use: test-sink, restart: { limit: 1, backoff: 10ms },"))
        try tool.start()
        #expect(tool.waitUntil { lines(tool) > 10 })

        for name in ["bad", "bad", "good", "good", "bad", "good", "bad", "good"] {
            guard tool.process.isRunning else { break }
            if tool.waitUntil({ tool.nodes[name] != nil || !tool.process.isRunning }) {
                tool.kill(name)
            }
        }
        let outcome = tool.finish()

        #expect(outcome.status == 3, "\(outcome.errors)")
        #expect(outcome.errors.contains("it was the last sink"), "\(outcome.errors)")
    }
}
