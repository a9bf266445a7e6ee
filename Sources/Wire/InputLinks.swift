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
        var socket: ZMQSocketBox
        var endpoint: String
        /// Number that the next message must have at least: a gap is a drop, going back is a fault.
        var next: UInt64
        /// What is numbered below it will never be asked for again.
        var acknowledged: UInt64
        /// Tells the processes at both ends from those before them.
        var connection = nextConnection

        /// Grows; its lower half is never 0, which is what producers say that know of no connections.
        static var nextConnection: UInt64 { UInt64(posix_monotonic_ns()) | 1 }
        /// The producer's process is gone: until there is another, nothing that comes is whole.
        var isBroken = false
        /// Of an edge from another machine: what happens to its connection.
        var monitor: LinkMonitor?
        /// Whether both sides of that connection have known each other.
        var wasWelcome = false

        var isElsewhere: Bool { monitor != nil }
    }

    private let exchange: Exchange
    private let context: ZMQContext
    private let name: String
    private let keys: CurveKeys?
    private let oldest: Int64?
    private let clock: RunClock
    private let warn: (String) -> Void
    private var isLeaving = false
    private var links: [Link]
    private let slots = SlotView()
    private(set) var report: [NodeReport.Input]
    private var ended: Set<Int> = []

    /// Whether nothing will come in any more.
    var haveEnded: Bool { ended.count == links.count }

    /// Connects every input and says hello to its producer.
    ///
    /// - Parameter next: by input, the number of the first message that is wanted.
    init(
        _ configuration: NodeConfiguration, spec: NodeSpec, context: ZMQContext, clock: RunClock,
        exchange: Exchange, next: [String: UInt64], warn: @escaping (String) -> Void
    ) throws {
        (self.exchange, self.context, self.clock) = (exchange, context, clock)
        (name, keys, self.warn) = (configuration.name, configuration.keys, warn)
        oldest = configuration.oldest
        links = try configuration.inputs.map { input in
            guard let port = spec.inputs.first(where: { $0.name == input.port }) else {
                throw WireError("'\(spec.kind)' has no input '\(input.port)'")
            }
            let (socket, monitor) = try Self.socket(
                to: input.endpoint, for: input, as: configuration.identity(of: input),
                configuration.keys, context)
            let first = input.keep == .all ? next[input.port] ?? 0 : 0
            return Link(
                configuration: input, port: port, socket: socket, endpoint: input.endpoint,
                next: first, acknowledged: first, monitor: monitor)
        }
        report = configuration.inputs.map { NodeReport.Input(port: $0.port) }
        let inputs = links.map {
            TickAssembler.Input(
                port: $0.port.name, pace: $0.port.pace, keep: $0.configuration.keep,
                window: $0.configuration.window, next: $0.next)
        }
        let required = Set(spec.inputs.filter { !$0.isOptional }.map(\.name))
        exchange.connect(TickAssembler(inputs: inputs, required: required))
        links.indices.forEach { sayHello($0) }
    }

    private static func socket(
        to endpoint: String, for input: NodeConfiguration.Input, as identity: String,
        _ keys: CurveKeys?, _ context: ZMQContext
    ) throws -> (ZMQSocketBox, LinkMonitor?) {
        let socket = ZMQSocketBox(try ZMQSocket(.dealer, in: context, identity: identity))
        var monitor: LinkMonitor?
        if endpoint.hasPrefix("tcp://") {
            try socket.socket.prepareToReach(input.producerKey, with: keys)
            monitor = try LinkMonitor(of: socket, in: context)
        }
        try socket.socket.connect(endpoint)
        return (socket, monitor)
    }

    private func sayHello(_ index: Int, again: Bool = false) {
        var hello = Envelope(.hello)
        hello.isElsewhere = links[index].isElsewhere
        hello.isAgain = again
        hello.count = UInt32(links[index].configuration.window)
        hello.sequence = links[index].next
        hello.acknowledges = true
        tell(index, hello)
    }

    /// The node has all that it wants.
    func sayGoodbye() {
        isLeaving = true
        for index in links.indices { tell(index, Envelope(.bye)) }
    }

    /// Whether an input still has the connection of that number.
    func isCurrent(_ connection: UInt64, _ input: Int) -> Bool {
        links[input].connection == connection
    }

    /// The producer of an input is served elsewhere now: what has not been used up is asked for again.
    ///
    /// - Parameter isFresh: whether the new process counts from 0, knowing nothing of its predecessor.
    func reconnect(_ port: String, to endpoint: String, isFresh: Bool) throws {
        guard let index = links.firstIndex(where: { $0.port.name == port }),
            links[index].endpoint != endpoint
        else { return }
        // What the old process has sent is not sent again by one that knows nothing of it.
        if isFresh { read(index) }
        let resends = !isFresh && links[index].configuration.keep == .all
        let next = exchange.reconnect(index, resends: resends)
        try connect(index, to: endpoint)
        links[index].next = resends ? next : 0
        if isFresh { links[index].acknowledged = 0 }
        sayHello(index)
    }

    /// The producer is the same, but the connection to its machine broke: what came is here, and what
    /// did not come is asked for again, where the edge sends anything twice.
    private func renew(_ index: Int) throws {
        _ = exchange.reconnect(index, resends: false)
        try connect(index, to: links[index].endpoint)
        sayHello(index, again: true)
    }

    private func connect(_ index: Int, to endpoint: String) throws {
        // What it has not sent yet is for a connection that is gone.
        links[index].socket.socket.forgetUnsent()
        (links[index].socket, links[index].monitor) = try Self.socket(
            to: endpoint, for: links[index].configuration, as: identity(index), keys, context)
        links[index].endpoint = endpoint
        links[index].connection = Link.nextConnection
        (links[index].isBroken, links[index].wasWelcome) = (false, false)
        ended.remove(index)
    }

    private func identity(_ index: Int) -> String {
        let input = links[index].configuration
        return input.tap.map { "tap.\(input.producerPort).\($0)" } ?? "\(name).\(input.port)"
    }

    /// Looks after the connections to other machines.
    func watch() {
        for index in links.indices {
            while let event = links[index].monitor?.next() { note(event, index) }
        }
    }

    private func note(_ event: LinkMonitor.Event, _ index: Int) {
        let input = links[index].configuration
        switch event {
        case .welcomed: links[index].wasWelcome = true
        case .closed:
            guard links[index].wasWelcome, !isLeaving else { return }
            do { try renew(index) } catch { exchange.fail("\(error)") }
        case .refused(let reason):
            warn("'\(input.producer)' at \(links[index].endpoint) is not let in: \(reason)")
        case .accepted: break
        }
    }

    /// By input, what is numbered below will not be asked for again.
    ///
    /// - Returns: the inputs whose producers have to be told.
    func acknowledge(_ next: [String: UInt64]) -> [Int] {
        links.indices.filter { index in
            guard let next = next[links[index].port.name], links[index].configuration.keep == .all,
                next > links[index].acknowledged
            else { return false }
            links[index].acknowledged = next
            return true
        }
    }

    var pollItems: [zmq_pollitem_t] { links.map { $0.socket.socket.pollItem } }
    /// What ``watch()`` looks after.
    var monitorItems: [zmq_pollitem_t] { links.compactMap { $0.monitor?.pollItem } }

    /// Sends credits, or gives back slots, to an input's producer.
    func tell(_ input: Int, _ envelope: Envelope) {
        var envelope = envelope
        envelope.stamp.frame = links[input].connection
        if envelope.kind == .grant { envelope.sequence = links[input].acknowledged }
        envelope.encoded().withUnsafeBytes { _ = links[input].socket.socket.send($0) }
    }

    /// Takes in everything that an input's producer has sent.
    func read(_ index: Int) {
        while let frames = links[index].socket.socket.receive() {
            do {
                var envelope = try frames[0].withBytes { try Envelope(decoding: $0) }
                if links[index].isElsewhere { clock.arrive(&envelope) }
                // Sent before the producer heard this process's hello: it comes again.
                let isStale = envelope.count != 0
                    && envelope.count != UInt32(truncatingIfNeeded: links[index].connection)
                switch envelope.kind {
                case .data where isStale, .end where isStale: break
                case .data: try deliver(envelope, frames, to: index)
                case .end:
                    ended.insert(index)
                    exchange.end(index)
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
        guard !links[index].isBroken else { return }
        try check(envelope, for: index)
        guard envelope.sequence >= links[index].next, envelope.sequence < .max else {
            throw WireError(
                "message \(envelope.sequence) where \(links[index].next) or a later one is due")
        }
        let bytes = envelope.payloadBytes!
        guard let memory = try payload(of: envelope, frames, bytes: bytes, input: index) else {
            links[index].isBroken = true
            return
        }
        links[index].next = envelope.sequence + 1
        report[index].received += 1
        report[index].bytes += bytes
        let now = posix_monotonic_ns()
        report[index].hop.add(nanoseconds: now - envelope.sent)
        report[index].age.add(nanoseconds: now - envelope.stamp.captured)
        if isTooLate(envelope, on: links[index], at: now) {
            report[index].late.insert(envelope.stamp.frame)
            return exchange.forgo(index, sequence: envelope.sequence)
        }
        let sent = AnyTensor(
            elementType: envelope.elementType, shape: envelope.shape, memory: memory)
        let tensor = Self.isHalved(envelope, on: links[index]) ? sent.widened : sent
        exchange.deliver(
            Numbered(
                sequence: envelope.sequence, message: Message(tensor, envelope.stamp),
                published: envelope.sent), to: index)
    }

    /// A network that was silent may hand over at last what nobody wants any more; where an edge may
    /// drop at all, that is dropped.
    private func isTooLate(_ envelope: Envelope, on link: Link, at now: Int64) -> Bool {
        guard link.isElsewhere, let oldest else { return false }
        let (keep, pace) = (link.configuration.keep, link.port.pace)
        return pace == .frame && (keep == .newest || keep == .even)
            && now - envelope.stamp.captured > oldest
    }

    /// A producer may be a stranger's program: what it sends must be what the port says.
    private func check(_ envelope: Envelope, for index: Int) throws {
        let port = links[index].port
        let expected = "\(port.elementType.name) [\(port.axesText)]"
        let found = "\(envelope.elementType.name) \(envelope.shape)"
        let isHalved = Self.isHalved(envelope, on: links[index])
        guard envelope.elementType == port.elementType || isHalved, envelope.shape.count == port.axes.count,
            zip(envelope.shape, port.axes).allSatisfy(Self.fits)
        else { throw WireError("a tensor \(found), but input '\(port.name)' takes \(expected)") }
    }

    /// Whether a port's numbers have come from another machine in half precision, as was agreed.
    private static func isHalved(_ envelope: Envelope, on link: Link) -> Bool {
        link.isElsewhere && link.configuration.isHalved && link.port.elementType == .float32
            && envelope.elementType == .float16
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
            guard !links[input].isElsewhere else {
                throw WireError("a place in the memory of another machine")
            }
            let (exchange, connection) = (exchange, links[input].connection)
            // Nil when the producer has died: that is for the supervisor to tell.
            return try slots.memory(at: place, bytes: bytes) {
                exchange.release(input: input, slot: place.slot, connection: connection)
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
