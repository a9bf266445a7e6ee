import NodeKit

/// A value with its place in the file.
struct Located<Value> {
    let value: Value
    let place: SourceRange
}

/// What a graph file says, before anyone asks whether its nodes exist.
struct GraphDocument {
    var mode = CheckedGraph.Mode.offline
    var latencyBudget: Located<Duration>?
    var machines: [Machine] = []
    /// Machines that were declared wrongly: a node that names one is not at fault too.
    var brokenMachines: Set<String> = []
    var nodes: [NodeDeclaration] = []
    /// What this file shows to a graph that uses it.
    var inputs: [PartPort] = []
    var outputs: [PartPort] = []
    /// Files whose nodes are among these, and nodes that stand for a file that could not be read.
    var parts: [CheckedPart] = []
    var brokenParts: Set<String> = []
    /// Ports of nodes that parts name as theirs, used or not.
    var exposed: [(end: Located<String>, isInput: Bool)] = []
}

/// An input of a part that the graph which uses it does not feed.
struct OpenPort {
    /// The node that stands for the part, and the part's input.
    let node: String
    let name: String
    let place: SourceRange
    /// Where the part says which port it is.
    let note: SourceRange
}

/// One entry of `nodes:`.
struct NodeDeclaration {
    private(set) var name: String
    let place: SourceRange
    var kind: Located<String>?
    var machine: Located<String>?
    /// Of a replicated node: machines that its processes are spread over in turn.
    var machines: [Located<String>] = []
    /// How many processes share its frames, where the file says so.
    var replicas: Located<Int>?
    var cores = 1
    var takes: Duration?
    /// Nil where the file says nothing.
    var restart: RestartDeclaration?
    var inputs: [InputDeclaration] = []
    /// Values that were at fault are nil.
    var settings: [(name: Located<String>, value: Scalar?)] = []
    /// Keys that no node has; only the checker knows whether they were meant as settings.
    var unknownKeys: [Located<String>] = []
    /// `in` or `with` where they could not be read, or were called something else: what they lack is
    /// not known.
    var unreadBlocks: Set<String> = []
    /// Inputs by name that only the graph around this node's part can feed.
    var openPorts: [String: OpenPort] = [:]

    init(name: String, place: SourceRange) {
        self.name = name
        self.place = place
    }

    /// A process of a replicated node, or what puts the frames of those in order.
    func copy(named name: String) -> NodeDeclaration {
        var copy = self
        copy.name = name
        return copy
    }

    /// The name that the node has in the graph around its part.
    mutating func rename(_ name: String) { self.name = name }
}

/// One entry of a node's `in:`.
struct InputDeclaration {
    var port: Located<String>
    /// Nil when it was at fault, which was reported.
    var source: Located<String>?
    var keep: Located<Keep>?
    var window: Located<Int>?
    var wire: Located<WireFormat>?
    var thinning: Located<Thinning>?
    /// The output whose number decides, and what it has to be: more than 0 or not.
    var condition: (source: Located<String>, wanted: Bool)?
    /// The replicated node that this one is a process of.
    var group: ReplicaGroup?
}
