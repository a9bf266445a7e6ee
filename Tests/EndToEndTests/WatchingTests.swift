import Foundation
import Testing

/// Looking at a running graph: top, trace, record and replay.
@Suite struct WatchingTests {
    /// A source that never hurries, a stage, and a sink.
    private static let graph = """
        mode: live
        nodes:
          source: { use: test-source, with: { bytes: 40000, count: 1000000, rate: 50 } }
          stage: { use: test-stage, in: { data: source.data }, with: { work: 5 } }
          sink: { use: test-sink, in: { data: stage.data } }
        """

    /// Starts the graph and waits until frames have reached the sink.
    private func started(_ arguments: String...) throws -> Tool {
        let tool = try Tool("run", graph: Self.graph, "--quiet", "--json")
        tool.process.arguments! += arguments
        try tool.start()
        #expect(
            tool.waitUntil {
                guard let status = try? tool.ask("status", "--json"),
                    let object = try? JSONSerialization.jsonObject(with: Data(status.output.utf8)),
                    let nodes = (object as? [String: Any])?["nodes"] as? [[String: Any]],
                    let report = nodes.last?["report"] as? [String: Any]
                else { return false }
                return (report["delivered_count"] as? Int ?? 0) > 10
            })
        return tool
    }

    private func stop(_ tool: Tool) -> Tool.Outcome {
        kill(tool.process.processIdentifier, SIGINT)
        return tool.finish()
    }

    @Test func `top shows rates, ages, credits and drops of nodes and edges`() throws {
        let tool = try started()
        defer { _ = stop(tool) }

        let screen = try tool.ask("top", "--once")

        #expect(screen.status == 0, "\(screen.errors)")
        let lines = screen.output.split(separator: "\n").map(String.init)
        #expect(lines[0].hasPrefix("graph: running"))
        #expect(lines.contains { $0.hasPrefix("stage   test-stage   running") })
        #expect(lines.contains { $0.hasPrefix("source.data → stage.data  newest 1") })
        let ages = lines.filter { $0.contains("→") && $0.contains(" ms") }
        #expect(ages.count == 3, "\(screen.output)")
    }

    @Test func `a trace has every tick as a slice and every frame's way as arrows`() throws {
        let tool = try started()
        defer { _ = stop(tool) }
        let file = "\(tool.folder)/trace.json"

        let written = try tool.ask("trace", "--seconds", "1.5", "--output", file)

        #expect(written.status == 0, "\(written.errors)")
        let data = try Data(contentsOf: URL(fileURLWithPath: file))
        let object = try JSONSerialization.jsonObject(with: data) as? [String: Any]
        let events = try #require(object?["traceEvents"] as? [[String: Any]])
        let slices = events.filter { $0["ph"] as? String == "X" }
        let processes = Dictionary(grouping: slices) { $0["pid"] as? Int ?? 0 }
        #expect(processes.count == 3)
        for ticks in processes.values {
            #expect(ticks.count > 40)
            // One thread computes: no slice begins before the one before it has ended.
            let spans = ticks.map { ($0["ts"] as! Double, $0["dur"] as! Double) }.sorted { $0.0 < $1.0 }
            #expect(zip(spans, spans.dropFirst()).allSatisfy { $0.0 + $0.1 <= $1.0 })
        }
        let flows = events.filter { ["s", "t", "f"].contains($0["ph"] as? String ?? "") }
        let frames = Dictionary(grouping: flows) { $0["id"] as? Int ?? -1 }
        let whole = frames.values.filter { $0.count == 3 }
        #expect(whole.count > 40)
        #expect(whole.allSatisfy { Set($0.map { $0["pid"] as! Int }).count == 3 })
    }

    @Test func `an edge is recorded without holding the graph up, and replayed as a source`() throws
    {
        let tool = try started()
        let file = "\(tool.folder)/stage.rec"

        let recorded = try tool.ask("record", "-", "stage.data", file, "--frames", "40")
        let unknown = try tool.ask("record", "-", "stage.dada", "/tmp/none.rec")
        let outcome = stop(tool)

        #expect(recorded.status == 0, "\(recorded.errors)")
        #expect(recorded.output.contains("stage.rec: 40 messages"))
        #expect(unknown.status == 1)
        #expect(unknown.errors.contains("those are source.data, stage.data"))
        #expect(outcome.status == 130)
        #expect(outcome.number("frames_unaccounted") == 0, "\(outcome.errors)")
        let again = try Tool(
            "run",
            graph: """
                nodes:
                  old: { use: replay, with: { path: \(file), pace: flat-out } }
                  sink: { use: test-sink, in: { data: old.data } }
                """, "--json")
        let replayed = try again.run()
        #expect(replayed.status == 0, "\(replayed.errors)")
        #expect(replayed.number("frames_in") == 40)
        #expect(replayed.number("frames_out") == 40)
    }

    @Test func `a recording's port is checked like any other`() throws {
        let tool = try Tool(
            "check",
            graph: """
                nodes:
                  old: { use: replay, with: { path: /dev/null } }
                  sink: { use: test-sink, in: { data: old.data } }
                """)

        let outcome = try tool.run()

        #expect(outcome.status == 1)
        #expect(outcome.output.contains("node 'old' has no output 'data'"))
    }
}

