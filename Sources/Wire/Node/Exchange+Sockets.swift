import CPosix
import Glibc
import NodeKit

/// What the thread that owns the sockets says to the one that computes.
extension Exchange {
    /// Where an earlier process of this node ended; nil for the first one. Comes before the start.
    ///
    /// - Parameter first: number of the first frame of a source that has not sent any.
    func resume(_ record: JournalRecord?, first: UInt64, _ inheritance: Inheritance) {
        change {
            (self.record, self.first, self.inheritance) = (record, first, inheritance)
            givenPorts.formUnion(record?.outputs.keys.map { $0 } ?? [])
        }
    }
    /// What to go on from.
    var resumed: JournalRecord? { locked { record } }
    var firstFrame: UInt64 { locked { first } }
    var flushedEpoch: UInt32 { locked { epoch } }

    func connect(_ assembler: TickAssembler) { change { self.assembler = assembler } }
    func wire(_ wiring: Wiring) { change { self.wiring = wiring } }
    /// A source makes nothing for now, and says so when it is between two messages.
    func hold() {
        change {
            (isHeld, saidHeld) = (true, false)
            if hasEnded { sayHeld() }
        }
    }
    /// Live settings change before the next tick. A node that has made all that it makes has none.
    func set(_ values: [String: SettingValue], edition: Int) {
        change {
            guard !hasEnded else {
                return commands.append(.control(.applied(edition: edition, frame: nil)))
            }
            settings = (values, edition)
        }
        wakeSockets()
    }
    func endHold() { change { isHeld = false } }
    /// Whether the node has made all that it makes.
    var isOver: Bool { locked { hasEnded } }
    func start() { advance(to: .running) }
    func drain() { advance(to: .draining) }
    /// Another process takes the node over, after the tick under way. One that waits takes the next
    /// tick first, if it comes soon: then its successor has until the one after that to begin, and no
    /// frame waits for it (a stage of 15 ms at 30 frames a second: the longest gap was 1.55 periods).
    func retire(finishes: Bool = false) {
        change {
            finishesForGood = finishes
            if isIdle { lastTickBy = posix_monotonic_ns() + 100_000_000 } else { phase = max(phase, .retiring) }
        }
    }
    func finishNow() { advance(to: .finishing) }
    func fail(_ reason: String, culprit: String? = nil) {
        change { failure = failure ?? Fault(description: reason, culprit: culprit) }
    }
    /// A consumer of a port is there, for the first time or anew.
    func noteConsumer(of port: String) { locked { _ = newConsumers.insert(port) } }
    func outputsAreClosed() { change { outputsClosed = true } }
    /// Messages of earlier epochs are dropped; a source begins this one.
    func flush(before epoch: UInt32) {
        change {
            self.epoch = max(self.epoch, epoch)
            assembler?.flush(before: epoch)
            if assembler != nil { returnCredits() }
        }
    }
    /// Messages of an input's producer, as it is now, that wait for their tick.
    func waiting(at input: Int) -> Int { locked { assembler!.inputs[input].waitingNow } }
    func deliver(_ message: Numbered, to input: Int) {
        change { assembler!.deliver(message, to: input) }
    }
    func end(_ input: Int) { change { assembler!.end(input) } }
    /// So many messages were looked at since the last time, so many wait for credits, and these were
    /// dropped at edges that changed, by the edge's name.
    func note(seen: Int = 0, backlog: Int, drops: [String: Drops]) {
        guard seen != 0 || !drops.isEmpty || locked({ self.backlog != backlog }) else { return }
        change {
            unseen -= seen
            self.backlog = backlog
            edgeDrops.merge(drops) { $1 }
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

    func returnCredits() {
        let returned = assembler!.takeReturned()
        guard !returned.isEmpty else { return }
        for input in returned {
            let count = assembler!.creditsToGrant(input, done: 1)
            if count > 0 { commands.append(.grant(input: input, count: count)) }
        }
        wakeSockets()
    }
}
