import CPosix
import Dataflow

/// A process that is made ready beside a node's own, to take its place.
final class Swap {
    let candidate: Incarnation
    /// Whether settings of a source differ, so that what it sent is not gone on with.
    let anew: Bool
    /// What the candidate was lent instead of the node's journal, by a node that keeps none.
    let journal: Int32?
    /// Whether the node's journal is on its way to the candidate's machine, or has arrived there.
    var isMoving = false
    var hasMoved = false
    /// When the old process was told to hand over.
    var retiredAt: Int64?
    let began = posix_monotonic_ns()

    /// Whether the candidate reads in the node's journal where to go on.
    var goesOn: Bool { journal == nil && candidate.recovers }

    /// Whether the candidate cannot go on from what the node remembers, so that this has to be finished.
    let finishes: Bool

    init(candidate: Incarnation, anew: Bool, journal: Int32?, finishes: Bool) {
        self.finishes = finishes
        self.candidate = candidate
        self.anew = anew
        self.journal = journal
    }
}
