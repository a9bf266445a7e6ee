import CPosix
import CZeroMQ
import NodeKit
import Tensors

/// The edges from a plugin to consumers on other machines.
///
/// To the plugin this relay is the consumer: it passes the consumer's credits on. What was sent and
/// is not used up is kept here, as a node of the tool keeps it, so that a connection that breaks, or a
/// consumer that is started again, costs an edge that loses nothing no message: a plugin need not keep
/// anything.
final class RelayedOutputs {
    struct RelayedEdge {
        let output: NodeConfiguration.Output
        var edge: OutputEdge
        /// To the plugin, in the consumer's name; nil before the consumer has come from elsewhere.
        var socket: ZMQSocketBox?
        var monitor: LinkMonitor?
        var connection: UInt64 = 0
        /// Messages that the plugin has spent a credit on and not got back.
        var outstanding = 0
        /// Credits of the consumer's that the plugin is not to have: they are for messages that were
        /// sent again.
        var ownCredits = 0
    }

    private let configuration: NodeConfiguration
    /// Where the plugin serves its outputs.
    private let endpoint: String
    private let context: ZMQContext
    let clock: RunClock
    let say: (ControlMessage) -> Void
    var router: ZMQSocketBox?
    private var door: Doorkeeper?
    private var served: String?
    var edges: [RelayedEdge]
    let slots = SlotView()

    init(
        _ configuration: NodeConfiguration, endpoint: String, context: ZMQContext, clock: RunClock,
        say: @escaping (ControlMessage) -> Void
    ) {
        (self.configuration, self.endpoint, self.context) = (configuration, endpoint, context)
        (self.clock, self.say) = (clock, say)
        edges = configuration.outputs.map {
            RelayedEdge(output: $0, edge: OutputEdge(keep: $0.keep, window: $0.window))
        }
    }

    /// Serves the outputs to consumers elsewhere.
    ///
    /// - Returns: the endpoint with its port.
    func listen(at endpoint: String) throws -> String {
        if let served { return served }
        let router = ZMQSocketBox(try ZMQSocket(.router, in: context))
        door = try Doorkeeper.open(router, at: endpoint, configuration, in: context) { [say] text in
            say(.warning(text))
        }
        self.router = router
        served = router.socket.endpoint
        return served!
    }

    var pollItems: [zmq_pollitem_t] {
        (door?.pollItems ?? []) + (router.map { [$0.socket.pollItem] } ?? [])
            + edges.compactMap { $0.socket?.socket.pollItem }
            + edges.compactMap { $0.monitor?.pollItem }
    }

    func work() throws {
        hearConsumers()
        for index in edges.indices {
            try hearPlugin(index)
            watch(index)
        }
    }

    /// Connections that were turned away.
    var refusedPeers: Int { door?.refusedCount ?? 0 }

    /// By edge, frames that did not reach their consumers.
    var missing: [(output: NodeConfiguration.Output, drops: Drops)] {
        edges.map { ($0.output, $0.edge.drops) }.filter { !$0.drops.isEmpty }
    }

    /// A consumer's process is over, and it has everything that it wants.
    ///
    /// - Parameter name: the consumer's, or its socket's.
    func depart(_ name: String) {
        for index in edges.indices
        where [edges[index].output.consumer, edges[index].output.identity].contains(name) {
            _ = edges[index].edge.close()
        }
    }

    // MARK: The consumers' messages

    private func hearConsumers() {
        defer { door?.work() }
        while let frames = router?.socket.receive() {
            door?.recognise(frames.descriptor)
            guard frames.isGenuine,
                let index = edges.firstIndex(where: { $0.output.identity == frames[0].text })
            else { continue }
            do {
                guard frames.count == 2 else { throw WireError("\(frames.count - 1) frames, not one") }
                try hear(try frames[1].withBytes { try Envelope(decoding: $0) }, index)
            } catch {
                let output = edges[index].output
                say(
                    .failed(
                        "its input '\(output.consumerPort)' answered with \(error)",
                        culprit: output.consumer))
            }
        }
    }

    private func hear(_ envelope: Envelope, _ index: Int) throws {
        switch envelope.kind {
        case .hello: try welcome(envelope, index)
        case .grant:
            guard envelope.stamp.frame == edges[index].edge.connection else { return }
            edges[index].edge.grant(
                Int(envelope.count), released: [], below: envelope.sequence,
                connection: envelope.stamp.frame)
            credit(Int(envelope.count), below: envelope.sequence, index)
        case .bye:
            if edges[index].edge.close() { post(Envelope(.end), nil, index) }
            tellPlugin(index, Envelope(.bye))
        case .data, .end: throw WireError("a message of kind '\(envelope.kind)'")
        }
        let (credits, window) = (edges[index].edge.credits, edges[index].edge.window)
        guard credits <= window else {
            throw WireError("\(credits) credits at once, but its window is \(window)")
        }
        flush(index)
    }

    /// A consumer is there, for the first time, or anew.
    private func welcome(_ hello: Envelope, _ index: Int) throws {
        edges[index].edge.connect(
            credits: Int(hello.count), next: hello.sequence, connection: hello.stamp.frame,
            acknowledges: hello.acknowledges, isElsewhere: true, isAgain: hello.isAgain)
        guard edges[index].socket != nil else { return try introduce(hello, index) }
        // What it is sent again from here uses up its credits, and what it has in hand will; the
        // plugin gets the rest of those that it has spent.
        let inHand = edges[index].output.window - Int(hello.count)
        let due = edges[index].outstanding - edges[index].edge.waiting.count - inHand
        edges[index].ownCredits = max(0, -due)
        if due > 0 { grantPlugin(due, below: hello.sequence, index) }
    }

    /// The consumer comes from elsewhere now: it is the plugin's by this relay.
    private func introduce(_ hello: Envelope, _ index: Int) throws {
        let socket = ZMQSocketBox(
            try ZMQSocket(.dealer, in: context, identity: edges[index].output.identity))
        // Should the consumer move to this machine, the plugin turns to it.
        socket.socket.staysLost()
        edges[index].monitor = try LinkMonitor(of: socket, in: context, over: "ipc")
        try socket.socket.connect(endpoint)
        edges[index].socket = socket
        edges[index].connection = UInt64(posix_monotonic_ns()) | 1
        edges[index].outstanding = max(0, edges[index].output.window - Int(hello.count))
        edges[index].ownCredits = 0
        tellPlugin(index, hello)
    }

    private func credit(_ count: Int, below next: UInt64, _ index: Int) {
        let own = min(count, edges[index].ownCredits)
        edges[index].ownCredits -= own
        grantPlugin(count - own, below: next, index)
    }

    private func grantPlugin(_ count: Int, below next: UInt64, _ index: Int) {
        edges[index].outstanding -= min(count, edges[index].outstanding)
        var grant = Envelope(.grant)
        (grant.count, grant.sequence) = (UInt32(count), next)
        tellPlugin(index, grant)
    }

    func tellPlugin(_ index: Int, _ envelope: Envelope) {
        var envelope = envelope
        (envelope.isElsewhere, envelope.isAgain) = (envelope.kind == .hello, false)
        envelope.stamp.frame = edges[index].connection
        envelope.encoded().withUnsafeBytes { _ = edges[index].socket?.socket.send($0) }
    }
}
