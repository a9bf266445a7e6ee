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
    /// Whether the node has made all that it makes.
    private var hasEnded = false
    private(set) var edges: [(output: NodeConfiguration.Output, edge: OutputEdge)] = []
    /// By port, the last message that no consumer was there for: one that comes later may need what is sent
    /// once.
    private var untaken: [String: Numbered] = [:]
    /// The last epoch that a flush began.
    private var epoch: UInt32 = 0
    /// By name, what was dropped at edges that ended before this process began.
    private var past: [String: Drops] = [:]
    /// By name, how many messages had missed the consumer when its drops were last noted.
    private var noted: [String: Int] = [:]

    /// Serves the node's endpoint.
    init(endpoint: String, context: ZMQContext, clock: RunClock, exchange: Exchange) throws {
        (self.exchange, self.context, self.clock) = (exchange, context, clock)
        router = ZMQSocketBox(try ZMQSocket(.router, in: context))
        try router.socket.bind(endpoint)
    }

    /// Says which consumers there will be. One that says hello before waits in the socket: until now
    /// its words would mean nothing.
    func configure(_ outputs: [NodeConfiguration.Output]) {
        edges = outputs.map { ($0, edge($0)) }
    }

    private func edge(_ output: NodeConfiguration.Output) -> OutputEdge {
        var edge = OutputEdge(
            keep: output.keep, window: output.window, since: output.since, until: output.until,
            thinning: output.thinning)
        edge.flush(before: epoch)
        return edge
    }

    /// Messages of earlier epochs are dropped.
    func flush(before epoch: UInt32) {
        self.epoch = max(self.epoch, epoch)
        for index in edges.indices { edges[index].edge.flush(before: epoch) }
        noteBacklog()
    }

    /// The graph is another one from some frame on: edges that are new begin there, and those that
    /// say so end there.
    func rewire(_ outputs: [NodeConfiguration.Output]) {
        for output in outputs {
            if let index = index(of: output.identity) {
                // One that is closed stays as it is: an edition is made once.
                guard let until = output.until, !edges[index].edge.isClosed else { continue }
                edges[index].output.until = until
                edges[index].edge.stop(before: until)
                flush(index)
            } else {
                add(output)
            }
        }
        noteBacklog()
    }

    private func add(_ output: NodeConfiguration.Output) {
        var edge = edge(output)
        let taken = edges.lazy.filter { $0.output.port == output.port }.compactMap(\.edge.latest)
        if output.keep == .last, let value = untaken[output.port] ?? taken.first {
            edge.offer(value)
        }
        if hasEnded { edge.end() }
        if let key = output.consumerKey { door?.admit(output.consumer, key: key) }
        edges.append((output, edge))
    }

    /// A consumer that was here before may have come back under the same name.
    private func index(of identity: String) -> Int? {
        edges.lastIndex { $0.output.identity == identity }
    }

    /// A consumer that knows nothing of editions calls itself without; its successor may know of them.
    private func index(ofOtherEdition identity: String) -> Int? {
        let words = identity.split(separator: "~")
        guard let index = edges.lastIndex(where: { output, edge in
            !edge.isClosed && "\(output.consumer).\(output.consumerPort)" == words.first ?? ""
        }) else { return nil }
        edges[index].output.edition = words.count > 1 ? Int(words[1]) ?? 0 : 0
        return index
    }

    /// Begins to listen, with what an earlier process of this node has sent and not seen acknowledged.
    ///
    /// - Parameter drops: what that one dropped, by edge.
    func open(held: [(JournalRecord.Entry, AnyTensor)], drops: [String: Drops]) {
        (isOpen, past) = (true, drops)
        for index in edges.indices {
            let own = held.filter { $0.0.port == edges[index].output.port }
            edges[index].edge.adopt(
                own.map { entry, tensor in
                    Numbered(
                        sequence: entry.sequence, message: Message(tensor, entry.stamp),
                        published: entry.published)
                }, drops: past.removeValue(forKey: edges[index].output.name) ?? Drops(),
                isShared: edges[index].output.group != nil)
        }
        noteBacklog()
    }

    /// Messages sent on all edges together.
    var sentCount: Int { edges.reduce(0) { $0 + $1.edge.sentCount } }

    /// What waits at edges that drop is dropped.
    func dropWaiting() { for index in edges.indices { edges[index].edge.dropWaiting() } }

    /// Whether every consumer has used up what it was sent.
    var areTaken: Bool { edges.allSatisfy { $0.output.isTap || $0.edge.isTaken } }

    /// - Parameter seen: how many awaited messages were offered to the edges.
    private func noteBacklog(seen: Int = 0) {
        var drops: [String: Drops] = [:]
        for (output, edge) in edges where !output.isTap {
            guard edge.missedCount > noted[output.name] ?? 0 else { continue }
            noted[output.name] = edge.missedCount
            drops[output.name] = edge.drops
        }
        exchange.note(seen: seen, backlog: edges.reduce(0) { $0 + $1.edge.backlog }, drops: drops)
    }

    /// A consumer has everything that it wants: its process is over, or it goes on with another edge.
    ///
    /// - Parameter name: of the consumer, or of its socket.
    func depart(_ name: String) {
        for index in edges.indices
        where edges[index].output.consumer == name || edges[index].output.identity == name {
            _ = edges[index].edge.close()
        }
        noteBacklog()
        closeIfAllConsumersLeft()
    }

    /// A consumer's process is down, and the graph goes on without it.
    func leaveOut(_ name: String, isDown: Bool) {
        for index in edges.indices where edges[index].output.consumer == name {
            edges[index].edge.leaveOut(isDown: isDown)
        }
        noteBacklog()
        closeIfAllConsumersLeft()
    }

    /// A consumer that went on with another edge does not end a node that goes on.
    private func closeIfAllConsumersLeft() {
        for index in edges.indices where hasEnded && edges[index].edge.isDown {
            _ = edges[index].edge.close()
        }
        let own = edges.filter { !$0.output.isTap && (hasEnded || $0.output.until == nil) }
        guard hasEnded || !own.isEmpty, own.allSatisfy(\.edge.isClosed) else { return }
        exchange.outputsAreClosed()
    }

    /// The router's, which is not read from before the node may listen, and the door's.
    var pollItems: [zmq_pollitem_t] {
        (door?.pollItems ?? []) + (isOpen ? [router.socket.pollItem] : [])
    }

    /// - Parameter isBrief: whether sets of frames are left out.
    func report(isBrief: Bool) -> [NodeReport.Output] {
        let own = edges.filter { !$0.output.isTap }.map { output, edge in
            var report = NodeReport.Output(output, sent: edge.sentCount)
            (report.waiting, report.credits) = (edge.waiting.count, edge.credits)
            report.droppedCount = edge.droppedCount
            if !isBrief { report.drops = edge.drops }
            return report
        }
        return own + (isBrief ? [] : past.compactMap { .init(name: $0.key, drops: $0.value) })
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
    var refusedPeers: Int { door?.refusedCount ?? 0 }

    /// Offers a message to every consumer of a port.
    ///
    /// - Parameter isAwaited: whether the thread that computes counts it as on its way.
    func publish(_ message: Numbered, on port: String, isAwaited: Bool) {
        var isTaken = false
        var groups: [String: [Int]] = [:]
        for index in edges.indices where edges[index].output.port == port {
            isTaken = isTaken || !edges[index].output.isTap && !edges[index].edge.isClosed
            if let group = edges[index].output.group {
                // An edge that ended before this frame is of no group any more.
                groups["\(group.node) \(edges[index].output.edition)", default: []].append(index)
                continue
            }
            edges[index].edge.offer(message)
            flush(index)
        }
        for members in groups.values { share(message, among: members) }
        untaken[port] = isTaken ? nil : message
        noteBacklog(seen: isAwaited ? 1 : 0)
    }

    /// Sends a frame to one of several processes of a node: to the one whose turn it is, or, where frames
    /// may be dropped and that one is busy or down, to one that is free.
    private func share(_ message: Numbered, among members: [Int]) {
        guard var chosen = members.first(where: { edges[$0].edge.wants(message) }) else {
            // It is nobody's: one of them counts it.
            edges[members[0]].edge.offer(message)
            return flush(members[0])
        }
        let mayChoose = edges[chosen].output.group?.mayChoose ?? false
        if mayChoose, edges[chosen].edge.keep.mayDrop, !edges[chosen].edge.isFree,
            let free = members.first(where: { edges[$0].edge.isFree })
        {
            chosen = free
        }
        for index in members {
            if index == chosen {
                edges[index].edge.offer(message, isChosen: true)
            } else {
                edges[index].edge.passBy(message)
            }
            flush(index)
        }
    }

    /// Tells every consumer, after all that waits, that nothing follows.
    func end() {
        hasEnded = true
        for index in edges.indices {
            edges[index].edge.end()
            flush(index)
        }
        closeIfAllConsumersLeft()
    }

    /// Reads what consumers send: hello, credits, bye.
    func read() {
        defer { door?.work() }
        guard isOpen else { return }
        while let frames = router.socket.receive() {
            door?.recognise(frames.descriptor)
            // First of all: what follows may change an edge.
            guard frames.isGenuine else { continue }
            // This run's consumers are all known by name; others may only tap.
            let name = frames[0].text
            guard let index = index(of: name) ?? index(ofOtherEdition: name) ?? admit(frames) else {
                continue
            }
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
        noteBacklog()
        closeIfAllConsumersLeft()
    }

    /// So many taps are served at once; the oldest is closed for the next one.
    private static let mostTaps = 16

    /// A client of this user taps a port: a consumer that nothing waits for.
    private func admit(_ frames: [ZMQFrame]) -> Int? {
        guard frames.count == 2, frames.user == nil, let tap = NodeConfiguration.Output(tap: frames[0].text),
            let tapped = edges.first(where: { $0.output.port == tap.port })?.edge,
            let hello = try? frames[1].withBytes({ try Envelope(decoding: $0) }),
            hello.kind == .hello, (1...64).contains(hello.count)
        else { return nil }
        var output = tap
        output.window = Int(hello.count)
        var edge = OutputEdge(
            keep: tapped.keep == .last ? .last : output.keep, window: output.window)
        if let value = tapped.latest { edge.offer(value) }
        let taps = edges.indices.filter { edges[$0].output.isTap && !edges[$0].edge.isClosed }
        if taps.count >= Self.mostTaps, edges[taps[0]].edge.close() {
            send(Envelope(.end), nil, to: taps[0])
        }
        edges.append((output, edge))
        exchange.noteConsumer(of: output.port)
        return edges.count - 1
    }

    private func hear(_ frames: [ZMQFrame], from index: Int) throws {
        guard frames.count == 2 else { throw WireError("\(frames.count - 1) frames, not one") }
        let envelope = try frames[1].withBytes { try Envelope(decoding: $0) }
        switch envelope.kind {
        case .hello:
            edges[index].edge.connect(
                credits: Int(envelope.count), next: envelope.sequence,
                connection: envelope.stamp.frame, acknowledges: envelope.acknowledges,
                isElsewhere: envelope.isElsewhere, isAgain: envelope.isAgain)
            exchange.noteConsumer(of: edges[index].output.port)
        case .grant:
            edges[index].edge.grant(
                Int(envelope.count), released: envelope.released, below: envelope.sequence,
                connection: envelope.stamp.frame)
            if envelope.asksForBeginning { exchange.noteConsumer(of: edges[index].output.port) }
        case .bye:
            // A consumer that leaves early waits for this word, so that it can count what was still
            // under way.
            if edges[index].edge.close() { send(Envelope(.end), nil, to: index) }
        case .data, .end: throw WireError("a message of kind '\(envelope.kind)'")
        }
        let (credits, window) = (edges[index].edge.credits, edges[index].edge.window)
        guard credits <= window else {
            throw WireError("\(credits) credits at once, but its window is \(window)")
        }
        flush(index)
    }

    // MARK: Sending

    private func flush(_ index: Int) {
        while let message = edges[index].edge.next() { send(message, to: index) }
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
        if isElsewhere {
            if let obstacle = ZMQSocket.obstacle(to: tensor.byteCount, of: output) {
                return exchange.fail(obstacle)
            }
            clock.leave(&envelope)
        }
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
        // A tap may disappear without a bye.
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
