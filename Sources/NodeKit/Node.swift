/// One step of a graph: tensors in, tensors out.
///
/// The host makes a node once and calls it from a single thread, so a node keeps plain `var` state
/// and takes no locks. It never sees a socket, a process or another node.
public protocol Node {
    /// Name, ports and settings: all that the graph checker and the studio know of a node.
    static var spec: NodeSpec { get }

    /// Loads weights, opens files and allocates buffers. No input arrives until it returns.
    init(settings: Settings) throws

    /// Handles one tick: one set of inputs that belong together, or, for a node without inputs, the
    /// next thing it has to say. An output left unset sends nothing.
    mutating func process(_ inputs: Inputs, into outputs: inout Outputs) throws

    /// Takes other values of live settings; all others are as they were.
    ///
    /// Called between two ticks: everything that is processed later goes by the new values. It cannot
    /// fail, since values were checked against the settings' types before.
    mutating func update(settings: Settings)

    /// Called once after the last input: send what was held back, close files.
    ///
    /// Also called when the run is stopped early, so that what was made so far is kept, and when a node
    /// takes this one's place that cannot go on from its state. While it works, frames wait.
    mutating func finish(into outputs: inout Outputs) throws

    /// What the node remembers now; nil while that cannot be said, as in the middle of a chunk.
    ///
    /// Called after every tick if the spec's state is `saved`. What a tick sent leaves only when the
    /// state after it is known, and inputs are sent again from the last known state on. So a node
    /// that is killed and started anew sends what it would have sent.
    mutating func save() throws -> SavedState?

    /// Goes on from what another process of this node saved. Called at most once, before any tick.
    mutating func restore(_ state: [UInt8]) throws
}

extension Node {
    public mutating func update(settings: Settings) {}
    public mutating func finish(into outputs: inout Outputs) throws {}
    public mutating func save() throws -> SavedState? { nil }
    public mutating func restore(_ state: [UInt8]) throws {}
}
