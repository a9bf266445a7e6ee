import NodeKit
import Wire

/// How a run stands at one moment: what progress and the final summary are made of.
package struct RunSnapshot: Sendable {
    package struct NodeState: Sendable {
        package let name: String
        package let kind: String
        package let isSource: Bool
        package let isSink: Bool
        package var report: NodeReport
        /// How often its process was replaced after a crash.
        package let restarts: Int
        /// Why the graph goes on without it, if it does.
        package var outage: String?

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

        /// With counts alone, as reports of a run that goes on are.
        package var withoutSets: NodeState {
            var state = self
            state.report = report.withoutSets
            return state
        }
    }

    /// Since the sources began.
    package let seconds: Double
    package let nodes: [NodeState]
    /// Nodes that a change took out of the graph: what they did counts.
    package let departed: [NodeState]
    /// What a person has to know of what the pictures are made with.
    package var notices: [String] = []

    /// One for each sink, the busiest first.
    package let balances: [Balance]

    package init(seconds: Double, nodes: [NodeState], departed: [NodeState] = []) {
        (self.seconds, self.nodes, self.departed) = (seconds, nodes, departed)
        balances = Ledger(nodes: nodes, departed: departed).balances
    }

    /// Sinks that were down at the end, each with the reason.
    package var outages: [(node: NodeState, reason: String)] {
        nodes.compactMap { node in node.outage.map { (node, $0) } }
    }

    // MARK: The busiest sink's

    package var framesIn: Int { balances.first?.framesIn ?? 0 }
    package var framesOut: Int { balances.first?.framesOut ?? 0 }
    package var expectedFrames: Int? { balances.first?.expectedFrames }
    /// Capture until the sink had handled the frame.
    package var age: AgeHistogram { balances.first?.age ?? AgeHistogram() }
    package var sinkName: String { balances.first?.sink ?? "the sink" }
    package var sourceName: String {
        balances.first.map { $0.sources.joined(separator: ", ") } ?? "the source"
    }
    /// Frames that went in and did not come out.
    package var lost: Int { balances.first?.missing.count ?? 0 }

    // MARK: Of all sinks

    /// Every place where frames were lost.
    package var losses: [Loss] {
        balances.flatMap(\.losses).reduce(into: []) { losses, loss in
            let same = losses.firstIndex { $0.place == loss.place && $0.reason == loss.reason }
            if let same {
                losses[same].frames = losses[same].frames.union(loss.frames)
            } else {
                losses.append(loss)
            }
        }
    }

    /// Numbers of frames that went in, did not come out, and that nothing explains.
    package var unaccounted: FrameSet {
        balances.reduce(FrameSet()) { $0.union($1.unaccounted) }
    }

    /// How many those are, counted at every sink.
    package var unaccountedCount: Int { balances.reduce(0) { $0 + $1.unaccounted.count } }
}
