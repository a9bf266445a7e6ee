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
            decoding: output.fileHandleForReading.readAll(), as: UTF8.self)
        process.waitUntilExit()
        return text
    }

    /// A connection to a port of this machine.
    private final class Client {
        private let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)

        init(_ port: Int) throws {
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = UInt16(port).bigEndian
            address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
            let result = withUnsafePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
            guard result == 0 else { throw POSIXError(POSIXErrorCode(rawValue: errno)!) }
            var patience = timeval(tv_sec: 20, tv_usec: 0)
            let size = socklen_t(MemoryLayout<timeval>.size)
            setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, size)
        }

        deinit { close(descriptor) }

        func send(_ text: String) {
            _ = Glibc.send(descriptor, text, text.utf8.count, Int32(MSG_NOSIGNAL))
        }

        /// All that comes until the server closes the connection.
        func rest() -> String {
            var bytes: [UInt8] = [], buffer = [UInt8](repeating: 0, count: 4096)
            while case let count = recv(descriptor, &buffer, buffer.count, 0), count > 0 {
                bytes += buffer[..<count]
            }
            return String(decoding: bytes, as: UTF8.self)
        }
    }

    private func get(_ port: Int, _ path: String = "/metrics") throws -> String {
        let client = try Client(port)
        client.send("GET \(path) HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        return client.rest()
    }

    @Test func `any port is one that status and the screen say`() throws {
        let (tool, port) = try started()

        let text = try get(port), other = try get(port, "/other")
        let outcome = stop(tool)

        #expect(text.hasPrefix("HTTP/1.1 200 OK\r\n"))
        #expect(text.contains("Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"))
        #expect(other.hasPrefix("HTTP/1.1 404 Not Found\r\n"))
        #expect(other.hasSuffix("there is GET of: /metrics\n"))
        #expect(text.contains("personalive_node_ticks_total{node=\"stage\",kind=\"test-stage\"} "))
        #expect(outcome.errors.contains("figures for Prometheus: http://127.0.0.1:\(port)/metrics"))
        #expect(throws: POSIXError(.ECONNREFUSED)) { try get(port) }
    }

    @Test func `clients that never end their requests hold no other one`() throws {
        let (tool, port) = try started()
        defer { _ = stop(tool) }
        let request = "GET /metrics HTTP/1.1\r\nConnection: close\r\n\r\n"
        let slow = try (0..<80).map { _ in try Client(port) }
        for (index, client) in slow.enumerated() { client.send(String(request.prefix(index % 20))) }

        let answer = try get(port)
        slow[2].send(String(request.dropFirst(2)))

        #expect(answer.hasPrefix("HTTP/1.1 200 OK\r\n"))
        #expect(slow[2].rest().hasPrefix("HTTP/1.1 200 OK\r\n"), "it is answered once it is whole")
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
                # A node that has just begun has not yet told of its edges.
                sent = families["personalive_edge_sent"].samples if "personalive_edge_sent" in families else []
                edges = {(s.labels["from"], s.labels["to"]) for s in sent}
                if len(edges) == 2 and families["personalive_sink_frames"].samples[0].value > 5: break
            for family in families.values():
                assert family.documentation and family.type in ("counter", "gauge", "histogram"), family
            samples = families["personalive_sink_age_seconds"].samples
            buckets = [s.value for s in samples if s.name.endswith("_bucket")]
            assert buckets == sorted(buckets) and samples[-1].value == buckets[-1] > 5, samples
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
