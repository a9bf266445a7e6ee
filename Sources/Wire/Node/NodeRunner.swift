import CPosix
import NodeKit
import Tensors

/// The thread that computes: loads the node, hands it ticks, commits and publishes what it makes.
final class NodeRunner {
    private let kind: any Node.Type
    private let spec: NodeSpec
    private var configuration: NodeConfiguration
    private let exchange: Exchange
    private let journal: Journal?
    private let ledger: NodeLedger
    private let pool = SlotPool()
    /// What was made and waits to be committed.
    private var uncommitted: [(port: String, message: Numbered)] = []
    private var record = JournalRecord()
    /// The last frame that a tick took, or that a source made.
    private var lastFrame: UInt64?
    private var unanswered: UnansweredFrames
    /// By tick that is not in the journal yet, oldest first: what of the inputs it used up.
    private var unsaved: [[String: UInt64]] = []
    /// When the node wants to be called should nothing come before.
    private var wakeTime: Int64?

    private var isSource: Bool { configuration.inputs.isEmpty }

    init(
        _ kind: any Node.Type, _ configuration: NodeConfiguration, exchange: Exchange,
        journal: Journal?, ledger: NodeLedger
    ) {
        (self.kind, self.configuration, self.exchange) = (kind, configuration, exchange)
        (self.journal, self.ledger) = (journal, ledger)
        spec = kind.spec.resolved(with: configuration.settings)
        unanswered = UnansweredFrames(holdsFrames: spec.heldFrames > 0 || spec.chunk > 1)
        record.kind = spec.kind
        let beginsStream = spec.beginsStream
        ledger.note { $0.beginsStream = beginsStream }
    }

    /// Runs the node until its work is done, or another process takes it over.
    func run() throws {
        let began = posix_monotonic_ns()
        var node = try kind.init(settings: configuration.settings)
        ledger.note { $0.loading = Self.seconds(since: began) }
        exchange.say(.ready)
        exchange.waitUntilStarted()
        try resume(&node)
        if record.phase == .running {
            guard try loop(&node) else { return }
        }
        guard record.phase != .closed else { return }
        exchange.endOutputs()
        guard exchange.waitUntilClosed() else { return }
        record.phase = .closed
        try journal?.commit(record)
    }

    /// False when another process takes the node over.
    private func loop(_ node: inout some Node) throws -> Bool {
        // What has to be sent while nothing comes is due from the beginning.
        if spec.beginsStream { wakeTime = posix_monotonic_ns() }
        while true {
            let waited = posix_monotonic_ns()
            let step = exchange.nextStep(wakeAt: wakeTime)
            ledger.note { $0.waitingForInput += Self.seconds(since: waited) }
            switch step {
            case .tick(let tick):
                try run(&node, tick)
            case .source:
                record.epoch.number = max(record.epoch.number, exchange.flushedEpoch)
                let outputs = try call(stamp: nil, isTick: true) {
                    try node.process(.none, into: &$0)
                }
                if outputs.isFinished {
                    try finish(&node)
                    return true
                }
                try commit(&node, usedUp: [:])
            case .wake:
                _ = try call(stamp: nil, isTick: true) { try node.process(.none, into: &$0) }
                try commit(&node, usedUp: unsaved.last ?? record.inputs)
            case .set(let values, let edition):
                configuration.settings = configuration.settings.with(values)
                node.update(settings: configuration.settings)
                exchange.say(.applied(edition: edition, frame: lastFrame.map { $0 + 1 }))
            case .finish:
                try finish(&node)
                return true
            case .retire(let finishes):
                if finishes { finishForGood(&node) }
                return false
            case .fail(let fault):
                // What a sink has made so far is worth keeping, whatever else went wrong.
                try? finish(&node)
                throw fault
            }
        }
    }

