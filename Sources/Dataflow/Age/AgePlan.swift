import NodeKit

/// The oldest that a frame of a live graph can be at each of its sinks, worked out before it runs.
///
/// A frame waits where its consumer is busy with those before it, so its age follows from the windows
/// of the edges, from how long the nodes take, and from the time between two frames of the source. A
/// time that nobody declared ('takes:') or measured is unknown, and so is every age that depends on it.
package struct AgePlan: Sendable {
    /// What a frame goes through on its way into a node, and in it.
    package struct Hop: Sendable {
        /// `camera.frame → keypoints.frame`; nil at a source.
        package let edge: String?
        package let node: String
        /// Waiting for a credit, then behind others in the consumer's queue, and the way itself.
        package let wait: TimeBound
        /// Being handled, and held back until others have come.
        package let work: TimeBound
        /// The oldest that a frame is when the node has done with it.
        package let age: TimeBound
    }

    /// What a run has shown of a node.
    package struct Measured: Sendable {
        /// The longest that one tick took, what it waited for left out.
        package var longestTick: Duration
        /// The time between two of its ticks, on average.
        package var interval: Duration?
        /// By input, the longest that a message was under way.
        package var hops: [String: Duration]

        package init(
            longestTick: Duration, interval: Duration? = nil, hops: [String: Duration] = [:]
        ) {
            (self.longestTick, self.interval, self.hops) = (longestTick, interval, hops)
        }
    }

    /// What the plan says of the graph's latency budget.
    package enum Verdict: Sendable, Equatable {
        /// There is none, or no frame can be older.
        case kept
        /// Nobody declared or measured how long these nodes take, or these links.
        case unproven(missing: [String])
        /// On an idle machine no frame is too old; on a busy one some may be.
        case tight
        /// Frames can be too old on an idle machine.
        case exceeded
    }

    /// For each sink the way on which frames can be oldest, from the source to the sink; sinks in the
    /// order of the graph.
    package let paths: [[Hop]]
    package let budget: Duration?
    /// Nodes that frames pass and of which nobody said how long they take, and edges to other machines
    /// of which nobody said how long a message is under way.
    package let unknown: [String]
    package let verdict: Verdict
    /// The worst way on an idle machine, all that is unknown left out.
    private let idle: [Hop]
    /// The worst age on an idle machine if every edge had a window of 1.
    private let idleWithSmallestWindows: Duration

    /// The way of the oldest frames of all.
    package var path: [Hop] { Self.worst(of: paths) }
    /// The oldest that a frame can be while no other program computes; what is unknown is left out.
    package var idleAge: Duration { idle.last?.age.known ?? .zero }
    /// The oldest that a frame of any sink can be.
    package var worst: TimeBound { path.last?.age ?? .zero }

    /// What a machine may add to each hop while other programs use it: the threads of both nodes have
    /// to be woken, and a tick may be interrupted. A live chain of 5, 50 and 10 ms at 30 Hz on two
    /// cores, 1200 frames: its oldest frame was 160 ms old on an idle machine, and 212 and 197 ms
    /// beside 3 and 6 programs that compute all the time, where the plan says 152 ms without this
    /// allowance and 227 ms with it.
    package static let allowance = Duration.milliseconds(15)

    /// - Parameter measured: what a run has shown, by node. What the graph says in 'takes:' comes first.
    package init(_ graph: CheckedGraph, measured: [String: Measured] = [:]) {
        budget = graph.latencyBudget
        let loaded = AgePlanning(graph, measured, allowance: Self.allowance)
        paths = loaded.paths
        unknown = loaded.unknown
        idle = Self.worst(of: AgePlanning(graph, measured, allowance: .zero).paths) {
            $0.known < $1.known
        }
        idleWithSmallestWindows =
            AgePlanning(graph, measured, allowance: .zero, window: 1).paths
            .compactMap { $0.last?.age.known }.max() ?? .zero
        verdict = Self.verdict(
            budget, worst: Self.worst(of: paths).last?.age ?? .zero,
            idle: idle.last?.age.known ?? .zero, unknown)
    }

    private static func worst(
        of paths: [[Hop]], by isSmaller: (TimeBound, TimeBound) -> Bool = TimeBound.isSmaller
    ) -> [Hop] {
        paths.max { isSmaller($0.last?.age ?? .zero, $1.last?.age ?? .zero) } ?? []
    }

    private static func verdict(
        _ budget: Duration?, worst: TimeBound, idle: Duration, _ unknown: [String]
    ) -> Verdict {
        guard let budget else { return .kept }
        if idle > budget { return .exceeded }
        guard let bound = worst.value else { return .unproven(missing: unknown) }
        return bound > budget ? .tight : .kept
    }

    /// Why the graph cannot meet its budget, naming the edge and what would help; nil when it can, or
    /// nobody knows.
    package var refusal: String? {
        guard verdict == .exceeded, let budget, let age = idle.last?.age.known else { return nil }
        let slowest = idle.max { $0.wait.known + $0.work.known < $1.wait.known + $1.work.known }!
        let place =
            slowest.edge.map { "most of it on '\($0)'" } ?? "most of it in '\(slowest.node)'"
        var lines = [
            "error: the latency budget is \(budget.text), but a frame can be \(age.text) old at "
                + "'\(idle.last!.node)', \(place): it waits \(slowest.wait.known.text) there, and "
                + "'\(slowest.node)' takes \(slowest.work.known.text)"
        ]
        lines.append("  what helps: " + advice(slowest, age, budget).joined(separator: "; "))
        return lines.joined(separator: "\n") + "\n"
    }

    private func advice(_ slowest: Hop, _ age: Duration, _ budget: Duration) -> [String] {
        var advice: [String] = []
        if idleWithSmallestWindows < age {
            let meets = idleWithSmallestWindows <= budget ? ", which meets it" : ""
            advice.append(
                "'window: 1' on the edges of this path: \(idleWithSmallestWindows.text)\(meets)")
        }
        let needed = slowest.work.known - (age - budget)
        if needed > .zero {
            advice.append(
                "a '\(slowest.node)' that takes \(needed.text) (a smaller 'model:', more 'cores:', a "
                    + "faster machine)")
        } else {
            advice.append("a faster '\(slowest.node)' (a smaller 'model:', more 'cores:')")
        }
        advice.append("'latency_budget: \(age.text)' if that is young enough")
        return advice
    }

    /// For each sink the hops of its worst way, one a line, and what is not known.
    package var text: String {
        var rows = [["age at most", "wait", "work", "node", "by"]]
        for (index, path) in paths.enumerated() {
            if index > 0 { rows.append(["", "", "", "", ""]) }
            rows += path.map { [$0.age.text, $0.wait.text, $0.work.text, $0.node, $0.edge ?? ""] }
        }
        let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max()! }
        let table = rows.map { row in
            row.enumerated().map { index, cell in
                let blanks = String(repeating: " ", count: widths[index] - cell.count)
                return index < 3 ? blanks + cell : cell + blanks
            }.joined(separator: "  ").trimmed
        }
        return (table + notes).joined(separator: "\n")
    }

    private var notes: [String] {
        var notes: [String] = []
        if !unknown.isEmpty {
            notes.append(
                BudgetFault.missing(unknown) + ": write 'takes: 40ms' at a node, or measure it: "
                    + "'personalive run --json' and '--against' its output")
        } else if worst.isComplete {
            notes.append("on an idle machine at most \(idleAge.text)")
        }
        switch verdict {
        case .unproven: notes.append("the latency budget of \(budget!.text) is not proven")
        case .tight:
            notes.append(
                "the latency budget of \(budget!.text) is met on an idle machine, not on a busy one"
            )
        case .kept, .exceeded: break
        }
        return notes
    }
}

