import CPosix
import CZeroMQ
import Glibc
import NodeKit

/// Every socket of a node's process, and the thread that polls them.
///
/// Besides ``InputLinks`` and ``OutputLinks`` that is one dealer to the supervisor, whose death is
/// noticed by the standard input's end.
final class NodeLinks {
    private let exchange: Exchange
    private let spec: NodeSpec
    /// The node's figures, brief or whole.
    private let progress: (_ isBrief: Bool) -> NodeReport
    private let context: ZMQContext
    private let control: ZMQSocketBox
    private let outputs: OutputLinks
    private var inputs: InputLinks?
    private let signals: Int32
    private var configuration: NodeConfiguration?
    private var supervisorIsGone = false
    private let configured: (NodeConfiguration) -> Void

    init(
        name: String, folder: String, spec: NodeSpec, exchange: Exchange, signals: Int32,
        progress: @escaping (_ isBrief: Bool) -> NodeReport,
        configured: @escaping (NodeConfiguration) -> Void
    ) throws {
        self.exchange = exchange
        self.spec = spec
        self.signals = signals
        self.progress = progress
        self.configured = configured
        context = ZMQContext()
        outputs = try OutputLinks(
            endpoint: NodeConfiguration.endpoint(of: name, in: folder), context: context,
            exchange: exchange)
        control = ZMQSocketBox(try ZMQSocket(.dealer, in: context, identity: name))
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
            say(.progress(briefReport))
        }
        carryOut(exchange.takeCommands())
        leave()
    }

    /// Lets producers go that have more to say, and takes in what they had sent before they heard it.
    private func leave() {
        guard let inputs, !inputs.haveEnded else { return }
        inputs.sayGoodbye()
        let deadline = posix_monotonic_ns() + Self.reportInterval
        while !inputs.haveEnded, posix_monotonic_ns() < deadline { poll(milliseconds: 10) }
    }

    private func poll(milliseconds: Int) {
        var items = [
            control.socket.pollItem, zmq_pollitem_t(readable: exchange.wakeup),
            zmq_pollitem_t(readable: signals),
            // Once the supervisor is gone its pipe stays readable for ever.
            zmq_pollitem_t(readable: supervisorIsGone ? -1 : 0),
        ]
        let fixed = items.count
        let inputItems = inputs?.pollItems ?? []
        items += inputItems
        if let item = outputs.pollItem { items.append(item) }
        zmqPoll(&items, milliseconds: milliseconds)
        if items[0].isReady { readControl() }
        if items[1].isReady { carryOut(exchange.takeCommands()) }
        if items[2].isReady { while posix_next_signal(signals) != 0 { exchange.finishNow() } }
        if items[3].isReady, !supervisorIsGone { readStandardInput() }
        for index in inputItems.indices where items[fixed + index].isReady { inputs?.read(index) }
        if items.count > fixed + inputItems.count, items[items.count - 1].isReady { outputs.read() }
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
            guard let message = frames[0].withBytes(ControlMessage.init(decoding:)) else { continue }
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
            outputs.configure(configuration.outputs)
            if let endpoint = configuration.listen { try outputs.listen(at: endpoint) }
            configured(configuration)
        case .connect:
            guard let configuration, inputs == nil else { return }
            inputs = try InputLinks(
                configuration, spec: spec.resolved(with: configuration.settings), context: context,
                exchange: exchange)
        case .start: exchange.start()
        case .drain: exchange.drain()
        case .finishNow: exchange.finishNow()
        default: break
        }
    }

    // MARK: The computing thread's wishes

    private func carryOut(_ commands: [Exchange.Command]) {
        var grants: [Int: Envelope] = [:]
        for command in commands {
            switch command {
            case .publish(let port, let message): outputs.publish(message, on: port)
            case .grant(let input, let count):
                grants[input, default: Envelope(.grant)].count += UInt32(count)
            case .release(let input, let slot):
                grants[input, default: Envelope(.grant)].released.append(slot)
            case .control(let message): say(message)
            case .end: outputs.end()
            }
        }
        for (input, grant) in grants { inputs?.tell(input, grant) }
    }

    // MARK: Report

    /// The same without sets of frames, which grow: what a few reports a second can afford.
    private var briefReport: NodeReport {
        var report = progress(true)
        report.inputs = inputs?.report ?? []
        for index in report.inputs.indices { report.inputs[index].unpaired = FrameSet() }
        report.outputs = outputs.report(isBrief: true)
        report.peakMemory = posix_peak_memory()
        return report
    }

    /// The node's own figures with those of its edges.
    private func wholeReport() -> NodeReport {
        exchange.abandonInputs()
        var report = progress(false)
        report.inputs = inputs?.report ?? []
        for (port, frames) in exchange.unpaired {
            guard let index = report.inputs.firstIndex(where: { $0.port == port }) else { continue }
            report.inputs[index].unpaired = frames
        }
        report.outputs = outputs.report(isBrief: false)
        report.peakMemory = posix_peak_memory()
        return report
    }

    /// The last words of the process.
    func sayDone() { say(.done(wholeReport())) }
}
