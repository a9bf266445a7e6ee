import CZeroMQ
import Glibc
import NodeKit
import Tensors

/// The producer's socket of a node: one router that serves the consumers of all its outputs.
final class OutputLinks {
    private let exchange: Exchange
    private let context: ZMQContext
    private let clock: RunClock
    private let router: ZMQSocketBox
    /// Watches over who comes from elsewhere, once the node listens.
    private var door: Doorkeeper?
    /// Where consumers on other machines find the outputs.
    private(set) var served: String?
    private var isOpen = false
    private var edges: [(output: NodeConfiguration.Output, edge: OutputEdge)] = []

    /// Serves the node's endpoint.
    init(endpoint: String, context: ZMQContext, clock: RunClock, exchange: Exchange) throws {
        (self.exchange, self.context, self.clock) = (exchange, context, clock)
        router = ZMQSocketBox(try ZMQSocket(.router, in: context))
        try router.socket.bind(endpoint)
    }

    /// Says which consumers there will be. One that says hello before waits in the socket: until now
    /// its words would mean nothing.
    func configure(_ outputs: [NodeConfiguration.Output]) {
        edges = outputs.map { ($0, OutputEdge(keep: $0.keep, window: $0.window)) }
    }

    /// Begins to listen, with what an earlier process of this node has sent and not seen acknowledged.
    func open(held: [(JournalRecord.Entry, AnyTensor)]) {
        isOpen = true
        for index in edges.indices {
            let own = held.filter { $0.0.port == edges[index].output.port }
            edges[index].edge.adopt(
                own.map { entry, tensor in
                    Numbered(
                        sequence: entry.sequence, message: Message(tensor, entry.stamp),
                        published: entry.published)
                })
        }
        exchange.sent(-backlog)
    }

    /// Whether every consumer has used up what it was sent.
    var areTaken: Bool { edges.allSatisfy { $0.output.isTap || $0.edge.isTaken } }

    private var backlog: Int { edges.reduce(0) { $0 + $1.edge.backlog } }

    /// A consumer's process is over, and it has everything that it wants.
    func depart(_ consumer: String) {
        for index in edges.indices where edges[index].output.consumer == consumer {
            let before = edges[index].edge.backlog
            _ = edges[index].edge.close()
            exchange.sent(before)
        }
        if edges.allSatisfy({ $0.edge.isClosed || $0.output.isTap }) { exchange.outputsAreClosed() }
    }

    /// The router's, which is not read from before the node may listen, and the door's.
    var pollItems: [zmq_pollitem_t] {
        (door?.pollItems ?? []) + (isOpen ? [router.socket.pollItem] : [])
    }

    /// - Parameter isBrief: whether sets of frames are left out.
    func report(isBrief: Bool) -> [NodeReport.Output] {
        edges.filter { !$0.output.isTap }.map { output, edge in
            var report = NodeReport.Output(
                port: output.port, consumer: output.consumer, keep: edge.keep.rawValue,
                sent: edge.sentCount)
            (report.waiting, report.credits) = (edge.waiting.count, edge.credits)
            report.droppedCount = edge.droppedCount
            if !isBrief {
                (report.dropped, report.unwanted, report.lost) = (
                    edge.dropped, edge.unwanted, edge.lost
                )
            }
            return report
        }
    }

    /// Serves the outputs at another endpoint as well, for consumers elsewhere.
    ///
    /// - Returns: the endpoint with its port.
    func listen(
        at endpoint: String, _ configuration: NodeConfiguration,
        warn: @escaping (String) -> Void
    ) throws -> String {
        if let served { return served }
        door = try Doorkeeper.open(router, at: endpoint, configuration, in: context, warn: warn)
        served = router.socket.endpoint
        return served!
    }

    /// Connections that were turned away.
    var strangers: Int { door?.refusedCount ?? 0 }

