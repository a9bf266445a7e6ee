import CPosix
import CZeroMQ
import NodeKit
import Tensors

/// The consumer's sockets of a node: one dealer per input, all on the thread that polls.
///
/// What comes in may be a stranger's: everything is checked against the port before it is believed.
final class InputLinks {
    private struct Link {
        let configuration: NodeConfiguration.Input
        let port: PortSpec
        let socket: ZMQSocketBox
        /// Number that the next message must have at least: a gap is a drop, going back is a fault.
        var next: UInt64 = 0
    }

    private let exchange: Exchange
    private var links: [Link]
    private let slots = SlotView()
    private(set) var report: [NodeReport.Input]
    private var ended: Set<Int> = []

    /// Whether nothing will come in any more.
    var haveEnded: Bool { ended.count == links.count }

    /// Connects every input and says hello to its producer.
    init(
        _ configuration: NodeConfiguration, spec: NodeSpec, context: ZMQContext, exchange: Exchange
    ) throws {
        self.exchange = exchange
        links = try configuration.inputs.map { input in
            guard let port = spec.inputs.first(where: { $0.name == input.port }) else {
                throw WireError("'\(spec.kind)' has no input '\(input.port)'")
            }
            let socket = try ZMQSocket(
                .dealer, in: context, identity: "\(configuration.name).\(input.port)")
            try socket.connect(input.endpoint)
            return Link(configuration: input, port: port, socket: ZMQSocketBox(socket))
        }
        report = configuration.inputs.map { NodeReport.Input(port: $0.port) }
        let inputs = links.map {
            TickAssembler.Input(
                port: $0.port.name, pace: $0.port.pace, keep: $0.configuration.keep,
                window: $0.configuration.window)
        }
        let required = Set(spec.inputs.filter { !$0.isOptional }.map(\.name))
        exchange.connect(TickAssembler(inputs: inputs, required: required))
        for index in links.indices {
            var hello = Envelope(.hello)
            hello.count = UInt32(links[index].configuration.window)
            tell(index, hello)
        }
    }

    /// The node ends: producers that have more to say need not wait for it.
    func sayGoodbye() {
        for index in links.indices where !ended.contains(index) { tell(index, Envelope(.bye)) }
    }

    var pollItems: [zmq_pollitem_t] { links.map { $0.socket.socket.pollItem } }

    /// Sends credits, or gives back slots, to an input's producer.
    func tell(_ input: Int, _ envelope: Envelope) {
        envelope.encoded().withUnsafeBytes { _ = links[input].socket.socket.send($0) }
    }

    /// Takes in everything that an input's producer has sent.
    func read(_ index: Int) {
        while let frames = links[index].socket.socket.receive() {
            do {
                let envelope = try frames[0].withBytes { try Envelope(decoding: $0) }
                switch envelope.kind {
                case .data: try deliver(envelope, frames, to: index)
                case .end:
                    ended.insert(index)
                    exchange.end(index)
                    tell(index, Envelope(.bye))
                default: throw WireError("a message of kind '\(envelope.kind)'")
                }
            } catch {
                let from = links[index].configuration
                exchange.fail(
                    "its output '\(from.producerPort)' sent \(error)", culprit: from.producer)
            }
        }
    }

    private func deliver(_ envelope: Envelope, _ frames: [ZMQFrame], to index: Int) throws {
        try check(envelope, for: index)
        guard envelope.sequence >= links[index].next, envelope.sequence < .max else {
            throw WireError(
                "message \(envelope.sequence) where \(links[index].next) or a later one is due")
        }
        links[index].next = envelope.sequence + 1
        let bytes = envelope.payloadBytes!
        guard let memory = try payload(of: envelope, frames, bytes: bytes, input: index) else {
            return
        }
        report[index].received += 1
        report[index].bytes += bytes
        let now = posix_monotonic_ns()
        report[index].hop.add(nanoseconds: now - envelope.sent)
        report[index].age.add(nanoseconds: now - envelope.stamp.captured)
        let tensor = AnyTensor(
            elementType: envelope.elementType, shape: envelope.shape, memory: memory)
        exchange.deliver(
            Numbered(
                sequence: envelope.sequence, message: Message(tensor, envelope.stamp),
                published: envelope.sent), to: index)
    }

    /// A producer may be a stranger's program: what it sends must be what the port says.
    private func check(_ envelope: Envelope, for index: Int) throws {
        let port = links[index].port
        let expected = "\(port.elementType.name) [\(port.axesText)]"
        let found = "\(envelope.elementType.name) \(envelope.shape)"
        guard envelope.elementType == port.elementType, envelope.shape.count == port.axes.count,
            zip(envelope.shape, port.axes).allSatisfy(Self.fits)
        else { throw WireError("a tensor \(found), but input '\(port.name)' takes \(expected)") }
    }

    private static func fits(_ extent: Int, _ axis: Axis) -> Bool {
        switch axis {
        case .constant(let constant): extent == constant
        case .named(_, let factor): extent % factor == 0
        }
    }

    private func payload(
        of envelope: Envelope, _ frames: [ZMQFrame], bytes: Int, input: Int
    ) throws -> TensorMemory? {
        if let place = envelope.place {
            let exchange = exchange
            // Nil when the producer has died: that is for the supervisor to tell.
            return try slots.memory(at: place, bytes: bytes) {
                exchange.release(input: input, slot: place.slot)
            }
        }
        guard frames.count == 2, frames[1].count == bytes else {
            let found = frames.count == 2 ? frames[1].count : 0
            throw WireError("a payload of \(found) bytes for \(envelope.shape)")
        }
        // Small frames lie unaligned inside the library's own structure.
        let memory = TensorMemory(byteCount: bytes)
        frames[1].withBytes { payload in
            UnsafeMutableRawBufferPointer(start: memory.base, count: bytes).copyMemory(from: payload)
        }
        return memory
    }
}