/// Why a latency budget is not proven.
enum BudgetFault: Fault {
    case unproven(budget: Duration, missing: [String])
    case tight(budget: Duration, idle: Duration, busy: Duration, sink: String)

    /// Nil when the budget is proven, and when the graph is refused for it.
    init?(_ plan: AgePlan) {
        guard let budget = plan.budget else { return nil }
        switch plan.verdict {
        case .unproven(let missing): self = .unproven(budget: budget, missing: missing)
        case .tight:
            self = .tight(
                budget: budget, idle: plan.idleAge, busy: plan.worst.known,
                sink: plan.path.last?.node ?? "")
        case .kept, .exceeded: return nil
        }
    }

    static func missing(_ unknown: [String]) -> String {
        "nobody said how long \(unknown.listed) \(unknown.count == 1 ? "takes" : "take")"
    }

    var words: FaultWords {
        switch self {
        case .unproven(let budget, let missing):
            FaultWords(
                "unproven-budget",
                "the latency budget of \(budget.text) is not proven: \(Self.missing(missing))",
                hint:
                    "write 'takes: 40ms' at nodes, or measure: 'run --json', then 'plan --against'",
                severity: .warning)
        case .tight(let budget, let idle, let busy, let sink):
            FaultWords(
                "unproven-budget",
                "the latency budget of \(budget.text) is not proven: a frame can be \(busy.text) old "
                    + "at \(sink.quoted) on a busy machine, and \(idle.text) on an idle one",
                hint: "'personalive plan' shows where it waits", severity: .warning)
        }
    }
}
