import CZeroMQ
import Glibc
import NodeKit
import Tensors
import Wire

/// Plays the consumer of one of the plugin's outputs.
final class RehearsalTaker {
    let port: PortSpec
    let window = 2
    let configuration: NodeConfiguration.Output
    private let dealer: ZMQSocketBox
    private let endpoint: String
    private let sizes: RehearsalSizes
    private var due: UInt64 = 0
    private(set) var credits = 0
    /// Stamps of what came, in its order.
    private(set) var received: [Stamp] = []
    private(set) var hasEnded = false
    /// Whether every message that comes is done at once and its credit given back.
    var isEager = false
    /// Gets what came in the message and has no fault.
    var take: (Message) -> Void = { _ in }

    init(
        _ port: PortSpec, _ sizes: RehearsalSizes, isInline: Bool, endpoint: String,
        context: ZMQContext
    ) throws {
        self.port = port
        self.sizes = sizes
        var output = NodeConfiguration.Output(
            port: port.name, consumer: "taker", consumerPort: port.name, keep: .all, window: window)
        output.isInline = isInline
        configuration = output
        dealer = ZMQSocketBox(
            try ZMQSocket(.dealer, in: context, identity: "taker.\(port.name)"))
        dealer.socket.forgetUnsent()
        self.endpoint = endpoint
    }

    var pollItem: zmq_pollitem_t { dealer.socket.pollItem }

    /// Connects, which the plugin can be expected to wait for.
    func sayHello(credits: Int) throws {
        try dealer.socket.connect(endpoint)
        self.credits = credits
        var hello = Envelope(.hello)
        hello.count = UInt32(credits)
        tell(hello)
    }

    func grant(_ count: Int, released: [UInt64] = []) {
        guard count > 0 || !released.isEmpty else { return }
        credits += count
        var grant = Envelope(.grant)
        grant.count = UInt32(count)
        grant.released = released
        tell(grant)
    }

    /// From now on gives back each credit at once, beginning with those that it has held back.
    func becomeEager() {
        isEager = true
        grant(window - credits)
    }

    func sayBye() { tell(Envelope(.bye)) }

    private func tell(_ envelope: Envelope) {
        envelope.encoded().withUnsafeBytes { _ = dealer.socket.send($0) }
    }

    /// Takes what came; returns what is wrong with it.
    func read() -> [Rehearsal.Complaint] {
        var complaints: [Rehearsal.Complaint] = []
        while let frames = dealer.socket.receive() {
            do {
                complaints += hear(try frames[0].withBytes { try Envelope(decoding: $0) }, frames)
            } catch {
                complaints.append(
                    .init(
                        "output '\(port.name)' sent \(error)",
                        "the table under 'Messages on an edge' has the header byte by byte"))
            }
        }
        return complaints
    }

    private func hear(_ envelope: Envelope, _ frames: [ZMQFrame]) -> [Rehearsal.Complaint] {
        switch envelope.kind {
        case .end:
            hasEnded = true
            sayBye()
            return []
        case .data:
            if hasEnded {
                return [
                    .init(
                        "output '\(port.name)' sent data after its end", "'end' is the last message"
                    )
                ]
            }
            var complaints = check(envelope, frames)
            if configuration.isInline, envelope.place != nil {
                complaints.append(
                    .init(
                        "output '\(port.name)' sent a message in shared memory",
                        "with \"inline\": true the payload is the message's second frame"))
            }
            if complaints.isEmpty, frames.count == 2 { take(Message(envelope, frames[1])) }
            received.append(envelope.stamp)
            credits -= 1
            let released = envelope.place.map { [$0.slot] } ?? []
            if isEager { grant(1, released: released) } else { grant(0, released: released) }
            return complaints
        default:
            return [
                .init(
                    "output '\(port.name)' sent a message of kind '\(envelope.kind)'",
                    "a producer sends data and end; the others go the other way")
            ]
        }
    }

    private func check(_ envelope: Envelope, _ frames: [ZMQFrame]) -> [Rehearsal.Complaint] {
        let what = "message \(envelope.sequence) of output '\(port.name)'"
        var complaints: [Rehearsal.Complaint] = []
        if credits <= 0 {
            complaints.append(
                .init(
                    "\(what) was sent without a credit",
                    "'data' is sent for a credit: 'hello' sets them, 'grant' adds to them, and each "
                        + "message spends one"))
        }
        if envelope.sequence < due {
            complaints.append(
                .init(
                    "\(what) came where \(due) or a later one was due",
                    "'sequence' counts the messages of an output port from 0 and only grows"))
        }
        due = envelope.sequence + 1
        if let fault = sizes.fault(envelope.elementType, envelope.shape, at: port) {
            complaints.append(
                .init(
                    "\(what) is \(fault)",
                    "the ports of node.yaml promise type and axes; give an axis as a number if it is "
                        + "always the same"))
        } else if let complaint = checkPayload(envelope, frames, what) {
            complaints.append(complaint)
        }
        return complaints
    }

    private func checkPayload(
        _ envelope: Envelope, _ frames: [ZMQFrame], _ what: String
    ) -> Rehearsal.Complaint? {
        let bytes = envelope.payloadBytes ?? 0
        guard let place = envelope.place else {
            let found = frames.count == 2 ? "a payload of \(frames[1].count) bytes" : "no payload"
            guard frames.count == 2, frames[1].count == bytes else {
                return .init(
                    "\(what) has \(found), and \(envelope.elementType.name) \(envelope.shape) takes "
                        + "\(bytes)",
                    "the message's second frame is exactly the tensor's numbers")
            }
            return nil
        }
        var status = stat()
        let path = "/proc/\(place.process)/fd/\(place.descriptor)"
        guard stat(path, &status) == 0, UInt64(status.st_size) >= place.capacity,
            UInt64(bytes) <= place.capacity
        else {
            return .init(
                "\(what) lies at \(path), where there are no \(max(bytes, Int(place.capacity))) bytes",
                "a place names a file of this process that stays open as long as the slot is lent")
        }
        return nil
    }
}

extension Message {
    fileprivate init(_ envelope: Envelope, _ payload: ZMQFrame) {
        let memory = TensorMemory(byteCount: payload.count)
        payload.withBytes {
            UnsafeMutableRawBufferPointer(start: memory.base, count: $0.count).copyMemory(from: $0)
        }
        self.init(
            AnyTensor(elementType: envelope.elementType, shape: envelope.shape, memory: memory),
            envelope.stamp)
    }
}
