import Glibc
import Wire

/// What the supervisor knows of one node: its process, and what outlives that.
final class Member {
    /// What it is now; a swap changes kind and settings, never name and edges.
    var planned: RunPlan.PlannedNode
    /// What its processes hand on to each other.
    private(set) var journal: Int32
    private(set) var current: Incarnation
    private(set) var count = 1
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

    init(_ planned: RunPlan.PlannedNode, journal: Int32, _ first: Incarnation) {
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

    /// What all its processes did.
    var report: NodeReport {
        get { newest.following(earlier) }
        set { newest = newValue }
    }
}
