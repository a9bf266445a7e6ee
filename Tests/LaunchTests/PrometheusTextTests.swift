import Foundation
import Testing

@testable import Launch
@testable import Wire

@Suite struct PrometheusTextTests {
    /// A source with two edges to one consumer.
    private var run: RunStatus {
        var source = NodeReport(), sink = NodeReport()
        (source.ticks, source.busy, source.emittedCount) = (12, 1.5, 11)
        source.outputs = [
            .init(port: "data", consumer: "sink", consumerPort: "a", keep: "newest", sent: 7),
            .init(port: "data", consumer: "sink", consumerPort: "b", keep: "all", sent: 9),
        ]
        for milliseconds in [0.5, 4, 40, 40, 400, 40_000] {
            sink.age.add(nanoseconds: Int64(milliseconds * 1e6))
        }
        sink.deliveredCount = 6
        sink.inputs = ["a", "b"].map { NodeReport.Input(port: $0) }
        let nodes = [("sour\"ce", "test-source", source), ("sink", "test-sink", sink)].map {
            RunStatus.Node(
                name: $0, kind: $1, pid: 1, state: "running", restarts: 0, swaps: 0, report: $2)
        }
        let edges = ["a", "b"].map {
            RunStatus.Edge(
                from: "sour\"ce.data", to: "sink.\($0)", keep: "all", window: 2, endpoint: "",
                type: nil,
                link: nil)
        }
        return RunStatus(
            name: "r", graph: "g", pid: 1, folder: "/", state: "running", seconds: 2.5,
            nodes: nodes,
            edges: edges)
    }

    private var lines: [String] {
        PrometheusText(run).text.split(separator: "\n").map(String.init)
    }

    @Test func `a metric has one head, and then its samples`() {
        var seen: Set<String> = [], current = ""
        for line in lines where line.hasPrefix("# TYPE ") {
            let words = line.split(separator: " ")
            #expect(words.count == 4)
            #expect(seen.insert(String(words[2])).inserted)
        }
        for line in lines {
            if line.hasPrefix("# TYPE ") { current = String(line.split(separator: " ")[2]) }
            if !line.hasPrefix("#") { #expect(line.hasPrefix(current)) }
        }
        #expect(seen.contains("personalive_sink_age_seconds"))
    }

    @Test func `counters end in _total, and only they do`() {
        for line in lines where line.hasPrefix("# TYPE ") {
            let words = line.split(separator: " ")
            #expect((words[3] == "counter") == words[2].hasSuffix("_total"), "\(line)")
        }
    }

    @Test func `labels are quoted, and edges known by their ports`() {
        #expect(
            lines.contains(
                #"personalive_node_ticks_total{node="sour\"ce",kind="test-source"} 12.0"#))
        #expect(
            lines.contains(#"personalive_edge_sent_total{from="sour\"ce.data",to="sink.a"} 7.0"#))
        #expect(
            lines.contains(#"personalive_edge_sent_total{from="sour\"ce.data",to="sink.b"} 9.0"#))
        #expect(
            lines.contains(
                #"personalive_source_frames_total{node="sour\"ce",kind="test-source"} 11.0"#))
    }

    @Test func `ages are a histogram whose buckets add up`() throws {
        let head = "personalive_sink_age_seconds"
        let labels = #"node="sink",kind="test-sink""#
        for (bound, count) in [
            ("0.001", 1), ("0.005", 2), ("0.05", 4), ("0.5", 5), ("10.0", 5), ("+Inf", 6),
        ] {
            #expect(lines.contains("\(head)_bucket{\(labels),le=\"\(bound)\"} \(count).0"))
        }
        #expect(lines.contains("\(head)_count{\(labels)} 6.0"))
        let sum = lines.first { $0.hasPrefix("\(head)_sum") }?.split(separator: " ").last.flatMap {
            Double($0)
        }
        #expect(abs(try #require(sum) - 40.4845) < 0.41)
        #expect(lines.contains("# TYPE \(head) histogram"))
    }
}
