import Foundation
import Wire

extension RunSnapshot {
    private struct Age: Codable {
        var p50_ms: Double?
        var p95_ms: Double?
        var p99_ms: Double?
        /// An age always names its two ends.
        var from: String
        var to: String
    }

    private struct Stream: Codable {
        var sources: [String]
        var sink: String
        var frames_in: Int
        var frames_out: Int
        var frames_dropped: Int
        var frames_unaccounted: Int
        var frames_late: Int
        var age: Age
        var dropped: [Dropped]
    }

    /// How long something took, or how old frames were, as a run's JSON has it.
    package struct Times: Codable, Sendable {
        package var p50_ms: Double?
        package var p99_ms: Double?
        package var max_ms: Double

        init(_ times: AgeHistogram) {
            (p50_ms, p99_ms) = (times.percentile(0.5), times.percentile(0.99))
            max_ms = times.maximum
        }
    }

    private struct Dropped: Codable {
        var place: String
        var reason: String
        var count: Int
        var frames: [[UInt64]]
    }

    private struct Node: Codable {
        var name: String
        var kind: String
        var ticks: Int
        var busy_s: Double
        var waiting_for_input_s: Double
        var waiting_for_output_s: Double
        var load_s: Double
        var peak_memory_bytes: Int
        var restarts: Int
        /// Why the graph went on without it at the end; nil where it did not.
        var down: String?
        /// Of a source, frames that it sent.
        var emitted: Int?
        /// How long its ticks took, and how old frames were when it was done with them.
        var work: Times
        var age: Times
        var hops: [Hop]
    }

    private struct Hop: Codable {
        var port: String
        var received: Int
        var bytes: Int
        var p50_ms: Double?
        var p95_ms: Double?
        var max_ms: Double
    }

    private struct Run: Codable {
        var frames_in: Int
        var frames_out: Int
        var frames_dropped: Int
        var frames_unaccounted: Int
        var seconds: Double
        var fps: Double
        var age: Age
        var dropped: [Dropped]
        /// One for each sink, the busiest first, whose figures stand above, too.
        var streams: [Stream]
        var notices: [String]
        var nodes: [Node]
    }

    /// The run as one JSON object.
    package func json() throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        return String(decoding: try encoder.encode(run), as: UTF8.self)
    }

    private var run: Run {
        Run(
            frames_in: framesIn, frames_out: framesOut, frames_dropped: lost,
            frames_unaccounted: unaccountedCount, seconds: seconds,
            fps: seconds > 0 ? Double(framesOut) / seconds : 0,
            age: Self.ages(age, from: sourceName, to: sinkName), dropped: losses.map(Self.dropped),
            streams: balances.map(Self.stream), notices: notices,
            nodes: (nodes + departed).map(Self.node))
    }

    private static func stream(_ balance: Balance) -> Stream {
        Stream(
            sources: balance.sources, sink: balance.sink, frames_in: balance.framesIn,
            frames_out: balance.framesOut, frames_dropped: balance.missing.count,
            frames_unaccounted: balance.unaccounted.count, frames_late: balance.lateCount,
            age: ages(balance.age, from: balance.sources.joined(separator: ", "), to: balance.sink),
            dropped: balance.losses.map(dropped))
    }

    private static func ages(_ age: AgeHistogram, from source: String, to sink: String) -> Age {
        Age(
            p50_ms: age.percentile(0.5), p95_ms: age.percentile(0.95),
            p99_ms: age.percentile(0.99), from: "\(source) captured", to: "\(sink) done")
    }

    private static func dropped(_ loss: Loss) -> Dropped {
        Dropped(
            place: loss.place, reason: loss.reason, count: loss.frames.count,
            frames: loss.frames.runs)
    }

    private static func node(_ state: NodeState) -> Node {
        let report = state.report
        return Node(
            name: state.name, kind: state.kind, ticks: report.ticks, busy_s: report.busy,
            waiting_for_input_s: report.waitingForInput,
            waiting_for_output_s: report.waitingForOutput, load_s: report.loading,
            peak_memory_bytes: report.peakMemory, restarts: state.restarts,
            down: state.outage,
            emitted: state.isSource ? report.emittedCount : nil, work: Times(report.work),
            age: Times(report.age),
            hops: report.inputs.map {
                Hop(
                    port: $0.port, received: $0.received, bytes: $0.bytes,
                    p50_ms: $0.hop.percentile(0.5), p95_ms: $0.hop.percentile(0.95),
                    max_ms: $0.hop.maximum)
            })
    }
}
