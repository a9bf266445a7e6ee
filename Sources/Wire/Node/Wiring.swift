/// What a node's edges ask of the thread that computes. They may change while it runs.
struct Wiring: Sendable, Equatable {
    /// Ports of which some message may be asked for again, and of which some is waited for.
    private(set) var keptPorts: Set<String> = []
    private(set) var awaitedPorts: Set<String> = []
    /// Ports whose every frame some consumer is due.
    private(set) var streamPorts: Set<String> = []
    /// Whether frames end here.
    private(set) var isSink = true
    /// The ports of a node that sends nothing but values that stay valid; none where any of its messages
    /// is one of a stream.
    private(set) var valuePorts: Set<String> = []
    /// Whether a tick is done only when what came of it has been taken: see ``NodeRunner``.
    private(set) var waitsForConsumers = false

    init() {}

    init(_ configuration: NodeConfiguration) {
        for edge in configuration.outputs {
            if edge.keep == .all { awaitedPorts.insert(edge.port) }
            if edge.keep == .all || edge.keep == .last { keptPorts.insert(edge.port) }
            if edge.keep != .last, edge.until == nil { streamPorts.insert(edge.port) }
        }
        isSink = configuration.outputs.allSatisfy { $0.until != nil }
        if configuration.outputs.allSatisfy({ $0.keep == .last && $0.until == nil }) {
            valuePorts = Set(configuration.outputs.map(\.port))
        }
        waitsForConsumers = configuration.inputs.contains { $0.window == 1 && $0.keep != .last }
    }
}
