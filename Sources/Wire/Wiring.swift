/// What a node's edges ask of the thread that computes. They may change while it runs.
struct Wiring: Sendable, Equatable {
    /// Ports of which some message may be asked for again, and of which some is waited for.
    private(set) var keptPorts: Set<String> = []
    private(set) var awaitedPorts: Set<String> = []
    /// Whether frames end here.
    private(set) var isSink = true
    /// Whether all that it sends are values that stay valid: it goes on while somebody may want another
    /// one, since a source before it may yet be replaced.
    private(set) var sendsValuesOnly = false
    /// Whether a tick is done only when what came of it has been taken: see ``NodeRunner``.
    private(set) var waitsForConsumers = false

    init() {}

    init(_ configuration: NodeConfiguration) {
        for edge in configuration.outputs {
            if edge.keep == .all { awaitedPorts.insert(edge.port) }
            if edge.keep == .all || edge.keep == .last { keptPorts.insert(edge.port) }
        }
        isSink = configuration.outputs.allSatisfy { $0.until != nil }
        sendsValuesOnly = !isSink && configuration.outputs.allSatisfy { $0.keep == .last }
        waitsForConsumers = configuration.inputs.contains { $0.window == 1 && $0.keep != .last }
    }
}
