import Foundation
import Launch
import Wire

/// A running graph as the page shows it: rates and ages are those between two looks, counts are those
/// since the run began.
struct RunView: Codable, Sendable {
    /// How old frames were, in milliseconds. An age always names its two ends.
    struct Age: Codable, Sendable {
        var p50_ms: Double?
        var p95_ms: Double?
        var from: String
        var to: String
    }

    /// What a node spent its time on, and with that what holds it up.
    enum Waits: String, Codable, Sendable {
        /// It computes most of the time.
        case computing
        /// Mostly for messages to come.
        case input
        /// Mostly for consumers to take what it has.
        case output
        /// Its process starts, loads or has ended.
        case absent
    }

    struct Node: Codable, Sendable {
        var name, kind, state: String
        var waits: Waits
        var fps: Double
        /// Shares of the time, 0 to 1.
        var busy, waiting_for_input, waiting_for_output: Double
        /// How long one tick takes, milliseconds.
        var work_p50_ms, work_p95_ms: Double?
        var memory_mb: Int
        var restarts, swaps: Int
        /// The node's own, such as `av_offset_ms`.
        var figures: [String: Double]
        var pid: Int32
        var machine: String?
        /// Why it is down and when it is tried again, or what the node says of itself.
        var note: String?
        var is_source, is_sink: Bool
    }

    struct Edge: Codable, Sendable {
        /// Ends as `node.port`.
        var from, to: String
        var keep: String
        var window: Int
        /// Such as `u8 1 h w 3 rgb`.
        var type: String
        var meaning: String
        var fps, mbit_s: Double
        var age_p50_ms, age_p95_ms, hop_p50_ms: Double?
        var credits, waiting, dropped, sent: Int
    }

    /// One place where frames were lost.
    struct Loss: Codable, Sendable {
        var place, reason: String
        var count: Int
    }

    var name, graph, state: String
    var pid: Int32
    var seconds: Double
    var frames_in, frames_out, frames_dropped: Int
    var fps: Double
    var age: Age
    var losses: [Loss]
    var nodes: [Node]
    var edges: [Edge]

    /// - Parameter before: an earlier look at the same run; the same one where there is none.
    init(_ now: RunStatus, since before: RunStatus) {
        let seconds = max(now.seconds - before.seconds, 0.001)
        let (new, old) = (now.snapshot, before.snapshot)
        (name, graph, state, pid) = (now.name, now.graph, now.state, now.pid)
        self.seconds = now.seconds
        (frames_in, frames_out) = (new.framesIn, new.framesOut)
        losses = new.losses.map { Loss(place: $0.place, reason: $0.reason, count: $0.frames.count) }
        let edgeDrops = now.nodes.flatMap(\.report.outputs).reduce(0) { $0 + $1.droppedCount }
        let nodeDrops = now.nodes.flatMap(\.report.dropped).reduce(0) { $0 + $1.frames.count }
        frames_dropped = edgeDrops + nodeDrops
        fps = max(0, Double(new.framesOut - old.framesOut)) / seconds
        let ages = new.age.since(old.age)
        age = Age(
            p50_ms: ages.percentile(0.5), p95_ms: ages.percentile(0.95),
            from: "\(new.sourceName) captured", to: "\(new.sinkName) done")
        nodes = now.nodes.map { Self.node($0, in: now, since: before, seconds) }
        edges = now.edges.map { Self.edge($0, in: now, since: before, seconds) }
    }

    private static func node(
        _ node: RunStatus.Node, in now: RunStatus, since before: RunStatus, _ seconds: Double
    ) -> Node {
        let old = before.nodes.first { $0.name == node.name && $0.pid == node.pid }?.report
        let shares = Shares(of: node.report, since: old ?? NodeReport(), seconds: seconds)
        let (busy, input, output) = (
            shares.fraction(\.busy), shares.fraction(\.waitingForInput),
            shares.fraction(\.waitingForOutput)
        )
        let work = node.report.work.since(old?.work ?? AgeHistogram())
        let waits: Waits =
            node.state != "running"
            ? .absent : output > max(busy, 0.3) ? .output : busy >= 0.5 ? .computing : .input
        return Node(
            name: node.name, kind: node.kind, state: node.state, waits: waits,
            // A process that took over counts on from its state: what it did since is known next time.
            fps: old.map { Double(max(node.report.ticks - $0.ticks, 0)) / seconds } ?? 0, busy: busy,
            waiting_for_input: input, waiting_for_output: output,
            work_p50_ms: work.percentile(0.5), work_p95_ms: work.percentile(0.95),
            memory_mb: node.report.peakMemory >> 20, restarts: node.restarts, swaps: node.swaps,
            figures: node.report.figures, pid: node.pid, machine: node.machine, note: node.note,
            is_source: !now.edges.contains { $0.to.hasPrefix(node.name + ".") },
            is_sink: !now.edges.contains { $0.from.hasPrefix(node.name + ".") })
    }

    private static func edge(
        _ edge: RunStatus.Edge, in now: RunStatus, since before: RunStatus, _ seconds: Double
    ) -> Edge {
        let (new, old) = (EdgeFigures(edge, in: now), EdgeFigures(edge, in: before))
        // A process that took over counts from 0.
        let received = max((new.input?.received ?? 0) - (old.input?.received ?? 0), 0)
        let bytes = max((new.input?.bytes ?? 0) - (old.input?.bytes ?? 0), 0)
        func recent(_ ages: (NodeReport.Input) -> AgeHistogram) -> AgeHistogram {
            (new.input.map(ages) ?? AgeHistogram()).since(old.input.map(ages) ?? AgeHistogram())
        }
        let (age, hop) = (recent(\.age), recent(\.hop))
        return Edge(
            from: edge.from, to: edge.to, keep: edge.keep, window: edge.window,
            type: edge.type.map { "\($0.type) \($0.axes) \($0.meaning)" } ?? "",
            meaning: edge.type?.meaning ?? "", fps: Double(received) / seconds,
            mbit_s: Double(bytes) * 8 / 1e6 / seconds, age_p50_ms: age.percentile(0.5),
            age_p95_ms: age.percentile(0.95), hop_p50_ms: hop.percentile(0.5),
            credits: new.output?.credits ?? 0, waiting: new.output?.waiting ?? 0,
            dropped: new.output?.droppedCount ?? 0, sent: new.output?.sent ?? 0)
    }
}
