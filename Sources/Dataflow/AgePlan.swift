import NodeKit

/// The oldest that a frame of a live graph can be at each node, worked out before anything runs.
///
/// Age is credits times the consumer's period, and the time that work takes: whatever the transport,
/// a frame waits where its consumer is busy with those before it. So it can be computed.
package struct AgePlan: Sendable {
    /// What a frame goes through on its way into a node, and in it.
    package struct Hop: Sendable {
        /// `camera.frame → keypoints.frame`; nil at a source.
        package let edge: String?
        package let node: String
        /// Waiting for a credit, and then behind others in the consumer's queue.
        package let wait: Duration
        /// Being handled, and held back until others have come.
        package let work: Duration
        /// The oldest that a frame is when the node has done with it.
        package let age: Duration
    }

    /// From the source to the sink where frames can be oldest.
    package let path: [Hop]
    package let budget: Duration?
    /// Nodes of which nobody said how long they take: they count as nothing.
    package let unknown: [String]
    /// The worst age if every edge of the path had a window of 1.
    private let withSmallestWindows: Duration

    package var worst: Duration { path.last?.age ?? .zero }

    /// What a message takes from process to process at most on one machine: 21 MB that are copied
    /// take 5 ms, a frame in shared memory 0.3 ms ('personalive-bench transport').
    private static let transfer = Duration.milliseconds(1)

    /// - Parameter times: how long a tick of a node takes, where it is known; for a source, the time
    ///   from one frame to the next. What the graph says in 'takes:' comes first.
    package init(_ graph: CheckedGraph, times: [String: Duration] = [:]) {
        var known = times
        for node in graph.nodes { known[node.name] = node.takes ?? known[node.name] ?? node.period }
        budget = graph.latencyBudget
        unknown = graph.nodes.map(\.name).filter { known[$0] == nil && graph.isOnPath($0) }
        var plan = Planning(graph, known)
        path = plan.worstPath()
        var smallest = Planning(graph, known, window: 1)
        withSmallestWindows = smallest.worstPath().last?.age ?? .zero
    }

    /// Why the graph cannot meet its budget, naming the edge and what would help; nil when it can.
    package var refusal: String? {
        guard let budget, worst > budget else { return nil }
        let slowest = path.max { $0.wait + $0.work < $1.wait + $1.work }!
        let place = slowest.edge.map { "most of it on '\($0)'" } ?? "most of it in '\(slowest.node)'"
        var lines = [
            "error: the latency budget is \(budget.text), but a frame can be \(worst.text) old at "
                + "'\(path.last!.node)', \(place): it waits \(slowest.wait.text) there, and "
                + "'\(slowest.node)' takes \(slowest.work.text)"
        ]
        lines.append("  what helps: " + advice(slowest, budget).joined(separator: "; "))
        return lines.joined(separator: "\n") + "\n"
    }

    private func advice(_ slowest: Hop, _ budget: Duration) -> [String] {
        var advice: [String] = []
        if withSmallestWindows < worst {
            let meets = withSmallestWindows <= budget ? ", which meets it" : ""
            advice.append("'window: 1' on the edges of this path: \(withSmallestWindows.text)\(meets)")
        }
        let needed = slowest.work - (worst - budget)
        if needed > .zero {
            advice.append(
                "a '\(slowest.node)' that takes \(needed.text) (a smaller 'model:', more 'cores:', a "
                    + "faster machine)")
        } else {
            advice.append("a faster '\(slowest.node)' (a smaller 'model:', more 'cores:')")
        }
        advice.append("'latency_budget: \(worst.text)' if that is young enough")
        return advice
    }

    /// One line for each hop of the worst path.
    package var text: String {
        var rows = [["age at most", "wait", "work", "node", "by"]]
        rows += path.map { [$0.age.text, $0.wait.text, $0.work.text, $0.node, $0.edge ?? ""] }
        let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max()! }
        let table = rows.map { row in
            row.enumerated().map { index, cell in
                let blanks = String(repeating: " ", count: widths[index] - cell.count)
                return index < 3 ? blanks + cell : cell + blanks
            }.joined(separator: "  ").trimmed
        }
        let rest = unknown.isEmpty
            ? [] : [
                "nobody said how long \(unknown.listed) \(unknown.count == 1 ? "takes" : "take"): write "
                    + "'takes: 40ms', or measure it: 'personalive run --json' and '--from' its output"
            ]
        return (table + rest).joined(separator: "\n")
    }

    // MARK: Working it out

    private struct Planning {
        private let graph: CheckedGraph
        private let times: [String: Duration]
        private let window: Int?
        /// By node: the longest that one frame takes it or anything behind it that holds it up.
        private var periods: [String: Duration] = [:]
        /// By node: the time between two frames that reach it, if nothing behind holds them up.
        private var intervals: [String: Duration] = [:]
        private var hops: [String: [Hop]] = [:]

        init(_ graph: CheckedGraph, _ times: [String: Duration], window: Int? = nil) {
            (self.graph, self.times, self.window) = (graph, times, window)
            for node in graph.nodes.reversed() {
                let behind = frames(outOf: node.name).filter { $0.keep == .all }
                    .compactMap { periods[$0.to.node] }
                periods[node.name] = max(time(node.name), behind.max() ?? .zero)
            }
        }

        private func time(_ node: String) -> Duration { times[node] ?? .zero }

        private func frames(outOf node: String) -> [CheckedEdge] {
            graph.edges(outOf: node).filter { $0.input.pace == .frame }
        }

        mutating func worstPath() -> [Hop] {
            for node in graph.nodes {
                let incoming = graph.edges(into: node.name).filter { $0.input.pace == .frame }
                guard !incoming.isEmpty else {
                    intervals[node.name] = time(node.name)
                    hops[node.name] = [
                        Hop(edge: nil, node: node.name, wait: .zero, work: .zero, age: .zero)
                    ]
                    continue
                }
                let before = incoming.map { intervals[$0.from.node] ?? .zero }.max()!
                intervals[node.name] = max(before, time(node.name))
                let held = node.spec.heldFrames * max(before, periods[node.name]!)
                let work = time(node.name) * chunk(node) + held
                let ways = incoming.map { edge -> [Hop] in
                    let wait = wait(on: edge) + AgePlan.transfer
                    let path = hops[edge.from.node] ?? []
                    let age = (path.last?.age ?? .zero) + wait + work
                    return path + [
                        Hop(
                            edge: "\(edge.from) → \(edge.to)", node: node.name, wait: wait, work: work,
                            age: age)
                    ]
                }
                hops[node.name] = ways.max { $0.last!.age < $1.last!.age }
            }
            let ends = graph.nodes.filter { frames(outOf: $0.name).isEmpty }.compactMap { hops[$0.name] }
            return ends.max { ($0.last?.age ?? .zero) < ($1.last?.age ?? .zero) } ?? []
        }

        /// A node that takes several frames at once works as long as they all would take.
        private func chunk(_ node: CheckedNode) -> Int { node.spec.chunk }

        private func wait(on edge: CheckedEdge) -> Duration {
            let period = periods[edge.to.node] ?? .zero
            let arrival = intervals[edge.from.node] ?? .zero
            // Frames that come more slowly than they are used up never wait.
            guard period > arrival else { return .zero }
            let window = edge.keep == .even ? edge.window : self.window ?? edge.window
            switch edge.keep {
            case .last: return .zero
            // What waits is at most one interval old, then those before it are handled.
            case .newest: return arrival + (window - 1) * period
            // What is taken in one go was made during the last take, and is worked through in turn.
            case .even: return window * period + (window - 1) * period
            // The window is full, and one more waits for its credit; with more than one credit the
            // producer has a third in its hand meanwhile.
            case .all: return (window == 1 ? 1 : window + 1) * period
            }
        }
    }
}

extension CheckedGraph {
    /// Whether frames go through a node.
    fileprivate func isOnPath(_ node: String) -> Bool {
        let isFed = edges(into: node).contains { $0.input.pace == .frame }
        let feeds = edges(outOf: node).contains { $0.input.pace == .frame }
        return isFed || feeds
    }
}

extension CheckedNode {
    /// The time between two frames of a source that says how many it makes in a second.
    fileprivate var period: Duration? {
        guard spec.inputs.isEmpty else { return nil }
        let rate: Double? =
            switch values["rate"] {
            case .number(let rate): rate
            case .integer(let rate): Double(rate)
            default: nil
            }
        return rate.flatMap { $0 > 0 ? .seconds(1 / $0) : nil }
    }
}

extension Duration {
    /// `310 ms`, `2.4 s`.
    package var text: String {
        let milliseconds = self / .milliseconds(1)
        let rounded = milliseconds < 10 ? (milliseconds * 10).rounded() / 10 : milliseconds.rounded()
        if rounded >= 10_000 { return "\((milliseconds / 100).rounded() / 10)s" }
        return rounded == rounded.rounded() ? "\(Int(rounded))ms" : "\(rounded)ms"
    }
}

private func * (count: Int, time: Duration) -> Duration { time * count }
