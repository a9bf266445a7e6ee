import Glibc
import Wire

/// What the supervisor knows of one node: its process, and what outlives that.
final class Member {
    /// What it is now. A swap changes kind and settings; its edges are changed by themselves.
    private(set) var planned: RunPlan.PlannedNode
    /// By port, what an input goes on with once its present edge has ended.
    private(set) var successors: [String: NodeConfiguration.Input] = [:]
    /// Ports of inputs that are connected to nothing once their edges have ended.
    private(set) var droppedInputs: Set<String> = []
    /// Whether it is no part of the graph yet, or is no more once it has finished what it has.
    var isJoining = false
    var isLeaving = false
    /// Number of the first frame of a source that joined the graph while it ran.
    var firstFrame: UInt64 = 0
    /// What its processes hand on to each other.
    private(set) var journal: Int32
    private(set) var current: Incarnation
    private(set) var count: Int
    /// When processes of it ended by accident, and when the next is to be started.
    var crashes: [Int64] = []
    var restarts = 0
    var restartAt: Int64?
    /// What is being made ready to take its place.
    var swap: Swap?
    var swaps = 0
    /// What earlier processes reported, and the one that runs.
    private var earlier = NodeReport()
    private var newest = NodeReport()

    var name: String { planned.name }
    /// Its process, and the one that is to take that one's place.
    var processes: [Incarnation] { [current] + (swap.map { [$0.candidate] } ?? []) }

    /// - Parameter count: number of its first process.
    init(_ planned: RunPlan.PlannedNode, journal: Int32, _ first: Incarnation, count: Int = 1) {
        self.count = count
        self.planned = planned
        self.journal = journal
        current = first
    }

    deinit { close(journal) }

    /// The name of the node's next process.
    func nextID() -> String {
        count += 1
        return "\(name)~\(count)"
    }

    /// The node is another process from now on.
    func replace(by next: Incarnation) {
        earlier = report
        newest = NodeReport()
        planned = next.planned
        current = next
    }

    /// What was handed on before means nothing to those who come now.
    func renewJournal(_ fresh: Int32) {
        close(journal)
        journal = fresh
    }

    // MARK: Edges

    /// Its inputs as they are to be.
    var inputs: [NodeConfiguration.Input] {
        let own = planned.configuration.inputs
        let kept = own.filter { !droppedInputs.contains($0.port) }.map { successors[$0.port] ?? $0 }
        return kept + successors.values.filter { new in !own.contains { $0.port == new.port } }
    }

    /// The node's inputs and outputs are others, here and in the process that is to take over.
    private func replan(_ body: (inout NodeConfiguration) -> Void) {
        body(&planned.configuration)
        for process in processes { body(&process.planned.configuration) }
    }

    /// What it sends goes other ways from some frame on.
    func rewire(_ outputs: [NodeConfiguration.Output]) { replan { $0.outputs = outputs } }

    /// Inputs go on with other edges, or are connected, or connected to nothing any more.
    func rewire(_ inputs: [NodeConfiguration.Input], without dropped: [String]) {
        for input in inputs { successors[input.port] = input }
        droppedInputs.formUnion(dropped)
        // What was not connected has nothing to use up first.
        let new = inputs.filter { new in !planned.configuration.inputs.contains { $0.port == new.port } }
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

    /// What all its processes did.
    var report: NodeReport {
        get { newest.following(earlier) }
        set { newest = newValue }
    }
}
