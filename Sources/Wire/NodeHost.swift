import CPosix
import Foundation
import Glibc
import NodeKit
import Tensors

/// Runs one node in this process: one thread computes, one owns every socket.
///
/// This is the one door through which a Swift plugin enters: its `main` calls ``run(_:name:folder:)``.
public final class NodeHost: @unchecked Sendable {
    // Unchecked because the computing thread owns `node` and `sequences`; `report` has its lock.
    private let kind: any Node.Type
    private let exchange = Exchange()
    private let pool = SlotPool()
    private let configured = DispatchSemaphore(value: 0)
    private let lock = NSLock()
    private var report = NodeReport()
    private var configuration: NodeConfiguration?
    private var sequences: [String: UInt64] = [:]
    private var allEdges: [String: Int] = [:]

    private init(_ kind: any Node.Type) { self.kind = kind }

    /// Hosts a node until its run is over and returns the process's exit code.
    ///
    /// - Parameters:
    ///   - name: what the graph calls the node.
    ///   - folder: where this run's sockets are.
    public static func run(_ kind: any Node.Type, name: String, folder: String) -> Int32 {
        posix_line_buffer()
        let signals = posix_signals([SIGTERM, SIGINT, SIGHUP], 3)
        return NodeHost(kind).run(name: name, folder: folder, signals: signals)
    }

    private func run(name: String, folder: String, signals: Int32) -> Int32 {
        let links: NodeLinks
        do {
            links = try NodeLinks(
                name: name, folder: folder, spec: kind.spec, exchange: exchange, signals: signals,
                progress: { [self] isBrief in lock.withLock { isBrief ? report.brief : report } },
                configured: { [self] configuration in
                    self.configuration = configuration
                    configured.signal()
                })
        } catch {
            FileHandle.standardError.write(Data("\(error)\n".utf8))
            return 1
        }
        let outcome = Outcome()
        let thread = Thread { [self] in
            outcome.set(compute())
        }
        thread.stackSize = 16 << 20
        thread.start()
        let deadline = Deadline()
        links.run {
            let isSink = configuration?.outputs.isEmpty ?? false
            return outcome.code != nil
                || deadline.hasPassed(after: exchange.isFinishing, hasFiles: isSink)
        }
        if outcome.code == 0 { links.sayDone() }
        unlink("\(folder)/\(name).sock")
        if links.checkSupervisorIsGone() { Self.removeTraces(in: folder) }
        return outcome.code ?? 143
    }

    /// What the computing thread came to.
    private final class Outcome: @unchecked Sendable {
        // Unchecked because the value is guarded by the lock.
        private let lock = NSLock()
        private var value: Int32?
        var code: Int32? { lock.withLock { value } }
        func set(_ code: Int32) { lock.withLock { value = code } }
    }

    /// After the supervisor was killed nobody else can clean up: the last node out removes the folder.
    private static func removeTraces(in folder: String) {
        unlink("\(folder)/control.sock")
        rmdir(folder)
    }

    // MARK: The thread that computes

    private func compute() -> Int32 {
        configured.wait()
        do {
            try computeThrowing()
            return 0
        } catch {
            let culprit = (error as? Exchange.Fault)?.culprit
            exchange.say(.failed("\(error)", culprit: culprit))
            return 1
        }
    }

    private func computeThrowing() throws {
        guard let configuration else { return }
        for edge in configuration.outputs where edge.keep == .all {
            allEdges[edge.port, default: 0] += 1
        }
        let began = posix_monotonic_ns()
        var node = try kind.init(settings: configuration.settings)
        note { $0.loading = Self.seconds(since: began) }
        exchange.say(.ready)
        try loop(&node)
        exchange.endOutputs()
        exchange.waitUntilClosed()
    }

    private func loop(_ node: inout some Node) throws {
        while true {
            let waited = posix_monotonic_ns()
            let step = exchange.nextStep()
            note { $0.waitingForInput += Self.seconds(since: waited) }
            switch step {
            case .tick(let tick):
                try run(&node, tick)
            case .source:
                let outputs = try call(stamp: nil) { outputs in
                    try node.process(
                        Inputs(
                            stamp: Stamp(frame: 0, captured: 0, presentation: 0), messages: [:]),
                        into: &outputs)
                }
                if outputs.isFinished { return try finish(&node) }
            case .finish:
                return try finish(&node)
            case .fail(let fault):
                // What a sink has made so far is worth keeping, whatever else went wrong.
                try? finish(&node)
                throw fault
            }
        }
    }