    private func run(_ node: inout some Node, _ tick: TickAssembler.Tick) throws {
        let outputs = try call(stamp: tick.inputs.stamp, isTick: true) {
            try node.process(tick.inputs, into: &$0)
        }
        if tick.isFrame, spec.beginsStream {
            // Numbers of what came mean nothing behind the node.
            lastFrame = outputs.sent.last?.message.stamp.frame ?? lastFrame
            if let input = tick.chosenInput {
                for (stamp, _) in outputs.dropped { exchange.passOver(stamp.frame, of: input) }
            }
        } else if tick.isFrame {
            lastFrame = tick.inputs.stamp.frame
            noteUnanswered(tick.inputs.stamp.frame, outputs)
        }
        if tick.isFrame {
            let age = posix_monotonic_ns() - tick.inputs.stamp.captured
            let isSink = exchange.edges.isSink
            let isLate = configuration.latencyBudget.map { age > $0 } ?? false
            ledger.note { report in
                // What a sink passes over it has not delivered.
                guard !isSink || !outputs.dropped.contains(where: {
                    $0.stamp.frame == tick.inputs.stamp.frame
                }) else { return }
                report.age.add(nanoseconds: age)
                guard isSink else { return }
                report.deliver(tick.inputs.stamp.frame, isLate: isLate)
            }
        }
        try commit(&node, usedUp: tick.usedUp)
        // With one credit a frame is done when what came of it has been taken: were the next one let in
        // before, it would only grow old in this node's hand (a live chain of 5, 50 and 10 ms at 30 Hz:
        // 184 ms instead of 135).
        if exchange.edges.waitsForConsumers {
            let waited = posix_monotonic_ns()
            exchange.waitForConsumers()
            ledger.note { $0.waitingForOutput += Self.seconds(since: waited) }
        }
        exchange.done(tick, acknowledged: record.inputs)
    }

    private func finish(_ node: inout some Node) throws {
        do {
            noteUnanswered(nil, try call(stamp: nil) { try node.finish(into: &$0) })
        } catch {
            // One that began anew after another, and had nothing to do, has nothing to be whole either.
            guard exchange.locked({ exchange.inheritance == .numbers }),
                exchange.resumed?.ticks == record.ticks
            else { throw error }
            exchange.say(.warning("\(error)"))
        }
        record.phase = .finished
        try seal()
    }

    /// Calls the node and takes over what it made.
    private func call(
        stamp: Stamp?, isTick: Bool = false, _ body: (inout Outputs) throws -> Void
    ) throws -> Outputs {
        let pool = pool
        let allocate: (String, Int) -> TensorMemory = { _, bytes in
            guard bytes >= SlotPool.threshold, let memory = try? pool.allocate(bytes) else {
                return TensorMemory(byteCount: bytes)
            }
            return memory
        }
        var outputs = Outputs(stamp: stamp, allocate: allocate)
        if isTick { outputs.newConsumers = exchange.takeNewConsumers() }
        let began = posix_monotonic_ns()
        defer {
            let duration = posix_monotonic_ns() - began
            let waited = Double(outputs.waited) / 1e9
            let frame = stamp?.frame ?? outputs.sent.last?.message.stamp.frame
            ledger.note {
                $0.busy += Double(duration) / 1e9 - waited
                $0.waitingForInput += waited
                $0.ticks += 1
                $0.remember(.init(start: began, duration: duration, frame: frame))
            }
        }
        try body(&outputs)
        if isTick {
            let work = posix_monotonic_ns() - began - outputs.waited
            ledger.note { $0.work.add(nanoseconds: work) }
        }
        record.ticks += 1
        wakeTime = outputs.wakeTime
        try take(outputs)
        return outputs
    }

    private func take(_ outputs: Outputs) throws {
        for warning in outputs.warnings { exchange.say(.warning(warning)) }
        for port in outputs.wantedBeginnings { exchange.askForBeginning(on: port) }
        let sent = outputs.sent.map { sent in
            (
                sent.port,
                Message(
                    sent.message.tensor,
                    isSource ? record.epoch(sent.message.stamp) : sent.message.stamp)
            )
        }
        note(outputs, sent)
        guard !sent.isEmpty else { return }
        let waited = posix_monotonic_ns()
        exchange.waitForConsumers()
        let seconds = Self.seconds(since: waited)
        ledger.note {
            $0.waitingForOutput += seconds; $0.busy -= seconds
        }
        for (port, message) in sent { uncommitted.append((port, try number(message, on: port))) }
    }

