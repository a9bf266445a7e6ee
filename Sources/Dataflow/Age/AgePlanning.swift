import NodeKit

/// Works out for each sink of a live graph how old its frames can be.
///
/// A frame's age is a sum over the nodes that it passes: it waits until those before it are done, and
/// then it is handled. A node is done with a frame when its consumers have taken what came of it, so
/// that its cycle is the longest of its own and those behind it that no frame may skip (`keep: all`).
struct AgePlanning {
    private let graph: CheckedGraph
    private let measured: [String: AgePlan.Measured]
    /// What the machine may add to each hop and to each cycle.
    private let allowance: TimeBound
    private let window: Int?
    /// By node: the time between two frames that leave it, if nothing behind holds them up.
    private var intervals: [String: TimeBound] = [:]
    /// By node: the longest from one frame to the next, what holds it up behind it included.
    private var cycles: [String: TimeBound] = [:]
    private var ways: [String: [AgePlan.Hop]] = [:]

    /// - Parameter window: in place of those of the edges, if not nil.
    init(
        _ graph: CheckedGraph, _ measured: [String: AgePlan.Measured], allowance: Duration,
        window: Int? = nil
    ) {
        (self.graph, self.measured, self.window) = (graph, measured, window)
        self.allowance = TimeBound(known: allowance, isComplete: true)
        for node in graph.nodes { intervals[node.name] = interval(of: node) }
        for node in graph.nodes.reversed() { cycles[node.name] = cycle(of: node) }
        for node in graph.nodes { ways[node.name] = way(into: node) }
    }

    /// The worst way to each sink that frames reach.
    var paths: [[AgePlan.Hop]] {
        graph.nodes.filter { !frames(into: $0.name).isEmpty && frames(outOf: $0.name).isEmpty }
            .compactMap { ways[$0.name] }
    }

    /// Nodes on a frame's way whose times are not known, then edges.
    var unknown: [String] {
        let nodes = graph.nodes.filter { node in
            let isSource = frames(into: node.name).isEmpty
            guard !isSource || !frames(outOf: node.name).isEmpty else { return false }
            return isSource ? !intervals[node.name]!.isComplete : !longest(node).isComplete
        }
        let edges = graph.edges.filter { $0.input.pace.isOfFrames && !transfer($0).isComplete }
        return nodes.map(\.name) + edges.map { "\($0.from) → \($0.to)" }
    }

    private func frames(outOf node: String) -> [CheckedEdge] {
        graph.edges(outOf: node).filter { $0.input.pace.isOfFrames }
    }

    private func frames(into node: String) -> [CheckedEdge] {
        graph.edges(into: node).filter { $0.input.pace.isOfFrames }
    }

    // MARK: Times of nodes

    /// The longest call of a node: one that takes several frames at once works as long as they all would.
    private func longest(_ node: CheckedNode) -> TimeBound {
        TimeBound(node.takes.map { $0 * node.spec.chunk } ?? measured[node.name]?.longestTick)
    }

    private func interval(of node: CheckedNode) -> TimeBound {
        let incoming = frames(into: node.name)
        guard !incoming.isEmpty else {
            return TimeBound(node.takes ?? node.period ?? measured[node.name]?.interval)
        }
        let arrivals = incoming.map(arrival)
        var before = arrivals.reduce(.zero, TimeBound.larger)
        // Replicas have a part of the frames each.
        if isMerging(node) {
            before = TimeBound(known: before.known / arrivals.count, isComplete: before.isComplete)
        }
        return TimeBound.larger(before, perFrame(node))
    }

    /// Whether it puts the frames of several processes in order.
    private func isMerging(_ node: CheckedNode) -> Bool {
        node.kind == ReplicaPlanning.spec.kind && node.spec.takesAnything
    }

    /// The time between two frames that go over an edge.
    private func arrival(on edge: CheckedEdge) -> TimeBound {
        let interval = intervals[edge.from.node]!
        guard let thinning = edge.thinning else { return interval }
        let seconds = interval.known / .seconds(1)
        return TimeBound(
            known: interval.known * thinning.stretch(ofInterval: seconds),
            isComplete: interval.isComplete)
    }

    private func perFrame(_ node: CheckedNode) -> TimeBound {
        let longest = longest(node)
        return TimeBound(
            known: longest.known / node.spec.chunk, isComplete: longest.isComplete)
    }

    private func cycle(of node: CheckedNode) -> TimeBound {
        let own = frames(into: node.name).isEmpty ? intervals[node.name]! : perFrame(node)
        return frames(outOf: node.name).filter { $0.keep == .all }
            .map(cycle(at:)).reduce(own, TimeBound.larger)
    }

