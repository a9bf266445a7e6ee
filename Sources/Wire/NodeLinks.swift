import CPosix
import CZeroMQ
import Glibc
import NodeKit
import Tensors

/// Every socket of a node's process, and the thread that polls them.
///
/// Producer side: one router serves all consumers of the node. Consumer side: one dealer per input.
/// Control: one dealer to the supervisor, whose death is noticed by the standard input's end.
final class NodeLinks {
    private let exchange: Exchange
    private let spec: NodeSpec
    private let progress: () -> NodeReport
    private let context: ZMQContext
    private let control: SocketBox
    private let router: SocketBox
    private let signals: Int32
    private var configuration: NodeConfiguration?
    private var inputs: [InputLink] = []
    private var edges: [(output: NodeConfiguration.Output, edge: OutputEdge)] = []
    private var report: [NodeReport.Input] = []
    private let slots = SlotView()
    private var supervisorIsGone = false
    private let configured: (NodeConfiguration) -> Void

    /// A socket in an array: `ZMQSocket` itself cannot be copied.
    private final class SocketBox {
        let socket: ZMQSocket
        init(_ socket: consuming ZMQSocket) { self.socket = socket }
    }

    private struct InputLink {
        let configuration: NodeConfiguration.Input
        let socket: SocketBox
        let pace: Pace
    }

    init(
        name: String, folder: String, spec: NodeSpec, exchange: Exchange, signals: Int32,
        progress: @escaping () -> NodeReport, configured: @escaping (NodeConfiguration) -> Void
    ) throws {
        self.exchange = exchange
        self.spec = spec
        self.signals = signals
        self.progress = progress
        self.configured = configured
        context = ZMQContext()
        router = SocketBox(try ZMQSocket(.router, in: context))
        try router.socket.bind(NodeConfiguration.endpoint(of: name, in: folder))
        control = SocketBox(try ZMQSocket(.dealer, in: context, identity: name))
        try control.socket.connect(NodeConfiguration.controlEndpoint(in: folder))
        say(.hello)
    }

    // MARK: Polling

    private static let reportInterval: Int64 = 250_000_000

    /// Polls until the process has said everything it has to say.
    func run(until isOver: () -> Bool) {
        var nextReport = posix_monotonic_ns() + Self.reportInterval
        while !isOver() {
            poll(milliseconds: 50)
            guard posix_monotonic_ns() >= nextReport, configuration != nil else { continue }
            nextReport = posix_monotonic_ns() + Self.reportInterval
            say(.progress(currentReport()))
        }
        carryOut(exchange.takeCommands())
    }

    private func poll(milliseconds: Int) {
        var items = [
            control.socket.pollItem, router.socket.pollItem,
            zmq_pollitem_t(readable: exchange.wakeup), zmq_pollitem_t(readable: signals),
        ]
        let fixed = items.count
        items += inputs.map { $0.socket.socket.pollItem }
        // Once the supervisor is gone its pipe stays readable for ever.
        if !supervisorIsGone { items.append(zmq_pollitem_t(readable: 0)) }
        zmqPoll(&items, milliseconds: milliseconds)
        if items[0].isReady { readControl() }
        if items[1].isReady { readConsumers() }
        if items[2].isReady { carryOut(exchange.takeCommands()) }
        if items[3].isReady { while posix_next_signal(signals) != 0 { exchange.finishNow() } }
        for (index, item) in items.dropFirst(fixed).prefix(inputs.count).enumerated()
        where item.isReady { readProducer(index) }
        if !supervisorIsGone, items[items.count - 1].isReady { readStandardInput() }
    }

    private func readStandardInput() {
        var byte: UInt8 = 0
        guard read(0, &byte, 1) == 0 else { return }
        supervisorIsGone = true
        exchange.finishNow()
    }

    // MARK: Supervisor

    /// Whether the supervisor has died, looked at once more: its signal may have come first.
    func checkSupervisorIsGone() -> Bool {
        var item = pollfd(fd: 0, events: Int16(POLLIN), revents: 0)
        if !supervisorIsGone, Glibc.poll(&item, 1, 0) > 0 { readStandardInput() }
        return supervisorIsGone
    }

    private func say(_ message: ControlMessage) {
        message.encoded().withUnsafeBytes { _ = control.socket.send($0) }
    }

    private func readControl() {
        while let frames = control.socket.receive() {
            guard let message = ControlMessage(decoding: frames[0].bytes) else { continue }
            do {
                try obey(message)
            } catch {
                exchange.fail("\(error)")
            }
        }
    }

    private func obey(_ message: ControlMessage) throws {
        switch message {
        case .configure(let configuration):
            self.configuration = configuration
            edges = configuration.outputs.map {
                ($0, OutputEdge(keep: $0.keep, window: $0.window))
            }
            configured(configuration)
        case .connect: try connect()
        case .start: exchange.start()
        case .drain: exchange.drain()
        case .finishNow: exchange.finishNow()
        default: break
        }
    }

    // MARK: Consumer side

    private func connect() throws {
        guard let configuration, inputs.isEmpty else { return }
        inputs = try configuration.inputs.map { input in
            let socket = try ZMQSocket(
                .dealer, in: context, identity: "\(configuration.name).\(input.port)")
            try socket.connect(input.endpoint)
            let pace = spec.inputs.first { $0.name == input.port }?.pace ?? .frame
            return InputLink(configuration: input, socket: SocketBox(socket), pace: pace)
        }
        report = configuration.inputs.map { NodeReport.Input(port: $0.port) }
        let required = Set(spec.inputs.filter { !$0.isOptional }.map(\.name))
        exchange.connect(
            TickAssembler(
                inputs: inputs.map {
                    .init(
                        port: $0.configuration.port, pace: $0.pace, keep: $0.configuration.keep,
                        window: $0.configuration.window)
                }, required: required))
        for index in inputs.indices {
            var hello = Envelope(.hello)
            hello.count = UInt32(inputs[index].configuration.window)
            tell(index, hello)
        }
    }

