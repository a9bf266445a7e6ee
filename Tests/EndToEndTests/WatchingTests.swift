import Foundation
import NodeKit
import Synchronization
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
        // A source that waits for its next frame is not busy: 50 frames a second take it little.
        let shares = lines.filter { $0.contains(" % ") }.map { line in
            line.matches(of: /([0-9]+) %/).compactMap { Int($0.output.1) }
        }
        #expect(shares.count == 3 && shares.allSatisfy { $0.count == 3 && $0.reduce(0, +) <= 101 })
        #expect(shares[0][0] < 50, "\(screen.output)")
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
            let spans = ticks.map { ($0["ts"] as! Double, $0["dur"] as! Double) }.sorted {
                $0.0 < $1.0
            }
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

    @Test func `two recordings that began at different frames meet by the frames' numbers`() throws
    {
        let tool = try Tool(
            "run",
            graph: """
                nodes:
                  left: { use: replay, with: { path: FOLDER/left.rec, pace: flat-out } }
                  right: { use: replay, with: { path: FOLDER/right.rec, pace: flat-out } }
                  join: { use: test-join, in: { a: left.data, b: right.data } }
                """, "--json")
        for (name, frames) in [("left", 100..<130), ("right", 102..<132)]
            as [(String, Range<UInt64>)]
        {
            let writer = try Recording.Writer(
                path: "\(tool.folder)/\(name).rec",
                Recording.Header(
                    from: "\(name).data", port: "data", type: "u8", axes: "bytes", meaning: "bytes")
            )
            for frame in frames {
                let stamp = Stamp(frame: frame, captured: Int64(frame), presentation: 0)
                try [UInt8(frame)].withUnsafeBytes { try writer.write(.uint8, [1], stamp, $0) }
            }
            try writer.finish()
        }

        let outcome = try tool.run()
        let graph = try String(contentsOfFile: "\(tool.folder)/graph.yaml", encoding: .utf8)
        let live = try Tool("check", graph: "mode: live\n" + graph).run()

        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(outcome.number("frames_out") == 28, "\(outcome.output)")
        #expect(live.output.contains("remove 'pace: flat-out'"), "\(live.output)")
    }

    @Test func `a recording's port is checked like any other`() throws {
        let tool = try Tool(
            "check",
            graph: """
                nodes:
                  old: { use: replay, with: { path: FOLDER/old.rec } }
                  sink: { use: test-sink, in: { data: old.other } }
                """)
        let writer = try Recording.Writer(
            path: "\(tool.folder)/old.rec",
            Recording.Header(from: "a.data", port: "data", type: "u8", axes: "bytes", meaning: "bytes"))
        try writer.finish()

        let outcome = try tool.run()

        #expect(outcome.status == 1)
        #expect(outcome.output.contains("node 'old' has no output 'other'"), "\(outcome.output)")
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

    /// Programs that compute all the time, one for each core, as long as it lives; and the latest that
    /// a thread beside them was woken.
    private final class Load: Sendable {
        private let programs: [Int32]
        private let latest = Mutex((lateness: Duration.zero, isOver: false))

        /// The longest that a thread slept more than it wanted to.
        var lateness: Duration { latest.withLock { $0.lateness } }

        init() throws {
            programs = try (0..<ProcessInfo.processInfo.activeProcessorCount).map { _ in
                let program = Process()
                program.executableURL = URL(fileURLWithPath: "/bin/sh")
                program.arguments = ["-c", "while :; do :; done"]
                try program.run()
                return program.processIdentifier
            }
            Thread { [self] in
                while !latest.withLock({ $0.isOver }) {
                    let due = ContinuousClock.now + .milliseconds(2)
                    usleep(2_000)
                    let late = ContinuousClock.now - due
                    latest.withLock { $0.lateness = max($0.lateness, late) }
                }
            }.start()
        }

        func stop() {
            latest.withLock { $0.isOver = true }
            // A test's thread may block SIGTERM, and so do the programs that it starts.
            programs.forEach { kill($0, SIGKILL) }
        }
    }

    /// What `plan --json --against` says of the graph's only sink.
    private struct Ages: Decodable {
        struct Measured: Decodable { var max_ms: Double }
        struct Sink: Decodable {
            var bound_ms: Double
            var measured: Measured
        }
        struct Age: Decodable {
            var idle_ms: Double
            var sinks: [Sink]
        }
        var version: Int
        var age: Age
    }

    @Test func `no frame is older than the plan says while other programs compute`() throws {
        let tool = try Tool("run", graph: Self.chain.replacing("BUDGET", with: "900ms"), "--json")
        let load = try Load()
        defer { load.stop() }

        let outcome = try tool.run()
        let lateness = load.lateness / .milliseconds(1)

        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(outcome.number("frames_unaccounted") == 0)
        #expect(try #require(outcome.number("frames_dropped")) > 10)
        let file = "\(tool.folder)/run.json"
        try Data(outcome.output.utf8).write(to: URL(fileURLWithPath: file))
        let planned = try tool.ask(
            "plan", "\(tool.folder)/graph.yaml", "--against", file, "--json")
        let ages = try JSONDecoder().decode(Ages.self, from: Data(planned.output.utf8))
        #expect(ages.version == 1)
        let (sink, allowance) = (try #require(ages.age.sinks.first), 15.0)
        // The plan allows 15 ms for each hop: on a machine that is busier than that, three threads of a
        // hop may each be as late as one was here.
        let excess = max(3 * lateness / allowance, 1)
        let bound = ages.age.idle_ms + excess * (sink.bound_ms - ages.age.idle_ms)
        #expect(sink.measured.max_ms <= bound, "late by \(lateness) ms; \(planned.output)")
        // A bound that nothing comes near says nothing.
        #expect(sink.measured.max_ms > 100)
    }

    @Test func `a graph that cannot meet its budget is not started, and told what would help`()
        throws
    {
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
        let beside = try Tool("plan", graph: bare, "--against", file).run()
        let checked = try Tool("check", graph: bare).run()

        #expect(
            unknown.output.contains("nobody said how long 'first', 'slow', 'last' and 'sink' take"))
        #expect(unknown.output.contains("unknown  unknown  unknown  sink"))
        #expect(unknown.output.contains("the latency budget of 900ms is not proven"))
        #expect(checked.output.contains("warning: the latency budget of 900ms is not proven"))
        #expect(!known.output.contains("not proven"))
        let rows = beside.output.split(separator: "\n").map { $0.split(separator: " ") }
        let header = try #require(rows.firstIndex { $0 == ["sink", "bound", "p50", "p99", "max"] })
        #expect(rows[header + 1].count == 5 && rows[header + 1][0] == "sink")
        #expect(rows[header + 1].dropFirst().allSatisfy { $0.hasSuffix("ms") })
        #expect(!known.output.contains("nobody said"))
        #expect(known.status == 0, "\(known.errors)")
    }

    @Test func `frames cross TCP as they cross shared memory, and none is lost count of`() throws {
        let tool = try Tool(bench: ["live", "--only", "ages", "--json"])
        tool.process.environment!["AGES_SECONDS"] = "2"

        let outcome = try tool.run()

        #expect(outcome.status == 0, "\(outcome.errors)")
        let object = try JSONSerialization.jsonObject(with: Data(outcome.output.utf8))
        let results = (object as? [String: Any])?["results"] as? [String: Double]
        #expect(results?["edge_frames_unaccounted_ipc"] == 0)
        #expect(results?["edge_frames_unaccounted_tcp"] == 0)
        let age = results?["edge_age_p50_ms_tcp"]
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
        let drops = (object as? [String: Any])?["dropped"] as? [[String: Any]] ?? []
        let runs = drops.filter { $0["place"] as? String == "source.data → stage" }
            .flatMap { $0["frames"] as? [[Int]] ?? [] }
        let sent = (0..<240).filter { frame in !runs.contains { $0[0] <= frame && frame <= $0[1] } }
        // Four are taken in one go. However long that takes, as many frames lie between any two of them, or
        // one more, and before the first: never a burst.
        let steps = stride(from: 0, through: sent.count - 4, by: 4).map { first in
            (first..<first + 4).map { sent[$0] - ($0 > 0 ? sent[$0 - 1] : -1) }
        }
        // When more than 64 wait, every second one goes before that is chosen.
        let even = steps.filter { $0.reduce(0, +) <= 64 }
        #expect(even.allSatisfy { $0.max()! - $0.min()! <= 1 }, "\(steps)")
        #expect(even.contains { $0.max()! > 1 }, "\(steps)")
    }
}
