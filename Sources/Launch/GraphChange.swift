import Dataflow

/// What is to be different in a running graph.
package enum GraphChange: Sendable, Equatable {
    /// Another kind of node, or other settings, in one node's place.
    case replace(NodeReplacement)
    /// All that another graph file says differently.
    case file(path: String)
    /// Values of the file's `settings:`.
    case settings([String: String])
}

/// Plans a running graph as it would be after a change.
package protocol GraphPlanner: AnyObject {
    /// - Throws: ``SwapRefusal`` with every fault that the graph would have.
    func plan(_ change: GraphChange) throws -> PlannedChange
}

/// A graph as it would be after a change.
package struct PlannedChange {
    package let plan: RunPlan
    /// The change was made: later ones come on top of it, whatever became of the file meanwhile.
    package let accept: () -> Void

    package init(_ plan: RunPlan, accept: @escaping () -> Void) {
        (self.plan, self.accept) = (plan, accept)
    }
}
