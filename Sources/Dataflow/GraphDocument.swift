import NodeKit

/// A value with its place in the file.
struct Located<Value> {
    let value: Value
    let place: SourceRange
}

/// What a graph file says, before anyone asks whether its nodes exist.
struct GraphDocument {
    var mode = CheckedGraph.Mode.offline
    var latencyBudget: Duration?
    var machines: [Machine] = []
    /// Machines that were declared wrongly: a node that names one is not at fault too.
    var brokenMachines: Set<String> = []
    var nodes: [NodeDeclaration] = []
}

/// One entry of `nodes:`.
struct NodeDeclaration {
    let name: String
    let place: SourceRange
    var kind: Located<String>?
    var machine: Located<String>?
    var cores = 1
    var inputs: [InputDeclaration] = []
    /// Values that were at fault are nil.
    var settings: [(name: Located<String>, value: Scalar?)] = []
    /// Keys that no node has; only the checker knows whether they were meant as settings.
    var unknownKeys: [Located<String>] = []
    /// `in` or `with` where they could not be read, or were called something else: what they lack is
    /// not known.
    var unreadBlocks: Set<String> = []
}

/// One entry of a node's `in:`.
struct InputDeclaration {
    let port: Located<String>
    /// Nil when it was at fault, which was reported.
    var source: Located<String>?
    var keep: Located<Keep>?
    var window: Located<Int>?
}
