import CZeroMQ
import Glibc
import NodeKit
import Tensors

/// The producer's socket of a node: one router that serves the consumers of all its outputs.
final class OutputLinks {
    private let exchange: Exchange
    private let router: ZMQSocketBox
    private var isConfigured = false
    private var edges: [(output: NodeConfiguration.Output, edge: OutputEdge)] = []

    /// Serves the node's endpoint.
    init(endpoint: String, context: ZMQContext, exchange: Exchange) throws {
        self.exchange = exchange
        router = ZMQSocketBox(try ZMQSocket(.router, in: context))
        try router.socket.bind(endpoint)
    }

    /// Says which consumers there will be. One that says hello before waits in the socket: until now
    /// its words would mean nothing.
    func configure(_ outputs: [NodeConfiguration.Output]) {
        isConfigured = true
        edges = outputs.map { ($0, OutputEdge(keep: $0.keep, window: $0.window)) }
    }

    var pollItem: zmq_pollitem_t? { isConfigured ? router.socket.pollItem : nil }

    var report: [NodeReport.Output] {
        edges.map {
            .init(
                port: $0.output.port, consumer: $0.output.consumer, keep: $0.edge.keep.rawValue,
                sent: $0.edge.sentCount, dropped: $0.edge.dropped, unwanted: $0.edge.unwanted)
        }
    }

    /// Offers a message to every consumer of a port.
    func publish(_ message: Numbered, on port: String) {
        for index in edges.indices where edges[index].output.port == port {
            edges[index].edge.offer(message)
            flush(index)
        }
    }

    /// Tells every consumer, after all that waits, that nothing follows.
    func end() {
        for index in edges.indices {
            edges[index].edge.end()
            flush(index)
        }
        if edges.isEmpty { exchange.outputsAreClosed() }
    }

    /// Hears credits and farewells.
    func read() {
        while let frames = router.socket.receive() {
            // A stranger's words mean nothing: this run's consumers are all known by name.
            guard let index = edges.firstIndex(where: { $0.output.identity == frames[0].text })
            else { continue }
            do {
                try hear(frames, from: index)
            } catch {
                let output = edges[index].output
                exchange.fail(
                    "its input '\(output.consumerPort)' answered with \(error)",
                    culprit: output.consumer)
            }
        }
        if edges.allSatisfy(\.edge.isClosed) { exchange.outputsAreClosed() }
    }

    private func hear(_ frames: [ZMQFrame], from index: Int) throws {
        guard frames.count == 2 else { throw WireError("\(frames.count - 1) frames, not one") }
        let envelope = try frames[1].withBytes { try Envelope(decoding: $0) }
        switch envelope.kind {
        case .hello: edges[index].edge.connect(credits: Int(envelope.count))
        case .grant: edges[index].edge.grant(Int(envelope.count), released: envelope.released)
        case .bye:
            let before = edges[index].edge.backlog
            // A consumer that leaves early waits for this word, so that it can count what was still
            // under way.
            if edges[index].edge.close() { send(Envelope(.end), nil, to: index) }
            exchange.sent(before)
        case .data, .end: throw WireError("a message of kind '\(envelope.kind)'")
        }
        let (credits, window) = (edges[index].edge.credits, edges[index].edge.window)
        guard credits <= window else {
            throw WireError("\(credits) credits at once, but its window is \(window)")
        }
        flush(index)
    }

    private func flush(_ index: Int) {
        let before = edges[index].edge.backlog
        while let message = edges[index].edge.next() { send(message, to: index) }
        exchange.sent(before - edges[index].edge.backlog)
        if edges[index].edge.takeEnd() { send(Envelope(.end), nil, to: index) }
    }

    private func send(_ numbered: Numbered, to index: Int) {
        let tensor = numbered.message.tensor
        var envelope = Envelope(.data)
        envelope.stamp = numbered.message.stamp
        envelope.sequence = numbered.sequence
        envelope.sent = numbered.published
        envelope.elementType = tensor.elementType
        envelope.shape = tensor.shape
        if let slot = tensor.memory.owner as? SlotPool.Slot, tensor.offset == 0 {
            envelope.place = Envelope.Place(
                slot: slot.number, process: UInt32(getpid()),
                descriptor: UInt32(slot.descriptor), capacity: UInt64(slot.capacity))
            edges[index].edge.lend(tensor.memory, as: slot.number)
            send(envelope, nil, to: index)
        } else {
            tensor.withBytes { send(envelope, $0, to: index) }
        }
    }

    private func send(_ envelope: Envelope, _ payload: UnsafeRawBufferPointer?, to index: Int) {
        let identity = Array(edges[index].output.identity.utf8)
        let header = envelope.encoded()
        identity.withUnsafeBytes { identity in
            header.withUnsafeBytes { header in
                if let payload {
                    _ = router.socket.send(identity, header, payload)
                } else {
                    _ = router.socket.send(identity, header)
                }
            }
        }
    }
}