    /// The longest from one frame that an edge's consumer takes of it to the next: a join waits for
    /// its other inputs, and a credit has to come back.
    private func cycle(at edge: CheckedEdge) -> TimeBound {
        let partners = frames(into: edge.to.node)
            .filter { $0.to != edge.to && $0.input.pace == .frame }
            .map { intervals[$0.from.node]! }
        let consumer = graph.node(edge.to.node)!
        let back = isElsewhere(edge) ? 2 * transfer(edge) : allowance
        let own = TimeBound.larger(cycles[edge.to.node]!, perFrame(consumer) + back)
        return partners.reduce(own, TimeBound.larger)
    }

    // MARK: Ways of frames

    private func way(into node: CheckedNode) -> [AgePlan.Hop] {
        let incoming = frames(into: node.name)
        guard !incoming.isEmpty else {
            let work = sourceWork(node)
            return [AgePlan.Hop(edge: nil, node: node.name, wait: .zero, work: work, age: work)]
        }
        let before = incoming.map { intervals[$0.from.node]! }.reduce(.zero, TimeBound.larger)
        let work =
            longest(node) + node.spec.heldFrames * TimeBound.larger(before, cycles[node.name]!)
            + (isMerging(node) ? TimeBound(ReplicaPlanning.longestHold) : .zero)
        let ways = incoming.map { edge -> [AgePlan.Hop] in
            let wait = wait(on: edge) + running(node) + transfer(edge)
            let path = self.ways[edge.from.node]!
            return path + [
                AgePlan.Hop(
                    edge: "\(edge.from) → \(edge.to)", node: node.name, wait: wait, work: work,
                    age: path.last!.age + wait + work)
            ]
        }
        return ways.max { TimeBound.isSmaller($0.last!.age, $1.last!.age) }!
    }

    /// From the moment that a frame is taken until it is handed over. A camera's has come before it is
    /// decoded, which takes no longer than its next one is away; files and tests count from the end.
    private func sourceWork(_ node: CheckedNode) -> TimeBound {
        if let measured = measured[node.name] { return TimeBound(measured.longestTick) }
        return node.spec.isOfTheMoment ? intervals[node.name]! : .zero
    }

    /// A call for something that is no frame may just have begun.
    private func running(_ node: CheckedNode) -> TimeBound {
        graph.edges(into: node.name).contains { $0.input.pace == .own } ? longest(node) : .zero
    }

    private func wait(on edge: CheckedEdge) -> TimeBound {
        let (cycle, arrival) = (cycle(at: edge), arrival(on: edge))
        let consumer = graph.node(edge.to.node)!
        // Frames that come more slowly than they are used up never wait; a chunk is used up at once.
        let busy = consumer.spec.chunk > 1 ? longest(consumer) + allowance : cycle
        if busy.isComplete, arrival.isComplete, busy.known <= arrival.known { return .zero }
        let window = edge.keep == .even ? edge.window : self.window ?? edge.window
        switch edge.keep {
        case .last: return .zero
        // What waits is at most one interval old, then those before it are handled.
        case .newest: return arrival + (window - 1) * cycle
        // What is taken in one go was made during the last take, and is worked through in turn.
        case .even: return (2 * window - 1) * cycle
        // The window is full; a producer that does not wait until what it made is taken has one more
        // in its hand.
        case .all: return (waitsForConsumers(edge.from.node) ? window : window + 1) * cycle
        }
    }

    /// Whether a node is done with a frame only when its consumers have taken what came of it.
    private func waitsForConsumers(_ node: String) -> Bool {
        graph.edges(into: node).contains { (window ?? $0.window) == 1 && $0.keep != .last }
    }

    /// What a message takes from process to process: 21 MB that are copied take 5 ms, a frame in shared
    /// memory 0.3 ms ('personalive bench transport'). How long it takes to another machine has to be
    /// measured.
    private func transfer(_ edge: CheckedEdge) -> TimeBound {
        let local = TimeBound(known: .milliseconds(1), isComplete: true) + allowance
        guard isElsewhere(edge) else { return local }
        return TimeBound(measured[edge.to.node]?.hops[edge.to.port]) + allowance
    }

    private func isElsewhere(_ edge: CheckedEdge) -> Bool {
        graph.node(edge.from.node)?.machine != graph.node(edge.to.node)?.machine
    }
}

extension CheckedNode {
    /// The time between two frames of a source that says how many it makes in a second; a film has its own
    /// rate, whatever its node says of pictures.
    fileprivate var period: Duration? {
        guard spec.inputs.isEmpty, !spec.settings.contains(where: { $0.type == .inputMedia }) else {
            return nil
        }
        let rate: Double? =
            switch values["rate"] {
            case .number(let rate): rate
            case .integer(let rate): Double(rate)
            default: nil
            }
        return rate.flatMap { $0 > 0 ? .seconds(1 / $0) : nil }
    }
}
