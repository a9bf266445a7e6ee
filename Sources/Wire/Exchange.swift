import CPosix
import Glibc
import NodeKit
import Tensors

/// What a node's two threads share: one computes, one owns every socket.
///
/// Bounded by credits on the way in and by ``waitForConsumers(_:)`` on the way out.
final class Exchange: @unchecked Sendable {
    // Unchecked because every stored variable is guarded by `monitor`.

    /// What the computing thread wants sent.
    enum Command {
        case publish(port: String, Numbered, isAwaited: Bool)
        case grant(input: Int, count: Int)
        case release(input: Int, slot: UInt64, connection: UInt64)
        /// By edge, what is numbered below will not be asked for again.
        case acknowledge([String: UInt64])
        /// A source makes nothing more until it is told to go on.
        case held
        case control(ControlMessage)
        /// No more outputs will come.
        case end
    }

    private let monitor = Monitor()
    /// Wakes the thread that polls.
    let wakeup: Int32

    private var assembler: TickAssembler?
    private var commands: [Command] = []
    /// Messages that somebody will wait for and that the other thread has not looked at, and those that
    /// wait for credits.
    private var unseen = 0
    private var backlog = 0
    private var wiring = Wiring()
    /// Whether a source is to make nothing for now, and whether it was said that it does.
    private var isHeld = false
    private var saidHeld = false
    private var phase = Phase.loading
    private var outputsClosed = false
    /// Whether the node has made all that it makes.
    private var hasEnded = false
    private var failure: Fault?
    private var record: JournalRecord?
    private var first: UInt64 = 0

    /// Why the node cannot go on, and the neighbour that is to blame for it, if one is.
    struct Fault: Error, CustomStringConvertible {
        let description: String
        var culprit: String?
    }

    /// How far the run has come, as the supervisor says.
    private enum Phase: Int, Comparable {
        case loading, running, draining, retiring, finishing
        static func < (a: Phase, b: Phase) -> Bool { a.rawValue < b.rawValue }
    }

    init() {
        wakeup = posix_wakeup()
    }

    private func locked<Result>(_ body: () throws -> Result) rethrows -> Result {
        try monitor.locked(body)
    }

    /// Makes the thread that polls look at what there is to do.
    func wakeSockets() {
        var one: UInt64 = 1
        _ = write(wakeup, &one, 8)
    }

    // MARK: The thread that computes

    /// What the computing thread does next.
    enum Step {
        case tick(TickAssembler.Tick)
        /// A source makes the next message.
        case source
        /// Nothing more will come; `early` when the run was stopped before its end.
        case finish(early: Bool)
        /// Another process takes the node over from here.
        case retire
        case fail(Fault)
    }

    /// Waits until all nodes are ready, or the run is over.
    func waitUntilStarted() { locked { while phase == .loading { monitor.wait() } } }

    /// Waits for the next thing to do.
    func nextStep() -> Step {
        locked {
            while true {
                // Whoever is told to end may well have lost a neighbour: that is not its fault.
                if phase == .finishing { return .finish(early: true) }
                if phase == .retiring { return .retire }
                if let failure { return .fail(failure) }
                if outputsClosed { return .finish(early: true) }
                if let step = stepIfReady() { return step }
                monitor.wait()
            }
        }
    }

    private func stepIfReady() -> Step? {
        guard phase != .loading, assembler != nil else { return nil }
        if let tick = assembler!.next() {
            returnCredits()
            return .tick(tick)
        }
        returnCredits()
        if let port = assembler!.starved {
            return .fail(
                Fault(description: "input '\(port)' ended without ever giving a value"))
        }
        if assembler!.isExhausted { return .finish(early: false) }
        guard assembler!.isSource else { return nil }
        if phase == .draining { return .finish(early: true) }
        guard isHeld else { return .source }
        sayHeld()
        return nil
    }

    private func sayHeld() {
        guard !saidHeld else { return }
        saidHeld = true
        commands.append(.held)
        wakeSockets()
    }

    /// Inputs of a tick are done: their producers may send more.
    ///
    /// - Parameter acknowledged: by input, what is numbered below is in the journal.
    func done(_ tick: TickAssembler.Tick, acknowledged: [String: UInt64]) {
        locked {
            commands.append(.acknowledge(acknowledged))
            for (input, generation) in zip(tick.credits, tick.generations)
            where assembler!.inputs[input].generation == generation {
                let count = assembler!.creditsToGrant(input, done: 1)
                if count > 0 { commands.append(.grant(input: input, count: count)) }
            }
        }
        wakeSockets()
    }

    /// Waits until everything offered before is on its way, so that at most one tick's outputs wait.
    func waitForConsumers() {
        locked {
            while unseen + backlog > 0, phase < .retiring, failure == nil {
                monitor.wait()
            }
        }
    }

    /// Hands messages to the thread that sends.
    func publish(_ messages: [(port: String, Numbered)]) {
        guard !messages.isEmpty else { return }
        locked {
            for (port, message) in messages {
                let isAwaited = wiring.awaitedPorts.contains(port)
                unseen += isAwaited ? 1 : 0
                commands.append(.publish(port: port, message, isAwaited: isAwaited))
            }
        }
        wakeSockets()
    }

