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

    /// Called once after the last input: send what was held back, close files.
    ///
    /// Also called when the run is stopped early, so that what was made so far is kept.
    mutating func finish(into outputs: inout Outputs) throws
}

extension Node {
    public mutating func finish(into outputs: inout Outputs) throws {}
}
