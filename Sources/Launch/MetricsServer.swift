import CPosix
import Foundation
import Glibc
import Wire

/// Answers `GET /metrics` on this machine, in Prometheus's text format, version 0.0.4.
///
/// One thread, one request at a time: a scraper comes every few seconds. It asks the run over its
/// control socket as anyone else does, so it shares nothing with the supervisor.
package final class MetricsServer {
    private let listener: Int32

    /// Binds to 127.0.0.1 only: whoever wants figures from elsewhere puts a proxy before it.
    ///
    /// - Parameters:
    ///   - port: 0 for any.
    ///   - folder: the run's.
    package init(port: UInt16, folder: String) throws {
        listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var yes: Int32 = 1
        setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, 4)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let bound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard listener >= 0, bound == 0, listen(listener, 8) == 0 else {
            let reason = String(cString: strerror(errno))
            if listener >= 0 { close(listener) }
            throw LaunchError.system(call: "bind(127.0.0.1:\(port))", reason: reason)
        }
        let bell = listener
        let thread = Thread {
            while true {
                let peer = accept(bell, nil, nil)
                if peer < 0 {
                    guard errno == EINTR || errno == ECONNABORTED else { return }
                    continue
                }
                Self.serve(peer, folder)
                close(peer)
            }
        }
        thread.start()
    }

    deinit {
        shutdown(listener, Int32(SHUT_RDWR))
        close(listener)
    }

    private static func serve(_ peer: Int32, _ folder: String) {
        // A peer that says nothing must not keep others out.
        var patience = timeval(tv_sec: 2, tv_usec: 0)
        let size = socklen_t(MemoryLayout<timeval>.size)
        setsockopt(peer, SOL_SOCKET, SO_RCVTIMEO, &patience, size)
        setsockopt(peer, SOL_SOCKET, SO_SNDTIMEO, &patience, size)
        guard let path = request(peer) else { return respond(peer, "400 Bad Request", "") }
        guard path == "/metrics" else { return respond(peer, "404 Not Found", "see /metrics\n") }
        guard let status = try? RunClient(folder: folder).status(seconds: 2) else {
            return respond(peer, "503 Service Unavailable", "the run does not answer\n")
        }
        respond(peer, "200 OK", Metrics(status).text)
    }

    /// The path of a GET request; nil for anything else.
    private static func request(_ peer: Int32) -> String? {
        var text: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while text.count < 16 << 10 {
            let count = recv(peer, &buffer, buffer.count, 0)
            guard count > 0 else { return nil }
            text += buffer[..<count]
            let whole = String(decoding: text, as: UTF8.self)
            guard whole.contains("\r\n\r\n") || whole.contains("\n\n") else { continue }
            let words = whole.prefix { $0 != "\r\n" && $0 != "\n" }.split(separator: " ")
            guard words.count >= 2, words[0] == "GET" else { return nil }
            return String(words[1].prefix { $0 != "?" })
        }
        return nil
    }

    private static func respond(_ peer: Int32, _ status: String, _ body: String) {
        let text = "HTTP/1.1 \(status)\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"
            + "Content-Length: \(body.utf8.count)\r\nConnection: close\r\n\r\n" + body
        var rest = ArraySlice(text.utf8)
        while !rest.isEmpty {
            let sent = rest.withUnsafeBytes {
                send(peer, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard sent > 0 else { return }
            rest = rest.dropFirst(sent)
        }
    }
}

/// A run's figures in Prometheus's text format.
struct Metrics {
    private var lines: [String] = []

    init(_ run: RunStatus) {
        add("personalive_run_seconds", "gauge", "Since the sources began.", [([], run.seconds)])
        func nodes(
            _ name: String, _ type: String, _ help: String,
            _ value: (RunStatus.Node) -> Double
        ) {
            add(
                "personalive_node_\(name)", type, help,
                run.nodes.map { ([("node", $0.name), ("kind", $0.kind)], value($0)) })
        }
        nodes("ticks_total", "counter", "Calls of the node.") { Double($0.report.ticks) }
        nodes("busy_seconds_total", "counter", "Time spent computing.") { $0.report.busy }
        nodes("waiting_for_input_seconds_total", "counter", "Time without anything to do.") {
            $0.report.waitingForInput
        }
        nodes("waiting_for_output_seconds_total", "counter", "Time spent waiting for consumers.") {
            $0.report.waitingForOutput
        }
        nodes("memory_bytes", "gauge", "The most memory the process had at once.") {
            Double($0.report.peakMemory)
        }
        nodes("restarts_total", "counter", "Processes that were replaced because they failed.") {
            Double($0.restarts)
        }
        nodes("up", "gauge", "Whether the process runs.") { $0.state == "ended" ? 0 : 1 }
        addEdges(run)
    }

    private mutating func addEdges(_ run: RunStatus) {
        let edges = run.edges.map { EdgeFigures($0, in: run) }
        func add(
            _ name: String, _ type: String, _ help: String, _ value: (EdgeFigures) -> Double?
        ) {
            self.add(
                "personalive_edge_\(name)", type, help,
                edges.compactMap { edge in value(edge).map { (edge.labels, $0) } })
        }
        add("received_total", "counter", "Messages that arrived.") {
            $0.input.map { Double($0.received) }
        }
        add("received_bytes_total", "counter", "Their payloads.") {
            $0.input.map { Double($0.bytes) }
        }
        add("dropped_total", "counter", "Messages that the producer dropped for want of a credit.") {
            $0.output.map { Double($0.droppedCount) }
        }
        add("waiting", "gauge", "Messages that wait for a credit.") {
            $0.output.map { Double($0.waiting) }
        }
        add("credits", "gauge", "Credits that wait for a message.") {
            $0.output.map { Double($0.credits) }
        }
        addAges("age", "Captured at the source until received here.", edges) { $0.age }
        addAges("hop", "Sent by the producer until received here.", edges) { $0.hop }
    }

    private mutating func addAges(
        _ name: String, _ help: String, _ edges: [EdgeFigures],
        _ ages: (NodeReport.Input) -> AgeHistogram
    ) {
        var samples: [([(String, String)], Double)] = []
        for edge in edges {
            guard let input = edge.input else { continue }
            for quantile in [0.5, 0.95, 0.99] {
                guard let age = ages(input).percentile(quantile) else { continue }
                samples.append((edge.labels + [("quantile", "\(quantile)")], age / 1000))
            }
        }
        add("personalive_edge_\(name)_seconds", "gauge", help, samples)
    }

    private mutating func add(
        _ name: String, _ type: String, _ help: String,
        _ samples: [(labels: [(String, String)], value: Double)]
    ) {
        guard !samples.isEmpty else { return }
        lines += ["# HELP \(name) \(help)", "# TYPE \(name) \(type)"]
        for (labels, value) in samples {
            let words = labels.map { "\($0.0)=\"\(Self.escaped($0.1))\"" }.joined(separator: ",")
            lines.append(name + (words.isEmpty ? "" : "{\(words)}") + " \(value)")
        }
    }

    private static func escaped(_ text: String) -> String {
        text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")
            .replacing("\n", with: "\\n")
    }

    var text: String { lines.joined(separator: "\n") + "\n" }
}

/// Both ends' figures of one edge.
package struct EdgeFigures {
    package let edge: RunStatus.Edge
    package let input: NodeReport.Input?
    package let output: NodeReport.Output?

    package init(_ edge: RunStatus.Edge, in run: RunStatus) {
        self.edge = edge
        let (from, to) = (Self.split(edge.from), Self.split(edge.to))
        input = run.nodes.first { $0.name == to.node }?.report.inputs.first { $0.port == to.port }
        output = run.nodes.first { $0.name == from.node }?.report.outputs
            .first { $0.port == from.port && ($0.consumer == to.node || $0.consumer == edge.to) }
    }

    var labels: [(String, String)] { [("from", edge.from), ("to", edge.to)] }

    private static func split(_ end: String) -> (node: String, port: String) {
        let node = end.prefix { $0 != "." }
        return (String(node), String(end.dropFirst(node.count + 1)))
    }
}