    private func number(_ message: Message, on port: String) throws -> Numbered {
        let sequence = record.outputs[port, default: 0]
        record.outputs[port] = sequence + 1
        // Taken before the copy, if there is one, so that a hop counts it.
        let published = posix_monotonic_ns()
        let kept = try kept(message, on: port, sequence: sequence, published: published)
        let isSmall = message.tensor.byteCount < SlotPool.threshold
        let tensor = isSmall ? kept ?? message.tensor : try shared(message.tensor)
        return Numbered(
            sequence: sequence, message: Message(tensor, message.stamp), published: published,
            kept: kept)
    }

    private func kept(
        _ message: Message, on port: String, sequence: UInt64, published: Int64
    ) throws -> AnyTensor? {
        guard let journal, exchange.edges.keptPorts.contains(port) else { return nil }
        let entry = JournalRecord.Entry(
            port: port, sequence: sequence, stamp: message.stamp, published: published,
            elementType: message.tensor.elementType, shape: message.tensor.shape)
        return try journal.keep(entry, message.tensor)
    }

    /// A large tensor that the node did not write into shared memory is copied there now.
    private func shared(_ tensor: AnyTensor) throws -> AnyTensor {
        guard !(tensor.memory.owner is SlotPool.Slot && tensor.offset == 0) else { return tensor }
        let memory = try pool.allocate(tensor.byteCount)
        tensor.withBytes { memory.base.copyMemory(from: $0.baseAddress!, byteCount: $0.count) }
        return AnyTensor(elementType: tensor.elementType, shape: tensor.shape, memory: memory)
    }

    private func note(_ outputs: Outputs, _ sent: [(String, Message)]) {
        let paced = kind.spec.outputs.filter { $0.pace == .frame }.map(\.name)
        let dropped = spec.beginsStream ? [] : outputs.dropped
        ledger.note { report in
            report.takeBack(dropped.map(\.stamp.frame))
            for (stamp, reason) in dropped {
                report.drop(isSource ? record.epoch(stamp).frame : stamp.frame, because: reason)
            }
            if let frames = outputs.expectedFrames { report.expectedFrames = frames }
            if isSource { report.epoch = record.epoch.number }
            // A kind that has its port from a file has none here.
            for (port, message) in sent where paced.contains(port) || kind.spec.outputs.isEmpty {
                report.emit(message.stamp.frame)
                guard isSource else { continue }
                lastFrame = max(lastFrame ?? 0, message.stamp.frame)
                record.end = max(record.end, message.stamp.presentation + message.stamp.duration)
            }
            let due = exchange.edges.streamPorts.intersection(paced)
            guard due.count > 1 else { return }
            let given = sent.filter { due.contains($0.0) }
            for frame in Set(given.map(\.1.stamp.frame)) {
                let ports = given.filter { $0.1.stamp.frame == frame }.map(\.0)
                for port in due.subtracting(ports) { report.leaveOut(frame, on: port) }
            }
        }
    }

    // MARK: Going on after a process ended

    /// Puts what a tick did into the journal, if the node can say what it remembers, and sends what
    /// it made: in this order, so that nothing is sent that a successor would not know of.
    private func commit(_ node: inout some Node, usedUp: [String: UInt64]) throws {
        unsaved.append(usedUp)
        var covered = unsaved.count
        if journal != nil, kind.spec.state == .saved {
            guard let saved = try node.save(), saved.missingTicks < unsaved.count else {
                return warnOfUnsaved()
            }
            record.state = saved.bytes
            covered -= saved.missingTicks
        }
        record.inputs = unsaved[covered - 1]
        unsaved.removeFirst(covered)
        try seal()
    }

