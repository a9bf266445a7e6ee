import Foundation
import Testing

/// Looking at a running graph: top, trace, metrics, record and replay.
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

    @Test func `Prometheus gets figures of nodes and edges, on this machine only`() throws {
        let port = Int.random(in: 20_000...30_000)
        let tool = try started("--metrics", "\(port)")
        defer { _ = stop(tool) }

        let found = try fetch("http://127.0.0.1:\(port)/metrics")
        let other = try fetch("http://127.0.0.1:\(port)/")

        #expect(found.code == 200)
        #expect(other.code == 404)
        let lines = found.text.split(separator: "\n").map(String.init)
        #expect(lines.contains("# TYPE personalive_node_ticks_total counter"))
        #expect(lines.contains { $0.hasPrefix("personalive_node_ticks_total{node=\"stage\",kind=\"test-stage\"} ") })
        #expect(
            lines.contains {
                $0.hasPrefix("personalive_edge_age_seconds{from=\"stage.data\",to=\"sink.data\",quantile=\"0.99\"} 0.")
            })
        #expect(lines.allSatisfy { $0.hasPrefix("#") || $0.split(separator: " ").count >= 2 })
    }

    private func fetch(_ address: String) throws -> (code: Int, text: String) {
        let process = Process(), pipe = Pipe()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [
            "bash", "-c",
            """
            exec 3<>/dev/tcp/127.0.0.1/$0; printf 'GET %s HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n' "$1" >&3; cat <&3
            """,
            String(address.split(separator: ":")[2].prefix { $0 != "/" }),
            "/" + address.split(separator: "/", maxSplits: 2, omittingEmptySubsequences: true).dropFirst(2).joined(),
        ]
        process.standardOutput = pipe
        try process.run()
        let text = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        let parts = text.components(separatedBy: "\r\n\r\n")
        let code = text.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
        return (code, parts.dropFirst().joined(separator: "\r\n\r\n"))
    }

    @Test func `an edge is recorded without holding the graph up, and replayed as a source`() throws {
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