/// Ages of live graphs, over real processes. Bounds are wide: a machine under load is slow.
@Suite(.serialized) struct LiveAgeTests {
    private static let chain = """
        mode: live
        latency_budget: BUDGET
        nodes:
          source: { use: test-source, with: { bytes: 786432, count: 90, rate: 30 } }
          first: { use: test-stage, takes: 5ms, in: { data: source.data }, with: { work: 5 } }
          slow: { use: test-stage, takes: 50ms, in: { data: first.data }, with: { work: 50 } }
          last: { use: test-stage, takes: 10ms, in: { data: slow.data }, with: { work: 10 } }
          sink: { use: test-sink, takes: 0.1ms, in: { data: last.data } }
        """

    private func median(_ outcome: Tool.Outcome) -> Double? {
        let object = try? JSONSerialization.jsonObject(with: Data(outcome.output.utf8))
        let age = (object as? [String: Any])?["age"] as? [String: Any]
        return age?["p50_ms"] as? Double
    }

    @Test func `a chain is as young as its plan says, and every frame is accounted for`() throws {
        let tool = try Tool("run", graph: Self.chain.replacing("BUDGET", with: "160ms"), "--json")

        let outcome = try tool.run()

        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(try #require(median(outcome)) < 165, "the plan's worst is 152 ms")
        #expect(outcome.number("frames_unaccounted") == 0)
        #expect(try #require(outcome.number("frames_dropped")) > 10)
    }

    @Test func `a graph that cannot meet its budget is not started, and told what would help`() throws {
        let graph = Self.chain.replacing("BUDGET", with: "100ms")

        let planned = try Tool("plan", graph: graph).run()
        let run = try Tool("run", graph: graph).run()

        #expect(planned.status == 1)
        #expect(planned.errors.contains("a frame can be 152ms old at 'sink', most of it on"))
        #expect(planned.errors.contains("'first.data → slow.data'"))
        #expect(run.status == 1)
        #expect(run.errors.contains("nothing was started (--ignore-budget would)"))
    }

    @Test func `what is measured of a run serves the plan`() throws {
        let graph = Self.chain.replacing("BUDGET", with: "900ms")
        let tool = try Tool("run", graph: graph, "--json")
        let outcome = try tool.run()
        let file = "\(tool.folder)/run.json"
        try Data(outcome.output.utf8).write(to: URL(fileURLWithPath: file))
        let bare = graph.replacing(/, takes: [0-9.]+ms/, with: "")

        let unknown = try Tool("plan", graph: bare).run()
        let known = try Tool("plan", graph: bare, "--from", file).run()

        #expect(unknown.output.contains("nobody said how long 'first', 'slow', 'last' and 'sink' take"))
        #expect(!known.output.contains("nobody said"))
        #expect(known.status == 0, "\(known.errors)")
    }

    @Test func `frames cross TCP as they cross shared memory, and none is lost count of`() throws {
        let tool = try Tool(arguments: ["bench", "live", "--only", "ages", "--json"])
        tool.process.environment!["AGES_SECONDS"] = "2"

        let outcome = try tool.run()

        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(outcome.number("edge_frames_unaccounted_ipc") == 0)
        #expect(outcome.number("edge_frames_unaccounted_tcp") == 0)
        let object = try JSONSerialization.jsonObject(with: Data(outcome.output.utf8))
        let age = (object as? [String: Any])?["edge_age_p50_ms_tcp"] as? Double
        #expect(try #require(age) < 45, "one frame's time is 33 ms")
    }

    @Test func `what is taken in one go is spread evenly over time`() throws {
        let graph = """
            mode: live
            nodes:
              source: { use: test-source, with: { bytes: 64, count: 240, rate: 120 } }
              stage:
                use: test-stage
                in: { data: { from: source.data, keep: even, window: 4 } }
              slow: { use: test-stage, in: { data: stage.data }, with: { work: 25 } }
              sink: { use: test-sink, in: { data: slow.data } }
            """

        let outcome = try Tool("run", graph: graph, "--json").run()

        #expect(outcome.status == 0, "\(outcome.errors)")
        let object = try JSONSerialization.jsonObject(with: Data(outcome.output.utf8))
        let drops = (object as? [String: Any])?["dropped"] as? [[String: Any]]
        let runs = try #require(drops?.first?["frames"] as? [[Int]])
        // 120 frames a second, 40 of them used: two are left out between any two, never a burst.
        let lengths = runs.dropFirst(3).dropLast(3).map { $0[1] - $0[0] + 1 }
        #expect(lengths.count > 20)
        #expect(lengths.filter { (1...4).contains($0) }.count >= lengths.count * 9 / 10, "\(lengths)")
    }
}
