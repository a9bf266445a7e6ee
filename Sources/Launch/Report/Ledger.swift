import NodeKit
import Wire

/// A reason for which frames did not reach a sink, with the place.
package struct Loss: Sendable, Equatable {
    package let place: String
    package let reason: String
    package var frames: FrameSet
}

/// What became of the frames that one sink was to get: those of its sources are those that it took and
/// those that are missing, each with the edge or node that dropped it.
package struct Balance: Sendable {
    package let sources: [String]
    package let sink: String
    package let framesIn: Int
    package let framesOut: Int
    /// Frames that went in and did not come out: only at the end of a run.
    package let missing: FrameSet
    package let losses: [Loss]
    /// Frames that are missing and that nothing explains.
    package let unaccounted: FrameSet
    /// How many the sink took when they were older than the latency budget.
    package let lateCount: Int
    package let expectedFrames: Int?
    /// Capture until the sink had handled the frame.
    package let age: AgeHistogram
}

/// The balances of a run, from the reports of its nodes.
///
/// An edge or a node that dropped a frame says so, and its journal keeps that over its processes. What
/// then still misses can only have been in a process that was killed: the sets of what left one node
/// and arrived at the next tell at which edge or node, and only one beside a process that was
/// restarted, on a way that sends nothing twice, may lose it.
struct Ledger {
    typealias Node = RunSnapshot.NodeState

    private struct Edge {
        let from: Int, to: Int
        let output: NodeReport.Output
        var mayDrop: Bool { Keep(rawValue: output.keep)?.mayDrop ?? false }
    }

    private let nodes: [Node]
    /// How many of the nodes are in the graph: those after them were taken out.
    private let present: Int
    private var edges: [Edge] = []
    /// Frames that are to come to each node, should nothing be dropped.
    private var due: [FrameSet] = []

    init(nodes: [Node], departed: [Node]) {
        let nodes = Self.cut(nodes)
        self.nodes = nodes + Self.cut(departed)
        present = nodes.count
        for (from, node) in self.nodes.enumerated() {
            for output in node.report.outputs where output.keep != Keep.last.rawValue {
                let end = "\(output.consumer).\(output.consumerPort)"
                for (to, consumer) in self.nodes.enumerated()
                where consumer.name == (consumer.isEnd ? end : output.consumer) {
                    guard !consumer.report.beginsStream else { continue }
                    let input = consumer.report.inputs.first { $0.port == output.consumerPort }
                    guard (input?.pace ?? .frame).isOfFrames else { continue }
                    edges.append(Edge(from: from, to: to, output: output))
                }
            }
        }
        // An edge that ended soon after it began may be in no report: what came on it was due.
        due = self.nodes.map { node in
            let came = node.report.inputs.compactMap(\.arrived).reduce(node.report.delivered) {
                $0.union($1)
            }
            return node.isSource ? Self.begun(by: node) : came
        }
        for node in inOrder {
            for edge in edges where edge.to == node {
                due[node] = due[node].union(expected(on: edge))
            }
        }
    }

    /// A node that numbers what it sends anew becomes a source of that, and a sink for each of its inputs,
    /// called `node.input`: frames of two streams are no more the same than those of two runs.
    private static func cut(_ nodes: [Node]) -> [Node] {
        var sinks: [Node] = []
        let rest = nodes.map { node -> Node in
            guard node.report.beginsStream else { return node }
            for input in node.report.inputs where input.pace == .each {
                var report = NodeReport()
                let passed = DropReason.allCases.reduce(input.arrived ?? FrameSet()) {
                    $0.subtracting(input.drops[$1])
                }
                (report.inputs, report.delivered) = ([input], passed)
                (report.deliveredCount, report.age) = (passed.count, input.age)
                sinks.append(
                    Node(
                        name: "\(node.name).\(input.port)", kind: node.kind, isSource: false,
                        isSink: true, report: report, restarts: node.restarts))
            }
            var report = node.report
            report.inputs = []
            return Node(
                name: node.name, kind: node.kind, isSource: true, isSink: false, report: report,
                restarts: node.restarts)
        }
        return rest + sinks
    }

    /// Nodes, producers before their consumers.
    private var inOrder: [Int] {
        var order: [Int] = []
        var rest = Array(nodes.indices)
        while !rest.isEmpty {
            let free = rest.filter { node in
                !edges.contains { $0.to == node && rest.contains($0.from) }
            }
            // A circle is no graph of ours, and must not hold us up.
            guard !free.isEmpty else { return order + rest }
            order += free
            rest.removeAll(where: free.contains)
        }
        return order
    }