    /// Ticks without a state, besides those of frames that it holds, after which a program is said to save none.
    private static let mostUnsaved = 100

    /// Names the reason why nothing comes of a program that says that it saves, and does not.
    private func warnOfUnsaved() {
        guard configuration.spec != nil, record.state == nil,
            unsaved.count == Self.mostUnsaved + spec.heldFrames + spec.chunk
        else { return }
        exchange.say(
            .warning(
                "it has saved nothing in \(unsaved.count) ticks, and node.yaml says 'state: saved': what it sends "
                    + "waits in memory until it saves, and else until the end; call personalive_save after a "
                    + "tick (in Python give bytes from save()), or write 'state: none'"))
    }

    private func seal() throws {
        let report = ledger.report
        (record.emitted, record.delivered) = (report.emitted, report.delivered)
        (record.dropped, record.lateCount) = (report.dropped, report.lateCount)
        let ledger = exchange.ledger
        record.arrivals.merge(ledger.inputs) { $1 }
        record.edgeDrops.merge(ledger.edges) { $1 }
        try journal?.commit(record)
        let messages = uncommitted
        uncommitted = []
        exchange.publish(messages)
    }

    /// The node is told that nothing follows, because its successor begins at the next message without
    /// its state: a film is closed, and frames in a window come out.
    private func finishForGood(_ node: inout some Node) {
        do {
            noteUnanswered(nil, try call(stamp: nil) { try node.finish(into: &$0) })
            record.inputs = unsaved.last ?? record.inputs
            (unsaved, record.state) = ([], nil)
            try seal()
        } catch {
            exchange.say(.warning("before another process took over: \(error)"))
        }
    }

    /// Goes on where an earlier process of this node ended.
    private func resume(_ node: inout some Node) throws {
        if isSource { record.epoch.first = exchange.firstFrame }
        guard let found = exchange.resumed else { return }
        record = found
        record.entries = []
        record.kind = kind.spec.kind
        lastFrame = [found.emitted.last, found.delivered.last].compactMap(\.self).max()
        ledger.note { report in
            (report.emitted, report.delivered) = (found.emitted, found.delivered)
            report.emittedCount = found.emitted.count
            report.deliveredCount = found.delivered.count
            (report.dropped, report.lateCount) = (found.dropped, found.lateCount)
        }
        guard found.phase == .running else { return }
        switch kind.spec.state {
        case .saved:
            if let state = found.state, found.kind == kind.spec.kind { try node.restore(state) }
        case .none where isSource:
            // What it sends follows from how often it was asked.
            for _ in 0..<found.ticks {
                var outputs = Outputs(stamp: nil)
                try node.process(.none, into: &outputs)
            }
        case .unknown where isSource: record.epoch = found.anew.epoch
        case .none, .unknown: break
        }
    }

    /// Counts the frames that have ended in a node between sources and sinks, since it sends nothing for
    /// them.
    private func noteUnanswered(_ frame: UInt64?, _ outputs: Outputs) {
        let paced = kind.spec.outputs.filter { $0.pace == .frame }.map(\.name)
        guard !isSource, !paced.isEmpty, !exchange.edges.isSink, !spec.beginsStream else { return }
        let sent = outputs.sent.filter { paced.contains($0.port) }.map(\.message.stamp.frame)
        let ended = unanswered.tick(frame, answered: sent + outputs.dropped.map(\.stamp.frame))
        guard !ended.isEmpty else { return }
        ledger.note { report in
            for frame in ended { report.drop(frame, because: UnansweredFrames.reason) }
        }
    }

    private static func seconds(since start: Int64) -> Double {
        Double(posix_monotonic_ns() - start) / 1e9
    }
}

extension Inputs {
    /// What a source is called with, and a node that asked to be called when nothing comes.
    static var none: Inputs {
        Inputs(stamp: Stamp(frame: 0, captured: 0, presentation: 0), messages: [:])
    }
}