    /// What the node's edges ask of the thread that computes.
    var edges: Wiring { locked { wiring } }

    func say(_ message: ControlMessage) { post(.control(message)) }
    func endOutputs() {
        locked {
            hasEnded = true
            if isHeld { sayHeld() }
        }
        post(.end)
    }

    /// A payload's last reader is gone; called from any thread.
    func release(input: Int, slot: UInt64, connection: UInt64) {
        post(.release(input: input, slot: slot, connection: connection))
    }

    private func post(_ command: Command) {
        locked { commands.append(command) }
        wakeSockets()
    }

    /// Waits until every consumer has said that it has everything; false when something else ended
    /// the wait.
    func waitUntilClosed() -> Bool {
        locked {
            while !outputsClosed, phase < .retiring { monitor.wait() }
            return outputsClosed
        }
    }

    /// Whether another process is to take the node over.
    var isRetiring: Bool { locked { phase == .retiring } }

    /// The node has finished: messages that came too late for a tick count as dropped.
    func abandonInputs() { locked { assembler?.abandon() } }

    /// What has been dropped for want of a partner, for the report.
    var unpaired: [(port: String, frames: FrameSet)] {
        locked { assembler?.inputs.map { ($0.port, $0.unpaired) } ?? [] }
    }

    // MARK: The thread that owns the sockets

    /// Where an earlier process of this node ended; nil for the first one. Comes before the start.
    ///
    /// - Parameter first: number of the first frame of a source that has not sent any.
    func resume(_ record: JournalRecord?, first: UInt64) {
        change { (self.record, self.first) = (record, first) }
    }
    /// What to go on from.
    var resumed: JournalRecord? { locked { record } }
    var firstFrame: UInt64 { locked { first } }

    func connect(_ assembler: TickAssembler) { change { self.assembler = assembler } }
    func wire(_ wiring: Wiring) { change { self.wiring = wiring } }
    /// A source makes nothing for now, and says so when it is between two messages.
    func hold() {
        change {
            (isHeld, saidHeld) = (true, false)
            if hasEnded { sayHeld() }
        }
    }
    func letGo() { change { isHeld = false } }
    /// Whether the node has made all that it makes.
    var isOver: Bool { locked { hasEnded } }
    func start() { advance(to: .running) }
    func drain() { advance(to: .draining) }
    func retire() { advance(to: .retiring) }
    func finishNow() { advance(to: .finishing) }
    func fail(_ reason: String, culprit: String? = nil) {
        change { failure = failure ?? Fault(description: reason, culprit: culprit) }
    }
    func outputsAreClosed() { change { outputsClosed = true } }
    /// A message is not wanted: its producer may send another.
    func forgo(_ input: Int, sequence: UInt64) {
        change {
            assembler?.forgo(input, sequence: sequence)
            returnCredits()
        }
    }
    func deliver(_ message: Numbered, to input: Int) {
        change { assembler!.deliver(message, to: input) }
    }
    func end(_ input: Int) { change { assembler!.end(input) } }
    /// So many messages were looked at since the last time, and so many wait for credits.
    func note(seen: Int = 0, backlog: Int) {
        guard seen != 0 || locked({ self.backlog != backlog }) else { return }
        change {
            unseen -= seen
            self.backlog = backlog
        }
    }

    /// An input's producer is another process now.
    ///
    /// - Returns: the number of the first message that has not been used up.
    func reconnect(_ input: Int, resends: Bool) -> UInt64 {
        locked {
            forgetCredits(of: input)
            assembler!.reconnect(input, resends: resends)
            return assembler!.inputs[input].next
        }
    }

    /// An input's edge has ended, and it goes on with another one.
    func move(_ input: Int, to edge: NodeConfiguration.Input, next: UInt64) {
        locked {
            forgetCredits(of: input)
            assembler!.move(input, to: edge, next: next)
        }
    }

    /// An input is connected that was not.
    func add(_ input: TickAssembler.Input) { change { assembler!.add(input) } }

    /// A new producer gives its whole window at once: what was owed to the old one is not its own.
    private func forgetCredits(of input: Int) {
        commands.removeAll {
            if case .grant(input, _) = $0 { true } else { false }
        }
    }

    /// Whether the node was told to end at once.
    var isFinishing: Bool { locked { phase == .finishing } }

    /// Everything that the computing thread wants sent since the last look.
    func takeCommands() -> [Command] {
        var count: UInt64 = 0
        _ = read(wakeup, &count, 8)
        return locked {
            if assembler != nil { returnCredits() }
            defer { commands = [] }
            return commands
        }
    }

    private func advance(to phase: Phase) { change { self.phase = max(self.phase, phase) } }

    private func change(_ body: () -> Void) {
        locked {
            body()
            monitor.wakeAll()
        }
    }

    private func returnCredits() {
        let returned = assembler!.takeReturned()
        guard !returned.isEmpty else { return }
        for input in returned {
            let count = assembler!.creditsToGrant(input, done: 1)
            if count > 0 { commands.append(.grant(input: input, count: count)) }
        }
        wakeSockets()
    }
}