    private func tell(_ input: Int, _ envelope: Envelope) {
        envelope.encoded().withUnsafeBytes { _ = inputs[input].socket.socket.send($0) }
    }

    private func readProducer(_ index: Int) {
        while let frames = inputs[index].socket.socket.receive() {
            do {
                let envelope = try Envelope(decoding: frames[0].bytes)
                switch envelope.kind {
                case .data: try deliver(envelope, frames, to: index)
                case .end:
                    exchange.end(index)
                    tell(index, Envelope(.bye))
                default: throw WireError("a message of kind \(envelope.kind) from a producer")
                }
            } catch {
                let from = inputs[index].configuration
                exchange.fail("from \(from.producer).\(from.producerPort): \(error)")
            }
        }
    }

    private func deliver(_ envelope: Envelope, _ frames: [ZMQFrame], to index: Int) throws {
        try check(envelope, for: index)
        let bytes = envelope.payloadBytes!
        let memory = try payload(of: envelope, frames, bytes: bytes, input: index)
        report[index].received += 1
        report[index].bytes += bytes
        report[index].hop.add(nanoseconds: posix_monotonic_ns() - envelope.sent)
        let tensor = AnyTensor(
            elementType: envelope.elementType, shape: envelope.shape, memory: memory)
        exchange.deliver(
            Numbered(
                sequence: envelope.sequence, message: Message(tensor, envelope.stamp),
                published: envelope.sent), to: index)
    }

    /// A producer may be a stranger's program: what it sends must be what the port says.
    private func check(_ envelope: Envelope, for index: Int) throws {
        guard let port = spec.inputs.first(where: { $0.name == inputs[index].configuration.port })
        else { return }
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
    ) throws -> TensorMemory {
        if let place = envelope.place {
            let exchange = exchange
            return try slots.memory(at: place, bytes: bytes) {
                exchange.release(input: input, slot: place.slot)
            }
        }
        guard frames.count == 2, frames[1].bytes.count == bytes else {
            let found = frames.count == 2 ? frames[1].bytes.count : 0
            throw WireError("a payload of \(found) bytes for \(envelope.shape)")
        }
        // Small frames lie unaligned inside the library's own structure.
        let memory = TensorMemory(byteCount: bytes)
        memory.base.copyMemory(
            from: frames[1].bytes.baseAddress ?? UnsafeRawPointer(memory.base), byteCount: bytes)
        return memory
    }

    // MARK: Producer side

    private func readConsumers() {
        while let frames = router.socket.receive() {
            guard frames.count == 2, let envelope = try? Envelope(decoding: frames[1].bytes),
                let index = edges.firstIndex(where: { $0.output.identity == frames[0].text })
            else { continue }
            switch envelope.kind {
            case .hello: edges[index].edge.connect(credits: Int(envelope.count))
            case .grant:
                edges[index].edge.grant(Int(envelope.count), released: envelope.released)
            case .bye: edges[index].edge.close()
            default: continue
            }
            flush(index)
        }
        if edges.allSatisfy(\.edge.isClosed) { exchange.outputsAreClosed() }
    }

    private func carryOut(_ commands: [Exchange.Command]) {
        var grants: [Int: Envelope] = [:]
        for command in commands {
            switch command {
            case .publish(let port, let message):
                for index in edges.indices where edges[index].output.port == port {
                    edges[index].edge.offer(message)
                    flush(index)
                }
            case .grant(let input, let count):
                grants[input, default: Envelope(.grant)].count += UInt32(count)
            case .release(let input, let slot):
                grants[input, default: Envelope(.grant)].released.append(slot)
            case .control(let message): say(message)
            case .end:
                for index in edges.indices {
                    edges[index].edge.end()
                    flush(index)
                }
                if edges.isEmpty { exchange.outputsAreClosed() }
            }
        }
        for (input, grant) in grants { tell(input, grant) }
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
        if let slot = tensor.memory.owner as? SlotPool.Slot {
            envelope.place = Envelope.Place(
                slot: slot.number, process: UInt32(getpid()),
                descriptor: UInt32(slot.descriptor), capacity: UInt64(slot.capacity))
            edges[index].edge.lend(tensor.memory, as: slot.number)
            send(envelope, nil, to: index)
        } else {
            send(envelope, tensor.bytes, to: index)
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

    // MARK: Report

    /// The node's own figures with those of its edges.
    func currentReport() -> NodeReport {
        var report = progress()
        report.inputs = self.report
        for (port, frames) in exchange.unpaired {
            guard let index = report.inputs.firstIndex(where: { $0.port == port }) else { continue }
            report.inputs[index].unpaired = frames
        }
        report.outputs = edges.map {
            .init(
                port: $0.output.port, consumer: $0.output.consumer, keep: $0.edge.keep.rawValue,
                sent: $0.edge.sentCount, dropped: $0.edge.dropped)
        }
        report.peakMemory = posix_peak_memory()
        return report
    }

    /// The last words of the process.
    func sayDone() { say(.done(currentReport())) }
}
