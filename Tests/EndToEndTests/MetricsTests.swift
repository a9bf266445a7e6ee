import Foundation
import Glibc
import Testing

/// `/metrics` of a running graph.
@Suite(.serialized) struct MetricsTests {
    private static let graph = """
        mode: live
        nodes:
          source: { use: test-source, with: { bytes: 40000, count: 1000000, rate: 50 } }
          stage: { use: test-stage, in: { data: source.data }, with: { work: 5 } }
          sink: { use: test-sink, in: { data: stage.data } }
        """

    /// A graph that serves its figures at any port, and where.
    private func started() throws -> (Tool, port: Int) {
        let tool = try Tool("run", graph: Self.graph, "--metrics", "0")
        try tool.start()
        var port: Int?
        #expect(
            tool.waitUntil {
                guard let status = try? tool.ask("status", "--json"),
                    status.output.contains("running")
                else { return false }
                port = status.object["metrics"].flatMap { URL(string: $0 as? String ?? "")?.port }
                return port != nil
            })
        return (tool, try #require(port))
    }

    private func stop(_ tool: Tool) -> Tool.Outcome {
        kill(tool.process.processIdentifier, SIGINT)
        return tool.finish()
    }

    /// What a program prints.
    private func run(_ arguments: [String]) throws -> String {
        let process = Process(), output = Pipe()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = arguments
        process.standardOutput = output
        process.standardError = output
        try process.run()
        let text = String(
            decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return text
    }

    private func get(_ port: Int) throws -> String {
        let script = """
            exec 3<>/dev/tcp/127.0.0.1/$0 && printf 'GET /metrics HTTP/1.1\\r\\nConnection: close\\r\\n\\r\\n' >&3 &&
            timeout 20 cat <&3
            """
        return try run(["bash", "-c", script, "\(port)"])
    }

    @Test func `any port is one that status and the screen say`() throws {
        let (tool, port) = try started()

        let text = try get(port)
        let outcome = stop(tool)

        #expect(text.hasPrefix("HTTP/1.1 200"))
        #expect(text.contains("personalive_node_ticks_total{node=\"stage\",kind=\"test-stage\"} "))
        #expect(outcome.errors.contains("figures for Prometheus: http://127.0.0.1:\(port)/metrics"))
        #expect(try get(port).contains("refused"), "nothing serves when the run is over")
    }

    @Test(.enabled(if: Python.hasPrometheus)) func `Prometheus's own reader understands all`()
        throws
    {
        let (tool, port) = try started()
        defer { _ = stop(tool) }
        let program = """
            import sys, urllib.request
            from prometheus_client.parser import text_string_to_metric_families
            while True:
                text = urllib.request.urlopen(f"http://127.0.0.1:{sys.argv[1]}/metrics", timeout=20).read().decode()
                families = {f.name: f for f in text_string_to_metric_families(text)}
                if families["personalive_sink_frames"].samples[0].value > 5: break
            for family in families.values():
                assert family.documentation and family.type in ("counter", "gauge", "histogram"), family
            samples = families["personalive_sink_age_seconds"].samples
            buckets = [s.value for s in samples if s.name.endswith("_bucket")]
            assert buckets == sorted(buckets) and samples[-1].value == buckets[-1] > 5, samples
            edges = {(s.labels["from"], s.labels["to"]) for s in families["personalive_edge_sent"].samples}
            assert edges == {("source.data", "stage.data"), ("stage.data", "sink.data")}, edges
            print("understood", sum(len(f.samples) for f in families.values()) > 100)
            """

        let said = try run(["python3", "-c", program, "\(port)"])

        #expect(said == "understood True\n", "\(said)")
    }

    @Test func `the process that serves is started again, and takes nothing from the graph`() throws
    {
        let (tool, port) = try started()
        let server = try #require(Tool.children(of: tool.process.processIdentifier)["metrics"])

        _ = kill(server, SIGKILL)
        #expect(tool.waitUntil { (try? get(port))?.hasPrefix("HTTP/1.1 200") ?? false })
        let outcome = stop(tool)

        #expect(outcome.status == 130, "\(outcome.errors)")
        #expect(
            outcome.errors.contains(
                "the process that serves /metrics ended: personalive metrics: signal 9"))
    }

    @Test func `a run can be asked for its figures when it runs already`() throws {
        let tool = try Tool("run", graph: Self.graph), server = try Tool(arguments: ["metrics"])
        try tool.start()
        #expect(tool.waitUntil { (try? tool.ask("status").status) == 0 })
        server.process.environment = tool.process.environment

        try server.start()
        #expect(tool.waitUntil { server.printed.contains("/metrics\n") })
        let port = try #require(
            URL(string: server.printed.split(separator: "\n").first.map(String.init) ?? "")?.port)
        let text = try get(port)
        _ = stop(tool)
        let outcome = server.finish()

        #expect(text.hasPrefix("HTTP/1.1 200"))
        #expect(outcome.status == 0, "it ends with the run: \(outcome.errors)")
    }

    @Test func `a port that is taken is found before anything starts`() throws {
        let (tool, port) = try started()
        defer { _ = stop(tool) }

        let outcome = try Tool("run", graph: Self.graph, "--metrics", "\(port)").run()

        #expect(outcome.status == 1)
        #expect(outcome.errors.contains("port \(port) of this machine cannot be had for --metrics"))
        #expect(
            outcome.errors.contains("Address already in use\n  nothing was started"),
            "\(outcome.errors)")
    }
}
