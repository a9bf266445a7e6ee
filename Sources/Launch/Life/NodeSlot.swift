import Glibc
import NodeKit
import Wire

/// A node's place in a running graph: its process, and what outlives that.
final class NodeSlot {
    /// Whether the node belongs to the graph.
    enum Membership {
        /// Its first process loads; the graph goes on without it.
        case joining
        case member
        /// It ends once it has finished what it has.
        case leaving
    }

    /// A process that is made ready beside the node's own, to take its place.
    struct Successor {
        let instance: NodeInstance
        let inheritance: Inheritance
        /// What it was lent instead of the node's journal, by a node that keeps none.
        let journal: Int32?

        /// Whether it reads in the node's journal where to go on.
        var goesOn: Bool { journal == nil && instance.life.can(.recovers) }
    }

    /// What the node is now. A swap changes kind and settings; its edges are changed by themselves.
    private(set) var planned: RunPlan.PlannedNode
    var membership: Membership
    /// Number of the first frame of a source that joined the graph while it ran.
    var firstFrame: UInt64 = 0
    /// What its processes hand on to each other.
    private(set) var journal: Int32
    private(set) var current: NodeInstance
    var successor: Successor?
    var history = RestartHistory()
    /// Why the graph goes on without the node, if it does: a sink whose restarts are used up.
    struct Outage: Equatable {
        let since: Int64
        /// How its last process ended, or why it is not tried again.
        let reason: String
    }

    /// Nil while a process of it works, or is about to.
    var outage: Outage?
    /// When its next process is to be started.
    var restartAt: Int64?
    private(set) var swaps = 0
    /// Number of its last process.
    private var count: Int
    /// By port, what an input goes on with once its present edge has ended.
    private var successors: [String: NodeConfiguration.Input] = [:]
    /// Ports of inputs that are connected to nothing once their edges have ended.
    private var droppedInputs: Set<String> = []
    /// What earlier processes reported, and the one that runs.
    private var earlier = NodeReport()
    private var newest = NodeReport()

    var name: String { planned.name }
    /// Its process, and the one that is to take that one's place.
    var instances: [NodeInstance] { [current] + (successor.map { [$0.instance] } ?? []) }

    /// - Parameter count: number of its first process.
    init(
        _ planned: RunPlan.PlannedNode, journal: Int32, _ first: NodeInstance, count: Int = 1,
        _ membership: Membership = .member
    ) {
        (self.planned, self.journal, current) = (planned, journal, first)
        (self.count, self.membership) = (count, membership)
    }

    deinit { close(journal) }

    /// The name of the node's next process.
    func nextID() -> String {
        count += 1
        return "\(name)~\(count)"
    }

    /// The node is another process from now on.
    func replace(by next: NodeInstance) {
        (earlier, newest) = (report, NodeReport())
        (planned, current, restartAt) = (next.planned, next, nil)
    }

    /// What its last process left in the journal, where that ended without a last report: which frames
    /// came, and which it had handled.
    func readJournal() {
        guard let found = try? JournalRemains(of: journal) else { return }
        newest.take(found)
    }

    /// Its successor takes its place.
    func adopt(_ next: Successor) {
        if let fresh = next.journal {
            // What was handed on before means nothing to those who come now.
            close(journal)
            journal = fresh
        }
        next.instance.isFresh = !next.goesOn
        successor = nil
        replace(by: next.instance)
        swaps += 1
    }

    /// The successor is not needed any more.
    func dropSuccessor() {
        guard let next = successor else { return }
        successor = nil
        if let journal = next.journal { close(journal) }
        next.instance.kill()
    }

    /// What all its processes did.
    var report: NodeReport {
        get { newest.following(earlier) }
        set { newest = newValue }
    }

    /// Live settings are others, here and in the configuration of every process that follows.
    func set(_ settings: [String: SettingValue]) {
        replan { $0.settings = $0.settings.with(settings) }
    }

    // MARK: Edges

    /// Its inputs as they are to be.
    var inputs: [NodeConfiguration.Input] {
        let own = planned.configuration.inputs
        let kept = own.filter { !droppedInputs.contains($0.port) }.map { successors[$0.port] ?? $0 }
        return kept + successors.values.filter { new in !own.contains { $0.port == new.port } }
    }

    /// Its inputs as they are and as they are to be.
    var allInputs: [NodeConfiguration.Input] { planned.configuration.inputs + successors.values }

    /// Whether an input has not come to the end of its old edge.
    var isMoving: Bool { !successors.isEmpty || !droppedInputs.isEmpty }

    /// The node's configuration is another, here and in the process that is to take over.
    private func replan(_ body: (inout NodeConfiguration) -> Void) {
        body(&planned.configuration)
        for instance in instances { body(&instance.planned.configuration) }
    }

    /// What it sends goes other ways from some frame on.
    func rewire(_ outputs: [NodeConfiguration.Output]) { replan { $0.outputs = outputs } }

    /// Inputs go on with other edges, or are connected, or connected to nothing any more.
    func rewire(_ inputs: [NodeConfiguration.Input], without dropped: [String]) {
        for input in inputs { successors[input.port] = input }
        droppedInputs.formUnion(dropped)
        // What was not connected has nothing to use up first.
        let new = inputs.filter { new in
            !planned.configuration.inputs.contains { $0.port == new.port }
        }
        replan { $0.inputs += new }
        for input in new { successors[input.port] = nil }
    }

    /// Nothing of an edge that ended here is needed any more.
    ///
    /// - Returns: the edge's input.
    func leave(_ key: String) -> NodeConfiguration.Input? {
        guard let index = planned.configuration.inputs.firstIndex(where: { $0.key == key }) else {
            return nil
        }
        let input = planned.configuration.inputs[index]
        let next = successors.removeValue(forKey: input.port)
        if next == nil, droppedInputs.remove(input.port) == nil { return nil }
        replan { $0.inputs[index] = next ?? input }
        if next == nil { replan { $0.inputs.remove(at: index) } }
        return input
    }
}
