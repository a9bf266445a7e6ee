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
    private let kind: any Node.Type
    /// The node's figures, brief or whole.
    private let progress: (_ isBrief: Bool) -> NodeReport
    private let context: ZMQContext
    private let control: ZMQSocketBox
    private let outputs: OutputLinks
    private let clock = RunClock()
    private var inputs: InputLinks?
    /// By port, what earlier processes of the node took in.
    private var past: [String: JournalRecord.Input] = [:]
    private let signals: Int32
    private var configuration: NodeConfiguration?
    private var supervisorIsGone = false
    private var wasSignalled = false
    private let configured: (NodeConfiguration) -> Void
    private let journal: Journal?
    /// Inputs as they are to be, told before there are any.
    private var rewiredInputs: [NodeConfiguration.Input]?
    /// Whether the node is told to be handed over to another process.
    private var isRetiring = false
    /// Whether consumers are given time to take what was sent, since the successor will not know of it;
    /// and until when, from the last time that one took something.
    private var drains = false
    private var drainsUntil: Int64?
    private var drained = 0

    init(
        name: String, folder: String, kind: any Node.Type, exchange: Exchange, signals: Int32,
        journal: Journal?,
        progress: @escaping (_ isBrief: Bool) -> NodeReport,
        configured: @escaping (NodeConfiguration) -> Void
    ) throws {
        self.exchange = exchange
        self.kind = kind
        self.signals = signals
        self.journal = journal
        self.progress = progress
        self.configured = configured
        context = ZMQContext()
        outputs = try OutputLinks(
            endpoint: NodeConfiguration.endpoint(of: name, in: folder), context: context,
            clock: clock, exchange: exchange)
        control = ZMQSocketBox(try ZMQSocket(.dealer, in: context, identity: name))
        try control.socket.connect(NodeConfiguration.controlEndpoint(in: folder))
        say(.hello(recovers: journal != nil, rewires: true, sets: true))
    }

    // MARK: Polling

    private static let reportInterval: Int64 = 250_000_000
    private static let drainTime: Int64 = 3_000_000_000
    /// In milliseconds.
    private static let lastThreadsTime: Int32 = 250

    /// Polls until the process has said everything it has to say.
    ///
    /// - Parameter isDone: whether the node's work is done, then: producers are told so. Those of one
    ///   that failed wait for its successor.
    func run(until isOver: () -> Bool, isDone: () -> Bool) {
        var nextReport = posix_monotonic_ns() + Self.reportInterval
        while !isOver() || mustDrain() {
            poll(milliseconds: 50)
            inputs?.failUnended(at: posix_monotonic_ns())
            guard posix_monotonic_ns() >= nextReport, configuration != nil else { continue }
            nextReport = posix_monotonic_ns() + Self.reportInterval
            say(.progress(briefReport))
        }
        carryOut(exchange.takeCommands())
        if !isRetiring, isDone() { leave() }
    }

    private func mustDrain() -> Bool {
        guard drains else { return false }
        carryOut(exchange.takeCommands())
        let now = posix_monotonic_ns(), sent = outputs.sentCount
        if drainsUntil == nil || sent > drained { (drainsUntil, drained) = (now + Self.drainTime, sent) }
        return now < drainsUntil! && !outputs.areTaken
    }

    /// Lets producers go that have more to say, and takes in what they had sent before they heard it.
    private func leave() {
        guard let inputs, !checkSupervisorIsGone() else { return }
        inputs.sendBye()
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
        items += inputs?.monitorItems ?? []
        let outputItems = outputs.pollItems
        items += outputItems
        zmqPoll(&items, milliseconds: milliseconds)
        if items[0].isReady { readControl() }
        if items[1].isReady { carryOut(exchange.takeCommands()) }
        if items[2].isReady {
            while posix_next_signal(signals) != 0 {
                wasSignalled = true
                exchange.finishNow()
            }
        }
        if items[3].isReady, !supervisorIsGone { readStandardInput() }
        for index in inputItems.indices where items[fixed + index].isReady { inputs?.read(index) }
        inputs?.watch()
        if items.suffix(outputItems.count).contains(where: \.isReady) { outputs.read() }
    }

    private func readStandardInput() {
        var byte: UInt8 = 0
        guard read(0, &byte, 1) == 0 else { return }
        supervisorIsGone = true
        exchange.finishNow()
    }

    // MARK: Supervisor

    /// Whether the supervisor has died, looked at once more: the signal of its death comes before its
    /// pipe is closed, while its last threads are ending.
    func checkSupervisorIsGone() -> Bool {
        var item = pollfd(fd: 0, events: Int16(POLLIN), revents: 0)
        let patience = wasSignalled ? Self.lastThreadsTime : 0
        wasSignalled = false
        if !supervisorIsGone, Glibc.poll(&item, 1, patience) > 0 { readStandardInput() }
        return supervisorIsGone
    }

    private func say(_ message: ControlMessage) {
        message.encoded().withUnsafeBytes { _ = control.socket.send($0) }
    }

    private func readControl() {
        while let frames = control.socket.receive() {
            // Of each by itself: a question may come while the one before it is obeyed.
            let heardAt = posix_monotonic_ns()
            guard let message = frames[0].withBytes(ControlMessage.init(decoding:)) else { continue }
            do {
                try obey(message, heardAt)
            } catch {
                exchange.fail("\(error)")
                // The computing thread may not have been told yet that there is anything to do.
                say(.failed("\(error)"))
            }
        }
    }

    private func obey(_ message: ControlMessage, _ heardAt: Int64) throws {
        switch message {
        case .configure(let configuration):
            self.configuration = configuration
            exchange.wire(Wiring(configuration))
            outputs.configure(configuration.outputs)
            if let endpoint = configuration.listen { try listen(at: endpoint) }
            configured(configuration)
        case .listen(let endpoint): try listen(at: endpoint)
        case .ping(let sent):
            say(.pong(sent: sent, received: heardAt, answered: posix_monotonic_ns()))
        case .clock(let offset, let uncertainty):
            clock.set(offset: offset, uncertainty: uncertainty)
        case .connect(let inheritance, let next, let first, let epoch):
            try connect(inheritance, next: next, first: first)
            flush(before: epoch)
        case .flush(let epoch): flush(before: epoch)
        case .rewire(let inputs, let outputs): try rewire(inputs, outputs)
        case .set(let settings, let edition): exchange.set(settings, edition: edition)
        case .hold: exchange.hold()
        case .release: exchange.endHold()
        case .start: exchange.start()
        case .drain: exchange.drain()
        case .retire(let drains, let finishes):
            isRetiring = true
            self.drains = drains
            exchange.retire(finishes: finishes)
        case .reconnect(let port, let endpoint, let isFresh):
            try reconnect(port, endpoint, isFresh)
        case .departed(let name): outputs.depart(name)
        case .away(let name, let isDown): outputs.leaveOut(name, isDown: isDown)
        case .finished(let producer): inputs?.expectEnd(of: producer)
        case .finishNow: exchange.finishNow()
        default: break
        }
    }

    private func listen(at endpoint: String) throws {
        guard let configuration else { return }
        let served = try outputs.listen(at: endpoint, configuration) { [weak self] text in
            self?.say(.warning(text))
        }
        say(.serving(endpoint: served))
    }

    /// Goes on where the process before this one ended, if there was one.
    private func connect(
        _ inheritance: Inheritance, next: [String: UInt64], first: UInt64
    ) throws {
        guard let configuration, inputs == nil else { return }
        var found = try journal?.read(takesOver: true)
        if let record = found?.record { found?.record = inheritance.from(record) }
        outputs.open(held: found?.held ?? [], drops: found?.record.edgeDrops ?? [:])
        exchange.resume(found?.record, first: first, inheritance)
        past = found?.record.arrivals ?? [:]
        var connected = configuration
        // A node that has had its last tick wants nothing more, and its producers may be gone.
        if let phase = found?.record.phase, phase != .running { connected.inputs = [] }
        inputs = try InputLinks(
            connected, spec: kind.spec.resolved(with: configuration.settings), context: context,
            clock: clock, exchange: exchange, next: found?.record.inputs ?? next,
            past: past
        ) { [weak self] in self?.say($0) }
        if let rewiredInputs { try inputs?.rewire(rewiredInputs) }
    }

    /// Drops what is of earlier epochs.
    private func flush(before epoch: UInt32) {
        guard epoch > 0 else { return }
        exchange.flush(before: epoch)
        outputs.flush(before: epoch)
    }

    private func reconnect(_ key: String, _ endpoint: String, _ isFresh: Bool) throws {
        if let inputs { return try inputs.reconnect(key, to: endpoint, isFresh: isFresh) }
        if let index = rewiredInputs?.firstIndex(where: { $0.key == key }) {
            rewiredInputs![index].endpoint = endpoint
        }
        guard let index = configuration?.inputs.firstIndex(where: { $0.key == key }) else { return }
        configuration!.inputs[index].endpoint = endpoint
    }

    /// The graph around the node is another one from some frame on.
    private func rewire(
        _ inputs: [NodeConfiguration.Input], _ outputs: [NodeConfiguration.Output]
    ) throws {
        guard var next = configuration else { return }
        (next.inputs, next.outputs) = (inputs, outputs)
        exchange.wire(Wiring(next))
        self.outputs.rewire(outputs)
        // 'listen' may come later, and admits these consumers. Inputs stay what they are until their edges end.
        configuration!.outputs = outputs
        rewiredInputs = inputs
        try self.inputs?.rewire(inputs)
        say(.rewired)
    }

    // MARK: The computing thread's commands

    private func carryOut(_ commands: [Exchange.Command]) {
        var grants: [Int: Envelope] = [:]
        for command in commands {
            switch command {
            case .publish(let port, let message, let isAwaited):
                outputs.publish(message, on: port, isAwaited: isAwaited)
            case .grant(let input, let count):
                grants[input, default: Envelope(.grant)].count += UInt32(count)
            case .release(let input, let slot, let connection):
                guard inputs?.release(slot, of: connection, input) ?? false else { continue }
                grants[input, default: Envelope(.grant)].released.append(slot)
            case .acknowledge(let next):
                for input in inputs?.acknowledge(next) ?? [] {
                    grants[input] = grants[input] ?? Envelope(.grant)
                }
            case .askForBeginning(let port):
                guard let input = inputs?.links.firstIndex(where: { $0.configuration.port == port })
                else { continue }
                grants[input, default: Envelope(.grant)].asksForBeginning = true
            case .held: sendHeld()
            case .control(let message):
                // The supervisor has to know how far the node had come when it failed.
                if case .failed = message { say(.progress(briefReport)) }
                say(message)
            // A machine that lost its supervisor ends no edges: nodes on others may go on.
            case .end: if !checkSupervisorIsGone() { outputs.end() }
            }
        }
        for (input, grant) in grants { inputs?.tell(input, grant) }
    }

    /// A source says which frame would be next: higher than any that has left it.
    private func sendHeld() {
        let report = progress(false)
        let frames = [report.emitted] + report.dropped.map(\.frames)
        let last = frames.compactMap(\.last).max()
        say(.held(next: last.map { $0 + 1 } ?? exchange.firstFrame, isOver: exchange.isOver))
    }

    // MARK: Reports

    /// The same without sets of frames, which grow: what a few reports a second can afford.
    private var briefReport: NodeReport {
        var report = progress(true)
        report.inputs = inputs?.report ?? []
        report.outputs = outputs.report(isBrief: true)
        report.refusedPeers = outputs.refusedPeers
        report.peakMemory = posix_peak_memory()
        return report
    }

    /// The node's own figures with those of its edges.
    private func wholeReport() -> NodeReport {
        exchange.abandonInputs()
        var report = progress(false)
        report.inputs = inputs?.report ?? []
        for (port, input) in past.merging(exchange.ledger.inputs, uniquingKeysWith: { $1 }) {
            let index = report.inputs.firstIndex { $0.port == port } ?? report.inputs.count
            if index == report.inputs.count { report.inputs.append(.init(port: port)) }
            (report.inputs[index].arrived, report.inputs[index].drops) = (input.arrived, input.drops)
        }
        // What waits at an edge that drops is not sent: the successor knows nothing of it.
        if isRetiring { outputs.dropWaiting() }
        report.outputs = outputs.report(isBrief: false)
        report.refusedPeers = outputs.refusedPeers
        report.peakMemory = posix_peak_memory()
        return report
    }

    /// The process's last message.
    func sendDone() {
        guard isRetiring else { return say(.done(wholeReport())) }
        let record = try? journal?.read()?.record
        say(.retired(wholeReport(), next: record?.inputs ?? [:]))
    }
}
