import CPosix
import CZeroMQ
import Glibc
import NodeKit
import Tensors
import Wire

/// Plays the producer of one of the plugin's inputs.
final class RehearsalFeed {
    let port: PortSpec
    let window: Int
    let configuration: NodeConfiguration.Input
    private let router: ZMQSocketBox
    private let identity: String
    private var sequence: UInt64 = 0
    private var lent: [UInt64: SharedBytes] = [:]
    private(set) var saidHello = false
    private(set) var saidBye = false
    private(set) var credits = 0
    private(set) var sentCount = 0
    /// The first message that its hello asked for.
    private(set) var first: UInt64 = 0
    /// Frames that were sent and are not done, in their order.
    private(set) var underWay: [UInt64] = []
    /// Slots that were lent and not given back.
    var lentCount: Int { lent.count }
    /// Whether all that was sent is done: every credit is back.
    var isIdle: Bool { saidHello && credits == window }

    init(_ port: PortSpec, window: Int, in folder: String, context: ZMQContext) throws {
        self.port = port
        self.window = port.pace == .last ? 1 : window
        identity = "\(Rehearsal.node).\(port.name)"
        let endpoint = "ipc://\(folder)/feed-\(port.name).sock"
        router = ZMQSocketBox(try ZMQSocket(.router, in: context))
        router.socket.forgetUnsent()
        try router.socket.bind(endpoint)
        configuration = NodeConfiguration.Input(
            port: port.name, producer: "feeder", producerPort: port.name, endpoint: endpoint,
            keep: port.pace == .last ? .last : .all, window: self.window)
    }

    var pollItem: zmq_pollitem_t { router.socket.pollItem }

    /// Sends one tensor for one credit, in the message or in shared memory.
    func send(_ bytes: [UInt8], _ shape: [Int], _ stamp: Stamp, isShared: Bool) throws {
        precondition(credits > 0, "no credit for input '\(port.name)'")
        var envelope = Envelope(.data)
        envelope.stamp = stamp
        envelope.sequence = sequence
        envelope.sent = posix_monotonic_ns()
        envelope.elementType = port.elementType
        envelope.shape = shape
        sequence += 1
        credits -= 1
        sentCount += 1
        underWay.append(stamp.frame)
        guard isShared, !bytes.isEmpty else {
            return bytes.withUnsafeBytes { post(envelope, $0) }
        }
        let memory = try SharedBytes(bytes)
        // Numbers far from 0: a consumer must not take a slot for an index.
        let slot = 1_000_000 + envelope.sequence
        envelope.place = Envelope.Place(
            slot: slot, process: UInt32(getpid()), descriptor: UInt32(memory.descriptor),
            capacity: UInt64(memory.capacity))
        lent[slot] = memory
        post(envelope, nil)
    }

    /// Says that nothing follows; needs no credit.
    func end() { post(Envelope(.end), nil) }

    /// Counts a number that is never sent: a drop upstream.
    func skip() { sequence += 1 }

    private func post(_ envelope: Envelope, _ payload: UnsafeRawBufferPointer?) {
        let header = envelope.encoded()
        Array(identity.utf8).withUnsafeBytes { identity in
            header.withUnsafeBytes { header in
                if let payload {
                    _ = router.socket.send(identity, header, payload)
                } else {
                    _ = router.socket.send(identity, header)
                }
            }
        }
    }

    /// Hears credits and farewells; returns what is wrong with them.
    func read() -> [Rehearsal.Complaint] {
        var complaints: [Rehearsal.Complaint] = []
        while let frames = router.socket.receive() {
            if let complaint = hear(frames) { complaints.append(complaint) }
        }
        return complaints
    }

    private func hear(_ frames: [ZMQFrame]) -> Rehearsal.Complaint? {
        guard frames[0].text == identity else {
            return .init(
                "the socket of input '\(port.name)' calls itself '\(frames[0].text.prefix(40))'",
                "the DEALER of an input has the identity NAME.PORT, here '\(identity)'")
        }
        guard frames.count == 2 else {
            return .init(
                "input '\(port.name)' answered with \(frames.count - 1) frames",
                "what a consumer says is one header without a payload")
        }
        do {
            return hear(try frames[1].withBytes { try Envelope(decoding: $0) })
        } catch {
            return .init(
                "input '\(port.name)' answered with \(error)",
                "the table under 'Messages on an edge' has the header byte by byte")
        }
    }

    private func hear(_ envelope: Envelope) -> Rehearsal.Complaint? {
        switch envelope.kind {
        case .hello:
            let isAgain = saidHello
            saidHello = true
            credits = Int(envelope.count)
            (first, sequence) = (envelope.sequence, envelope.sequence)
            lent = [:]
            if isAgain {
                return .init(
                    "input '\(port.name)' said hello twice", "one 'hello' a connection is enough")
            }
            guard credits == window else {
                credits = min(credits, window)
                return .init(
                    "input '\(port.name)' said hello with \(envelope.count) credits",
                    "'hello' sets the credits to the 'window' of configure, here \(window)")
            }
            return nil
        case .grant: return hear(grant: envelope)
        case .bye:
            saidBye = true
            return nil
        case .data, .end:
            return .init(
                "input '\(port.name)' sent a message of kind '\(envelope.kind)'",
                "a consumer says hello, grant and bye; data and end go the other way")
        }
    }

    private func hear(grant: Envelope) -> Rehearsal.Complaint? {
        for slot in grant.released where lent.removeValue(forKey: slot) == nil {
            return .init(
                "input '\(port.name)' gave back slot \(slot), which it did not have",
                "'released' lists slots of places that came with 'data', each once")
        }
        credits += Int(grant.count)
        underWay.removeFirst(min(Int(grant.count), underWay.count))
        guard credits > window else { return nil }
        defer { credits = window }
        return .init(
            "input '\(port.name)' has granted \(credits) credits at once",
            "one credit for each message that is done, so never more than the window, \(window)")
    }
}

/// Bytes in an anonymous file, as the tool's own nodes lend them.
private final class SharedBytes {
    let descriptor: Int32
    let capacity: Int

    init(_ bytes: [UInt8]) throws {
        // A slot is a whole number of pages, larger than most payloads.
        capacity = (bytes.count + 4095) / 4096 * 4096
        descriptor = posix_anonymous_file("personalive-check", capacity)
        guard descriptor >= 0 else {
            throw LaunchError.system(
                call: "memfd_create(\(capacity))", reason: String(cString: strerror(-descriptor)))
        }
        let written = bytes.withUnsafeBytes { pwrite(descriptor, $0.baseAddress, $0.count, 0) }
        guard written == bytes.count else {
            throw LaunchError.system(call: "pwrite", reason: String(cString: strerror(errno)))
        }
    }

    deinit { close(descriptor) }
}