    /// Offers a message to every consumer of a port.
    func publish(_ message: Numbered, on port: String) {
        for index in edges.indices where edges[index].output.port == port {
            let (before, keep) = (edges[index].edge.backlog, edges[index].edge.keep)
            edges[index].edge.offer(message)
            // A consumer that left meanwhile takes nothing: nobody waits for it.
            if keep == .all, edges[index].edge.backlog == before { exchange.sent(1) }
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
        defer { door?.work() }
        guard isOpen else { return }
        while let frames = router.socket.receive() {
            door?.recognise(frames[0].descriptor)
            // A stranger's words mean nothing: this run's consumers are all known by name.
            guard
                let index = edges.firstIndex(where: { $0.output.identity == frames[0].text })
                    ?? admit(frames), isGenuine(frames[0], edges[index].output)
            else { continue }
            do {
                try hear(frames, from: index)
            } catch {
                let output = edges[index].output
                guard !output.isTap else {
                    _ = edges[index].edge.close()
                    continue
                }
                exchange.fail(
                    "its input '\(output.consumerPort)' answered with \(error)",
                    culprit: output.consumer)
            }
        }
        edges.removeAll { $0.output.isTap && $0.edge.isClosed }
        if edges.allSatisfy({ $0.edge.isClosed || $0.output.isTap }) { exchange.outputsAreClosed() }
    }

    /// Somebody of this user's wants to look at what a port sends: a consumer without any rights.
    private func admit(_ frames: [ZMQFrame]) -> Int? {
        guard frames.count == 2, let tap = NodeConfiguration.Output(tap: frames[0].text),
            let tapped = edges.first(where: { $0.output.port == tap.port })?.edge,
            let hello = try? frames[1].withBytes({ try Envelope(decoding: $0) }),
            hello.kind == .hello, (1...64).contains(hello.count)
        else { return nil }
        var output = tap
        output.window = Int(hello.count)
        var edge = OutputEdge(
            keep: tapped.keep == .last ? .last : output.keep, window: output.window)
        if let value = tapped.latest { edge.offer(value) }
        edges.append((output, edge))
        return edges.count - 1
    }

    /// Whoever comes from elsewhere may only call himself what his key says.
    private func isGenuine(_ frame: ZMQFrame, _ output: NodeConfiguration.Output) -> Bool {
        guard let user = frame.user, !user.isEmpty else { return true }
        return user == output.consumer
    }

    private func hear(_ frames: [ZMQFrame], from index: Int) throws {
        guard frames.count == 2 else { throw WireError("\(frames.count - 1) frames, not one") }
        let envelope = try frames[1].withBytes { try Envelope(decoding: $0) }
        switch envelope.kind {
        case .hello:
            let before = edges[index].edge.backlog
            edges[index].edge.connect(
                credits: Int(envelope.count), next: envelope.sequence,
                connection: envelope.stamp.frame, acknowledges: envelope.acknowledges,
                isElsewhere: envelope.isElsewhere, isAgain: envelope.isAgain)
            exchange.sent(before - edges[index].edge.backlog)
        case .grant:
            edges[index].edge.grant(
                Int(envelope.count), released: envelope.released, below: envelope.sequence,
                connection: envelope.stamp.frame)
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
        let whole = numbered.message.tensor
        let isHalved = edges[index].edge.isElsewhere && edges[index].output.isHalved
        let tensor = isHalved && whole.elementType == .float32 ? whole.halved : whole
        var envelope = Envelope(.data)
        envelope.stamp = numbered.message.stamp
        envelope.sequence = numbered.sequence
        envelope.sent = numbered.published
        envelope.elementType = tensor.elementType
        envelope.shape = tensor.shape
        let (output, isElsewhere) = (edges[index].output, edges[index].edge.isElsewhere)
        if isElsewhere { clock.leave(&envelope) }
        let isShared = !output.isInline && !output.isTap && !isElsewhere
        if isShared, let slot = tensor.memory.owner as? SlotPool.Slot, tensor.offset == 0 {
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
        let isThere = post(envelope, payload, to: index)
        // Whoever only looks on may go without a word.
        if !isThere, edges[index].output.isTap { _ = edges[index].edge.close() }
    }

    /// False when the consumer is not there.
    private func post(
        _ envelope: Envelope, _ payload: UnsafeRawBufferPointer?, to index: Int
    ) -> Bool {
        let identity = Array(edges[index].output.identity.utf8)
        var envelope = envelope
        envelope.count = UInt32(truncatingIfNeeded: edges[index].edge.connection)
        let header = envelope.encoded()
        return identity.withUnsafeBytes { identity in
            header.withUnsafeBytes { header in
                guard let payload else { return router.socket.send(identity, header) }
                return router.socket.send(identity, header, payload)
            }
        }
    }
}