    /// What a source sent, and what it passed over itself.
    private static func begun(by source: Node) -> FrameSet {
        source.report.ended.reduce(source.report.emitted) { $0.union($1.frames) }
    }

    private func expected(on edge: Edge) -> FrameSet {
        due[edge.from].within(edge.output.since ?? 0, edge.output.until ?? .max)
    }

    // MARK: Balances

    /// One for each sink, the busiest first. Sinks that took turns, since a change put one in the
    /// place of the other, have one together.
    var balances: [Balance] {
        var groups = (0..<present).filter { isFed($0) }.map { [$0] }
        for node in present..<nodes.count where isFed(node) {
            let turn = groups.firstIndex { group in
                let (own, its) = (nodes[node].report.delivered, nodes[group[0]].report.delivered)
                return !sources(of: [node]).isDisjoint(with: sources(of: group))
                    && !own.isEmpty && own.intersection(its).isEmpty
            }
            if let turn { groups[turn].append(node) } else { groups.append([node]) }
        }
        return groups.map(balance).sorted { $0.framesOut > $1.framesOut }
    }

    /// Whether frames end at a node. One that leaves the graph loses its outputs, and was no sink.
    private func isFed(_ node: Int) -> Bool {
        nodes[node].isSink && edges.contains { $0.to == node } && !edges.contains { $0.from == node }
    }

    private func sources(of sinks: [Int]) -> Set<String> {
        Set(ancestors(of: sinks).filter { nodes[$0].isSource }.map { nodes[$0].name })
    }

    /// The nodes that frames come from, and the sinks themselves.
    private func ancestors(of sinks: [Int]) -> Set<Int> {
        var found = Set(sinks), rest = sinks
        while let node = rest.popLast() {
            for edge in edges where edge.to == node && found.insert(edge.from).inserted {
                rest.append(edge.from)
            }
        }
        return found
    }

    private func balance(of sinks: [Int]) -> Balance {
        let way = ancestors(of: sinks)
        let sources = way.sorted().filter {
            nodes[$0].isSource && nodes[$0].report.emittedCount > 0
        }
        let all = sinks.reduce(FrameSet()) { $0.union(due[$1]) }
        let delivered = sinks.reduce(FrameSet()) { $0.union(nodes[$1].report.delivered) }
        // While the run lives reports have counts and no sets.
        let isWhole =
            sources.allSatisfy { nodes[$0].report.emitted.count >= nodes[$0].report.emittedCount }
            && sinks.allSatisfy {
                nodes[$0].report.delivered.count >= nodes[$0].report.deliveredCount
            }
        let missing = isWhole ? all.subtracting(delivered) : FrameSet()
        var losses = witnessed(on: way, missing)
        let rest = losses.reduce(missing) { $0.subtracting($1.frames) }
        if !rest.isEmpty { losses += ended(on: way, sinks, rest) }
        let reports = sinks.map { nodes[$0].report }
        return Balance(
            sources: sources.map { nodes[$0].name }, sink: nodes[sinks[0]].name,
            framesIn: isWhole ? all.count : counted(sources),
            framesOut: max(delivered.count, reports.reduce(0) { $0 + $1.deliveredCount }),
            missing: missing, losses: losses,
            unaccounted: losses.reduce(missing) { $0.subtracting($1.frames) },
            lateCount: reports.reduce(0) { $0 + $1.lateCount },
            expectedFrames: sources.compactMap { nodes[$0].report.expectedFrames }.max(),
            age: nodes[sinks[0]].report.age)
    }

    /// Sources that are there together send the same frames; one that has left sent others.
    private func counted(_ sources: [Int]) -> Int {
        let counts = { (some: [Int]) in
            some.map { source in
                let report = nodes[source].report
                return report.emittedCount + report.ended.reduce(0) { $0 + $1.frames.count }
            }
        }
        return (counts(sources.filter { $0 < present }).max() ?? 0)
            + counts(sources.filter { $0 >= present }).reduce(0, +)
    }

    // MARK: Losses