    private func run(_ node: inout some Node, _ tick: TickAssembler.Tick) throws {
        _ = try call(stamp: tick.inputs.stamp) { outputs in
            try node.process(tick.inputs, into: &outputs)
        }
        // With one credit a frame is done when what came of it has been taken: were the next one let in
        // before, it would only grow old in this node's hand (a live chain of 5, 50 and 10 ms at 30 Hz:
        // 184 ms instead of 135).
        if configuration?.inputs.contains(where: { $0.window == 1 && $0.keep != .last }) ?? false {
            let waited = posix_monotonic_ns()
            exchange.waitForConsumers()
            note { $0.waitingForOutput += Self.seconds(since: waited) }
        }
        exchange.done(tick)
        guard tick.isFrame else { return }
        let isSink = configuration?.outputs.isEmpty ?? true
        let age = posix_monotonic_ns() - tick.inputs.stamp.captured
        note { report in
            report.age.add(nanoseconds: age)
            if isSink { report.deliver(tick.inputs.stamp.frame) }
        }
    }

    private func finish(_ node: inout some Node) throws {
        _ = try call(stamp: nil) { try node.finish(into: &$0) }
    }

    /// Calls the node and hands over what it made.
    private func call(
        stamp: Stamp?, _ body: (inout Outputs) throws -> Void
    ) throws -> Outputs {
        let pool = pool
        let allocate: (String, Int) -> TensorMemory = { _, bytes in
            guard bytes >= SlotPool.threshold, let memory = try? pool.allocate(bytes) else {
                return TensorMemory(byteCount: bytes)
            }
            return memory
        }
        var outputs = Outputs(stamp: stamp, allocate: allocate)
        let began = posix_monotonic_ns()
        defer {
            let duration = posix_monotonic_ns() - began
            let frame = stamp?.frame ?? outputs.sent.last?.message.stamp.frame
            note {
                $0.busy += Double(duration) / 1e9
                $0.ticks += 1
                $0.remember(.init(start: began, duration: duration, frame: frame))
            }
        }
        try body(&outputs)
        try publish(outputs)
        return outputs
    }

    private func publish(_ outputs: Outputs) throws {
        for warning in outputs.warnings { exchange.say(.warning(warning)) }
        record(outputs)
        guard !outputs.sent.isEmpty else { return }
        let waited = posix_monotonic_ns()
        exchange.waitForConsumers()
        let seconds = Self.seconds(since: waited)
        note { $0.waitingForOutput += seconds; $0.busy -= seconds }
        let messages = try outputs.sent.map { sent in
            (port: sent.port, try number(sent.message, on: sent.port))
        }
        exchange.publish(messages, waiting: messages.reduce(0) { $0 + (allEdges[$1.port] ?? 0) })
    }

    private func number(_ message: Message, on port: String) throws -> Numbered {
        let sequence = sequences[port, default: 0]
        sequences[port] = sequence + 1
        // Taken before the copy, if there is one, so that a hop counts it.
        let published = posix_monotonic_ns()
        let tensor = try shared(message.tensor)
        return Numbered(
            sequence: sequence, message: Message(tensor, message.stamp), published: published)
    }

    /// A large tensor that the node did not write into shared memory is copied there now.
    private func shared(_ tensor: AnyTensor) throws -> AnyTensor {
        guard tensor.byteCount >= SlotPool.threshold,
            !(tensor.memory.owner is SlotPool.Slot && tensor.offset == 0)
        else { return tensor }
        let memory = try pool.allocate(tensor.byteCount)
        tensor.withBytes { memory.base.copyMemory(from: $0.baseAddress!, byteCount: $0.count) }
        return AnyTensor(elementType: tensor.elementType, shape: tensor.shape, memory: memory)
    }

    private func record(_ outputs: Outputs) {
        let paced = kind.spec.outputs.filter { $0.pace == .frame }.map(\.name)
        let isSource = configuration?.inputs.isEmpty ?? true
        note { report in
            for (stamp, reason) in outputs.dropped { report.drop(stamp.frame, because: reason) }
            if let frames = outputs.expectedFrames { report.expectedFrames = frames }
            guard isSource else { return }
            // A kind that has its port from a file has none here.
            for (port, message) in outputs.sent
            where paced.contains(port) || kind.spec.outputs.isEmpty {
                report.emit(message.stamp.frame)
            }
        }
    }

    private func note(_ change: (inout NodeReport) -> Void) { lock.withLock { change(&report) } }

    private static func seconds(since start: Int64) -> Double {
        Double(posix_monotonic_ns() - start) / 1e9
    }
}

/// How long a node that is told to end now may take to close its files.
private final class Deadline {
    private var since: Int64?
    /// Long enough for a trailer on a slow disk, short enough that nobody reaches for kill -9.
    private static let graceForFiles: Int64 = 10_000_000_000
    /// A node that writes no file has nothing to lose.
    private static let graceForOthers: Int64 = 200_000_000

    func hasPassed(after isFinishing: Bool, hasFiles: Bool) -> Bool {
        guard isFinishing else { return false }
        let now = posix_monotonic_ns()
        since = since ?? now
        return now - since! > (hasFiles ? Self.graceForFiles : Self.graceForOthers)
    }
}
