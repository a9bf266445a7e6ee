import NodeKit
import Wire

/// How a run stands at one moment: what progress and the final summary are made of.
package struct RunSnapshot: Sendable {
    package struct NodeState: Sendable {
        package let name: String
        package let kind: String
        package let isSource: Bool
        package let isSink: Bool
        package let report: NodeReport
        /// How often its process was replaced after a crash.
        package let restarts: Int

        package init(
            name: String, kind: String, isSource: Bool, isSink: Bool, report: NodeReport,
            restarts: Int = 0
        ) {
            self.name = name
            self.kind = kind
            self.isSource = isSource
            self.isSink = isSink
            self.report = report
            self.restarts = restarts
        }
    }

    /// A reason for which frames were lost, with the place.
    package struct Loss: Sendable, Equatable {
        package let place: String
        package let reason: String
        package let frames: FrameSet
    }

    /// Since the sources began.
    package let seconds: Double
    package let nodes: [NodeState]
    /// Nodes that a change took out of the graph: what they did counts.
    package let departed: [NodeState]
    /// What a person has to know of what the pictures are made with.
    package var notices: [String] = []

    package init(seconds: Double, nodes: [NodeState], departed: [NodeState] = []) {
        (self.seconds, self.nodes, self.departed) = (seconds, nodes, departed)
    }

    /// The source that the frames are counted at: the one that sends most of them.
    private var source: NodeState? {
        nodes.filter(\.isSource).max { $0.report.emittedCount < $1.report.emittedCount }
    }

    private var sink: NodeState? {
        nodes.filter(\.isSink).max { $0.report.deliveredCount < $1.report.deliveredCount }
    }

    /// What the source sent, and what it had to pass over itself.
    package var framesIn: Int {
        // Sets of frames are there at the end only.
        let count = max(emitted.count, source?.report.emittedCount ?? 0)
        return count + Self.passedOver(by: source).count
    }
    package var framesOut: Int { max(delivered.count, sink?.report.deliveredCount ?? 0) }

    /// Frames that came in, and that went out, at the nodes where they are counted and at those that
    /// have left: a graph may get another source or sink while it runs.
    private var emitted: FrameSet {
        departed.filter(\.isSource).reduce(source?.report.emitted ?? FrameSet()) {
            $0.union($1.report.emitted)
        }
    }
    private var delivered: FrameSet {
        departed.filter(\.isSink).reduce(sink?.report.delivered ?? FrameSet()) {
            $0.union($1.report.delivered)
        }
    }
    package var expectedFrames: Int? { source?.report.expectedFrames }
    /// Capture until the sink had handled the frame.
    package var age: AgeHistogram { sink?.report.age ?? AgeHistogram() }
    package var sinkName: String { sink?.name ?? "the sink" }
    package var sourceName: String { source?.name ?? "the source" }

    /// Every place where frames were lost.
    package var losses: [Loss] {
        let known = (nodes + departed).flatMap(Self.losses)
        let rest = known.reduce(missing) { $0.subtracting($1.frames) }
        let forgetful = restartedDroppers
        guard !rest.isEmpty, !forgetful.isEmpty else { return known }
        return known + [
            Loss(
                place: forgetful.joined(separator: ", "),
                reason: "in its process when that ended", frames: rest)
        ]
    }

    /// Nodes that were started again and take frames from an edge that does not send them twice.
    private var restartedDroppers: [String] {
        let edges = nodes.flatMap(\.report.outputs)
        let dropping = Set(
            edges.filter { [Keep.newest, .even].map(\.rawValue).contains($0.keep) }.map(\.consumer))
        return nodes.filter { $0.restarts > 0 && dropping.contains($0.name) }.map(\.name)
    }

    /// Frames that came in and did not go out.
    private var missing: FrameSet {
        guard let source, sink != nil else { return FrameSet() }
        return emitted.union(Self.passedOver(by: source)).subtracting(delivered)
    }

    private static func passedOver(by source: NodeState?) -> FrameSet {
        source?.report.dropped.reduce(FrameSet()) { $0.union($1.frames) } ?? FrameSet()
    }

    private static func losses(of node: NodeState) -> [Loss] {
        var losses: [Loss] = []
        func add(_ frames: FrameSet, at place: String, _ reason: String) {
            if !frames.isEmpty { losses.append(Loss(place: place, reason: reason, frames: frames)) }
        }
        for edge in node.report.outputs where edge.keep != Keep.last.rawValue {
            let place = "\(node.name).\(edge.port) → \(edge.consumer)"
            add(edge.dropped, at: place, "superseded (keep: \(edge.keep))")
            add(edge.unwanted, at: place, "the consumer had ended")
            add(edge.lost, at: place, "under way when the connection broke")
        }
        for input in node.report.inputs {
            let place = "\(node.name).\(input.port)"
            add(input.unpaired, at: place, "its partner on another input never came")
            add(input.late, at: place, "older than the latency budget when it came")
        }
        for drop in node.report.dropped { add(drop.frames, at: node.name, drop.reason) }
        return losses
    }

    /// Frames that came in, did not go out, and that nobody says to have dropped.
    package var unaccounted: FrameSet {
        losses.reduce(missing) { $0.subtracting($1.frames) }
    }

    /// Frames that went in and did not come out.
    package var lost: Int { missing.count }
}