    /// What nodes and edges say that they dropped.
    private func witnessed(on way: Set<Int>, _ missing: FrameSet) -> [Loss] {
        var losses: [Loss] = []
        func add(_ frames: FrameSet, at place: String, _ reason: String) {
            let frames = frames.intersection(missing)
            if !frames.isEmpty { losses.append(Loss(place: place, reason: reason, frames: frames)) }
        }
        for node in way.sorted() {
            for edge in edges where edge.from == node && way.contains(edge.to) {
                for reason in DropReason.allCases where reason != .unwanted {
                    add(
                        edge.output.drops[reason], at: place(edge),
                        Self.words(reason, edge.output.keep))
                }
            }
            for input in nodes[node].report.inputs {
                for reason in DropReason.allCases {
                    let name = nodes[node].name
                    add(
                        input.drops[reason],
                        at: nodes[node].isEnd ? name : "\(name).\(input.port)",
                        Self.words(reason, ""))
                }
            }
            let ports = edges.filter { $0.from == node && way.contains($0.to) }.map(\.output.port)
            for drop in nodes[node].report.dropped where drop.port.map(ports.contains) ?? true {
                add(drop.frames, at: nodes[node].name, drop.reason)
            }
        }
        // A producer counts among these what its consumer may have taken just before it ended.
        let explained = losses.reduce(FrameSet()) { $0.union($1.frames) }
        for edge in edges where way.contains(edge.from) && way.contains(edge.to) {
            let taken = arrived(on: edge) ?? FrameSet()
            add(
                edge.output.drops[.unwanted].subtracting(taken).subtracting(explained),
                at: place(edge), Self.words(.unwanted, edge.output.keep))
        }
        return losses
    }

    private func place(_ edge: Edge) -> String {
        let twins = edges.filter {
            $0.from == edge.from && $0.to == edge.to && $0.output.port == edge.output.port
        }
        let port = twins.count > 1 ? ".\(edge.output.consumerPort)" : ""
        return "\(nodes[edge.from].name).\(edge.output.port) → \(nodes[edge.to].name)\(port)"
    }

    private static func words(_ reason: DropReason, _ keep: String) -> String {
        switch reason {
        case .superseded: "superseded (keep: \(keep))"
        case .late: "older than the latency budget allows"
        case .flushed: "flushed"
        case .unwanted: "the consumer had ended"
        case .lost: "under way when the connection broke, or its process was replaced"
        case .away: "the consumer was down"
        case .unpaired: "its partner on another input never came"
        case .thinned: "left out by the edge's 'every' or 'rate'"
        case .unmet: "left out by the input's 'when' or 'unless'"
        case .unchosen: "another input was on air"
        }
    }

    /// What went down with processes that were killed, by edge and by node.
    private func ended(on way: Set<Int>, _ sinks: [Int], _ missing: FrameSet) -> [Loss] {
        var (losses, rest): ([Loss], FrameSet) = ([], missing)
        func add(_ frames: FrameSet, at place: String, _ reason: String) {
            let frames = frames.intersection(rest)
            guard !frames.isEmpty else { return }
            losses.append(Loss(place: place, reason: reason, frames: frames))
            rest = rest.subtracting(frames)
        }
        for node in inOrder where way.contains(node) {
            let feeding = edges.filter { $0.to == node && $0.mayDrop }
            for edge in feeding {
                let killed = [edge.from, edge.to].filter { nodes[$0].restarts > 0 }.map {
                    nodes[$0].name
                }
                guard !killed.isEmpty, let arrived = arrived(on: edge) else { continue }
                // A source that keeps no journal does not know what it sent before it was killed.
                let sent = nodes[edge.from].report.emitted.intersection(expected(on: edge))
                add(
                    sent.subtracting(arrived), at: place(edge),
                    "under way when the process of \(killed.map { "'\($0)'" }.joined(separator: " or ")) ended"
                )
            }
            guard nodes[node].restarts > 0, !feeding.isEmpty else { continue }
            let left =
                sinks.contains(node) ? nodes[node].report.delivered : nodes[node].report.emitted
            let came = feeding.reduce(FrameSet()) { $0.union(arrived(on: $1) ?? expected(on: $1)) }
            add(came.subtracting(left), at: nodes[node].name, "in its process when that ended")
        }
        return losses
    }

    private func arrived(on edge: Edge) -> FrameSet? {
        nodes[edge.to].report.inputs.first { $0.port == edge.output.consumerPort }?.arrived
    }
}

extension RunSnapshot.NodeState {
    /// Whether it stands for one input of a node; names of nodes have no dots.
    fileprivate var isEnd: Bool { name.contains(".") }
}
