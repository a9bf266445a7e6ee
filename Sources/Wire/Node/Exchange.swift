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
        /// An input's producer is asked for a beginning.
        case askForBeginning(port: String)
        /// A source makes nothing more until it is told to go on.
        case held
        case control(ControlMessage)
        /// No more outputs will come.
        case end
    }

    let monitor = Monitor()
    /// Wakes the thread that polls.
    let wakeup: Int32

    var assembler: TickAssembler?
    var commands: [Command] = []
    /// Messages that are waited for and that the other thread has not looked at, and those that
    /// wait for credits.
    var unseen = 0
    var backlog = 0
    var wiring = Wiring()
    /// Ports on which something was sent, by this process or one before it.
    var givenPorts: Set<String> = []
    /// Settings that the node has not taken yet, and the number of their change.
    var settings: (values: [String: SettingValue], edition: Int)?
    /// Ports on which a consumer has said hello since the computing thread last looked.
    var newConsumers: Set<String> = []
    /// Whether a source is to make nothing for now, and whether it was said that it does.
    var isHeld = false
    var saidHeld = false
    var phase = Phase.loading
    /// Whether the computing thread waits for something to do.
    var isIdle = false
    /// Until when a node that another process takes over waits for one more tick.
    var lastTickBy: Int64?
    /// Whether the successor does not go on from what the node remembers.
    var finishesForGood = false
    var outputsClosed = false
    /// Whether the node has made all that it makes.
    var hasEnded = false
    var failure: Fault?
    var record: JournalRecord?
    var inheritance = Inheritance.all
    var first: UInt64 = 0
    /// What was dropped on the way out, by the edge's name.
    var edgeDrops: [String: Drops] = [:]
    /// The last epoch that a flush began.
    var epoch: UInt32 = 0

    /// Why the node cannot go on, and the neighbour that is to blame for it, if one is.
    struct Fault: Error, CustomStringConvertible {
        let description: String
        var culprit: String?
    }

    /// How far the run has come, as the supervisor says.
    enum Phase: Int, Comparable {
        case loading, running, draining, retiring, finishing
        static func < (a: Phase, b: Phase) -> Bool { a.rawValue < b.rawValue }
    }

    init() {
        wakeup = posix_wakeup()
    }

    func locked<Result>(_ body: () throws -> Result) rethrows -> Result {
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
        /// Nothing came for as long as the node wanted to wait.
        case wake
        /// Live settings have other values from here on.
        case set([String: SettingValue], edition: Int)
        /// Nothing more will come; `early` when the run was stopped before its end.
        case finish(early: Bool)
        /// Another process takes the node over from here; with `finishes` it knows nothing of it.
        case retire(finishes: Bool)
        case fail(Fault)
    }

    /// Waits until all nodes are ready, or the run is over.
    func waitUntilStarted() { locked { while phase == .loading { monitor.wait() } } }

    /// Waits for the next thing to do.
    ///
    /// - Parameter wakeTime: when the node wants to be called should nothing come before.
    func nextStep(wakeAt wakeTime: Int64? = nil) -> Step {
        locked {
            while true {
                // A node that is told to end may well have lost a neighbour: that is not its fault.
                if phase == .finishing { return .finish(early: true) }
                if phase == .retiring { return .retire(finishes: finishesForGood) }
                if let failure { return .fail(failure) }
                if outputsClosed { return .finish(early: true) }
                if let (values, edition) = settings {
                    settings = nil
                    return .set(values, edition: edition)
                }
                if let step = stepIfReady() {
                    guard lastTickBy != nil else { return step }
                    phase = .retiring
                    guard case .tick = step else { return .retire(finishes: finishesForGood) }
                    return step
                }
                if !waitForWork(until: wakeTime) { return .wake }
            }
        }
    }

    /// Waits until there may be something to do; false when the node wants to wait no longer.
    private func waitForWork(until wakeTime: Int64?) -> Bool {
        isIdle = true
        defer { isIdle = false }
        if let lastTickBy {
            if !monitor.wait(until: lastTickBy) { phase = max(phase, .retiring) }
            return true
        }
        // Nothing is repeated at a run's end.
        guard let wakeTime, phase < .draining else {
            monitor.wait()
            return true
        }
        return monitor.wait(until: wakeTime)
    }

    private func stepIfReady() -> Step? {
        guard phase != .loading, assembler != nil else { return nil }
        if let tick = assembler!.next(at: posix_monotonic_ns()) {
            returnCredits()
            return .tick(tick)
        }
        returnCredits()
        if let port = assembler!.starved {
            return .fail(
                Fault(description: "input '\(port)' ended without ever giving a value"))
        }
        if assembler!.isExhausted { return mayBeAskedAgain ? nil : .finish(early: false) }
        guard assembler!.isSource else { return nil }
        if phase == .draining { return .finish(early: true) }
        guard isHeld else { return .source }
        sayHeld()
        return nil
    }

    /// Whether consumers have a value of every output, and may yet want another one: a source before this
    /// node may be replaced. It ends when they do. One that never gave a value has to say so by ending.
    private var mayBeAskedAgain: Bool {
        phase < .draining && !wiring.valuePorts.isEmpty && wiring.valuePorts.isSubset(of: givenPorts)
    }

    func sayHeld() {
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
                givenPorts.insert(port)
                unseen += isAwaited ? 1 : 0
                commands.append(.publish(port: port, message, isAwaited: isAwaited))
            }
        }
        wakeSockets()
    }

    /// What the node's edges ask of the thread that computes.
    var edges: Wiring { locked { wiring } }

    func say(_ message: ControlMessage) { post(.control(message)) }
    func askForBeginning(on port: String) { post(.askForBeginning(port: port)) }
    func endOutputs() {
        locked {
            hasEnded = true
            if isHeld { sayHeld() }
            if let settings { commands.append(.control(.applied(edition: settings.edition, frame: nil))) }
            settings = nil
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

    /// Ports on which consumers have come since the last call.
    func takeNewConsumers() -> Set<String> {
        locked {
            defer { newConsumers = [] }
            return newConsumers
        }
    }

    /// A node that chooses among inputs passed over the frame of a tick.
    func passOver(_ frame: UInt64, of input: Int) {
        locked { assembler?.passOver(frame, of: input) }
    }

    /// Whether another process is to take the node over.
    var isRetiring: Bool { locked { phase == .retiring } }

    /// No tick will take what waits: the node has finished, or another process takes it over.
    func abandonInputs() {
        locked {
            if phase == .retiring { assembler?.handOver() } else { assembler?.abandon() }
        }
    }

    /// What came in, by port of an input that takes frames, and what was dropped on the way out, by
    /// edge.
    var ledger: (inputs: [String: JournalRecord.Input], edges: [String: Drops]) {
        locked {
            let inputs = (assembler?.inputs ?? []).filter { $0.pace.isOfFrames }
            let ports = inputs.map { ($0.port, JournalRecord.Input(arrived: $0.arrived, drops: $0.drops)) }
            return (Dictionary(ports) { $1 }, edgeDrops)
        }
    }
}
