import CPosix
import CZeroMQ
import Dataflow
import Foundation
import Glibc
import NodeKit
import Tensors
import Wire

/// Runs one graph: starts its processes, tells each what to do, and sees them to their end.
///
/// One loop on one thread waits for everything there is to wait for (messages of nodes, their output,
/// their exits, signals), so there are no locks, and the thread that starts processes lives as long
/// as they do, which the kernel's parent-death signal asks for.
///
/// What follows from what is decided by values: ``RunLife`` for the run, ``ProcessLife`` for each
/// process, ``RestartHistory`` for each node, ``GraphEdit`` for a change. The supervisor tells them
/// what happens and performs their effects; those of a change are in `Supervisor+Edit`, what people
/// ask is in `Supervisor+Requests`. What processes are sent goes by ``NodeMessenger``.
package final class Supervisor {
    /// How a run ended.
    package enum Outcome {
        case completed
        /// Stopped by the user, files closed.
        case stopped
        case failed(NodeFailure)
    }

    let graph: RunningGraph
    let machines: Machines
    /// Nil when the graph came from no file.
    let planner: (any GraphPlanner)?
    let display: RunDisplay
    private(set) var life = RunLife()
    /// A change that is being made, and how many there have been.
    var edit: GraphEdit?
    var editions = 0
    /// The newest epoch of any source.
    var newestEpoch: UInt32 = 0
    let messenger: NodeMessenger
    private let executable: String
    /// Which build of the program this is.
    private lazy var build = MachineFacts.build(of: executable)
    private let signals: Int32
    /// Every process of which something may still come, those that were replaced included.
    private var instances: [NodeInstance] = []
    private var failure: NodeFailure?
    /// What was said of what the pictures are made with: each of it once in a run.
    private var notices: [String] = []
    /// By machine, when it was said last that it is not there.
    private var lossSaidAt: [String: Int64] = [:]
    private let began = posix_monotonic_ns()
    private var lookedAt = posix_monotonic_ns()
    /// How long sources may send, nanoseconds; nil for as long as they like.
    private var limit: Int64?

    /// Nanoseconds from the start until the sources were told to begin.
    package var startupTime: Int64 { life.startedAt.map { $0 - began } ?? 0 }

    /// What stands between a producer on one machine and its consumers on others, as a test has it:
    /// where they find it, for where it is. Asked again and again.
    package var detour: ((_ served: String) -> String)? {
        get { machines.detour }
        set { machines.detour = newValue }
    }

    /// Messages that are read before signals and other children come to their turn.
    private static let messagesPerRound = 500
    /// A machine that is looked for again and again is told of so often.
    private static let lossPause: Int64 = 60_000_000_000
    /// How long agents may take to end.
    private static let agentLimit: Int64 = 5_000_000_000

    /// - Parameter executable: the program whose `node` subcommand hosts a node.
    package init(
        _ plan: RunPlan, executable: String, display: RunDisplay, planner: (any GraphPlanner)? = nil
    ) throws {
        (self.planner, self.display, self.executable) = (planner, display, executable)
        machines = try Machines(plan, executable: executable)
        graph = RunningGraph(plan, machines)
        signals = posix_signals([SIGINT, SIGTERM, SIGHUP, SIGCHLD], 4)
        messenger = try NodeMessenger(graph, machines, folder: plan.folder)
        do {
            for node in plan.nodes {
                let journal = try Journal.create()
                let first = try start(node, as: node.name, journal: journal)
                graph.add(NodeSlot(node, journal: journal, first))
            }
        } catch {
            instances.forEach { $0.kill() }
            machines.close(by: posix_monotonic_ns() + Self.agentLimit)
            throw error
        }
    }

    /// Starts a process of a node.
    func start(
        _ node: RunPlan.PlannedNode, as id: String, journal: Int32
    ) throws -> NodeInstance {
        var limits = ProcessLife.Limits()
        limits.start = node.startWithin.nanoseconds
        if graph.plan.isLive { limits.silence = 2_000_000_000 }
        let instance = NodeInstance(id, node, try process(of: node, as: id, journal), limits)
        instances.append(instance)
        return instance
    }

    private func process(
        of node: RunPlan.PlannedNode, as id: String, _ journal: Int32
    ) throws -> any NodeProcess {
        if let link = machines.link(to: node.machine) {
            return try link.start(
                id, node: node.name, kind: node.kind, command: node.command.map(NodeProgram.portable))
        }
        let machine = graph.plan.machines.first { $0.name == node.machine }
        guard machine.map({ $0.launcher == .local }) ?? true else {
            throw SwapRefusal(
                "machine '\(node.machine)' is no part of this run: it was not reached when it began"
            )
        }
        let program = try NodeProgram(node.command, executable: executable)
        return try ChildProcess(
            program.words + [id, "--kind", node.kind, "--folder", graph.plan.folder],
            journal: journal, environment: program.environment)
    }

    // MARK: The loop

    /// Runs the graph to its end, or for some time. Call from the main thread.
    package func run(for limit: Duration? = nil) -> Outcome {
        self.limit = limit?.nanoseconds
        showNotices()
        while !isOver {
            poll()
            advance()
            if life.hasStarted { display.progress(progress) }
        }
        advanceEdit()
        machines.close(by: min(life.deadline ?? .max, posix_monotonic_ns() + Self.agentLimit))
        display.clear()
        for slot in graph.slots where slot.outage != nil { slot.readJournal() }
        if let failure { return .failed(failure) }
        return life.interrupts > 0 ? .stopped : .completed
    }

    private var isOver: Bool {
        life.isAbandoned(at: posix_monotonic_ns())
            || instances.allSatisfy(\.life.isOver)
                && graph.slots.allSatisfy { $0.restartAt == nil || $0.outage != nil }
    }

    /// Does what is due, and what has become possible.
    private func advance() {
        perform(life.apply(.tick, at: posix_monotonic_ns()))
        for instance in instances {
            let reach = machines.reach(instance.planned.machine)
            let hasEnded = instance.process.outputHasEnded
            perform(instance.apply(.tick(reach, hasEndedOutput: hasEnded)), of: instance)
        }
        forgetTheOver()
        restartTheDue()
        compareClocks()
        advanceEdit()
        locateAll()
        beginIfAllCan()
    }

    private func poll() {
        forgiveOwnSilence()
        var items = [messenger.pollItem, zmq_pollitem_t(readable: signals)]
        let printing = instances.filter { !$0.process.outputHasEnded }
        items += printing.flatMap(\.process.outputs).map { zmq_pollitem_t(readable: $0) }
        items += machines.links.flatMap(\.pollItems)
        zmqPoll(&items, milliseconds: pause)
        // Most of our time is spent there, so that is where we were stopped, if we were.
        forgiveOwnSilence()
        if items[1].isReady { obeySignals() }
        hearMachines()
        for instance in printing { read(instance) }
        // A node's last messages may still be under way when its exit is noticed: read them first.
        readControl()
        for instance in instances where instance.process.reap() {
            unlink("\(graph.plan.folder)/\(instance.id).sock")
            settleDrafts(of: instance)
            read(instance)
            readControl()
            // What it started itself would outlive the run.
            instance.process.killGroup()
            let process = instance.process
            perform(
                instance.apply(.exited(process.status ?? 0, machine: process.fault)), of: instance)
        }
    }

    /// Milliseconds until there may be something to do besides answering.
    private var pause: Int {
        let due = graph.slots.compactMap(\.restartAt).min() ?? .max
        let wait = due == .max ? 100 : (due - posix_monotonic_ns()) / 1_000_000 + 1
        return Int(min(max(wait, 0), 100))
    }

    /// After this process was stopped for a while itself, no other has been silent or late: all were
    /// perhaps stopped with it, and some may still be.
    private func forgiveOwnSilence() {
        let now = posix_monotonic_ns(), gap = now - lookedAt
        lookedAt = now
        guard gap > 1_000_000_000 else { return }
        for instance in instances { perform(instance.apply(.suspended(gap)), of: instance) }
        for link in machines.links { link.forgive(gap) }
        perform(life.apply(.suspended(gap), at: now))
        applyEdit(.suspended(gap))
    }

    private func read(_ instance: NodeInstance) {
        for line in instance.process.readLines() {
            instance.keep(line.text)
            show(line, of: instance)
        }
        if let count = instance.shown.takeRefused(at: posix_monotonic_ns()) {
            let limit = "at most \(instance.shown.most) a second are"
            display.log(
                instance.id,
                PrintedLine(.note, "… \(count) more lines are neither shown nor logged: \(limit)"))
        }
    }

    /// Shows and logs a line of a process, within its rate.
    private func show(_ line: PrintedLine, of instance: NodeInstance) {
        // Lines that a process prints are not to hide its warnings.
        let now = posix_monotonic_ns()
        let isShown =
            line.stream == .warning
            ? instance.warned.admits(at: now) : instance.shown.admits(at: now)
        if isShown { display.log(instance.id, line) }
    }

    private func obeySignals() {
        while case let signal = posix_next_signal(signals), signal != 0 {
            guard signal != SIGCHLD else { continue }
            interrupt(signal)
        }
    }

    /// The run is told to end, by a signal or by a client.
    func interrupt(_ signal: Int32) {
        perform(life.apply(.interrupted(signal), at: posix_monotonic_ns()))
    }

    /// Nothing more comes of these: a process that was replaced, a node that was removed.
    private func forgetTheOver() {
        for slot in graph.slots where slot.membership == .leaving {
            if slot.current.isDone, slot.current.life.isOver { remove(slot) }
        }
        instances.removeAll { $0.life.isOver && graph.slot(of: $0)?.current !== $0 }
    }

    // MARK: What nodes send

    private func readControl() {
        for _ in 0..<Self.messagesPerRound {
            guard let frames = messenger.receive() else { return }
            guard frames.count == 2 else { continue }
            let sender = frames[0].text
            if sender.hasPrefix(Self.requesterMark) {
                answer(frames[1], from: sender)
                continue
            }
            guard let instance = instances.first(where: { $0.id == sender }),
                machines.link(to: instance.planned.machine) == nil
            else { continue }
            if let impostor = impostor(of: instance, over: frames.descriptor) {
                let fault = "it sent a message in the name of '\(sender)'"
                perform(impostor.apply(.violated(fault)), of: impostor)
                continue
            }
            frames[1].withBytes { hear($0, from: instance) }
        }
    }

    /// Another node's process, should a message that names a process have come from that one. A connection
    /// is looked at once: its number may be another one's when its process has exited.
    private func impostor(of instance: NodeInstance, over connection: Int32) -> NodeInstance? {
        guard connection != instance.connection else { return nil }
        let group = posix_peer_group(connection)
        let impostor = instances.first {
            $0 !== instance && $0.process.status == nil && $0.process.pid == group
                && machines.link(to: $0.planned.machine) == nil
        }
        guard let impostor, instance.process.pid != group else {
            instance.connection = connection
            return nil
        }
        return impostor
    }

    /// A message of a process came, here or through its machine's agent.
    private func hear(_ bytes: UnsafeRawBufferPointer, from instance: NodeInstance) {
        perform(instance.apply(.heard), of: instance)
        guard instance.heard.admits(at: instance.life.heardAt) else {
            return perform(instance.apply(.flooded(most: instance.heard.most)), of: instance)
        }
        guard let message = ControlMessage(decoding: bytes) else {
            let text = String(decoding: bytes.prefix(80), as: UTF8.self)
            return perform(
                instance.apply(.violated("its control message cannot be read: \(text)")),
                of: instance)
        }
        if let slot = graph.slot(of: instance) { hear(message, from: instance, of: slot) }
    }

    private func hear(_ message: ControlMessage, from instance: NodeInstance, of slot: NodeSlot) {
        let isCurrent = slot.current === instance
        func apply(_ event: ProcessLife.Event) { perform(instance.apply(event), of: instance) }
        switch message {
        case .hello(let recovers, let retires, let rewires, let sets):
            var abilities: Set<ProcessLife.Ability> = []
            if recovers { abilities.insert(.recovers) }
            if retires { abilities.insert(.retires) }
            if rewires { abilities.insert(.rewires) }
            if sets { abilities.insert(.sets) }
            guard rewires || !machines.areSeveral else {
                return apply(
                    .violated(
                        "its program speaks to nodes of its own machine only, and the run has several: "
                            + "write it with libpersonalive-node, which speaks to all "
                            + "(Plugins/README.md)"))
            }
            guard rewires || !slot.planned.choosesFrames else {
                return apply(
                    .violated(
                        "its program sends and works on every frame, and the graph says 'every', 'rate', "
                            + "'when' or 'unless' at its edges: write it with libpersonalive-node, which "
                            + "knows them (Plugins/README.md)"))
            }
            apply(.hello(abilities))
        case .ready: apply(.loaded)
        // Figures of a process that is not yet in its place are not the node's.
        case .progress(let report): if isCurrent { slot.report = report }
        case .done(let report):
            if isCurrent { slot.report = report }
            apply(.final(.done))
        case .retired(let report, let next):
            if isCurrent { slot.report = report }
            instance.next = next
            apply(.final(.retired))
        case .failed(let reason, let culprit):
            // One that has not taken its place yet has no neighbours to blame.
            let neighbours = isCurrent ? graph.neighbours(of: slot) : []
            apply(.failed(reason, culprit: culprit, neighbours: neighbours))
        case .warning(let text): show(PrintedLine(.warning, text), of: instance)
        case .serving(let endpoint): instance.served = endpoint
        case .pong(let sent, let received, let answered):
            messenger.learnTime(
                from: instance, sent: sent, received: received, answered: answered)
        case .held(let next, let isOver) where isCurrent:
            applyEdit(.held(slot.name, next: next, isOver: isOver))
        case .rewired where isCurrent: applyEdit(.rewired(slot.name))
        case .applied(let edition, let frame) where isCurrent && edition == edit?.edition:
            applyEdit(.applied(slot.name, frame: frame))
        case .moved(let edge) where isCurrent: applyEdit(.moved(slot.name, edge: edge))
        case .left(let edge): release(edge, of: slot)
        default: break
        }
    }

    // MARK: What they are told

    private func sendAll(_ message: ControlMessage) {
        for instance in instances { messenger.send(message, to: instance) }
    }

    private func configure(_ instance: NodeInstance) {
        guard let slot = graph.slot(of: instance) else { return }
        messenger.sendConfiguration(to: instance)
        // Live settings that changed while no process could take them are in its configuration.
        if slot.current === instance { applyEdit(.applied(slot.name, frame: nil)) }
        guard slot.current === instance, slot.membership != .joining, life.isConnected else {
            return
        }
        holdIfOthersAre(slot)
        sendNewEdges(slot)
        messenger.connect(instance)
    }

    /// Tells processes to listen and where to connect to, where that has changed.
    private func locateAll() {
        for instance in machines.areSeveral ? instances : []
        where instance.life.saidHello && instance.served == nil && instance.life.fault == nil {
            guard let fault = messenger.locateListener(instance) else { continue }
            perform(instance.apply(.violated(fault)), of: instance)
        }
        messenger.locateProducers()
    }

    /// Nodes connect once all serve, and send once all have loaded. Times mean nothing before the
    /// clocks are compared.
    private func beginIfAllCan() {
        let (all, now) = (graph.slots, posix_monotonic_ns())
        if all.allSatisfy({ $0.current.life.saidHello && graph.isServed($0) }) {
            perform(life.apply(.allServe, at: now))
        }
        if all.allSatisfy({ $0.current.life.hasLoaded && messenger.knowsTime($0.current) }) {
            perform(life.apply(.allReady(limit: limit), at: now))
        }
    }

    // MARK: Effects

    private func perform(_ effects: [RunLife.Effect]) {
        for effect in effects {
            switch effect {
            case .connect: connectAll()
            case .start: sendAll(.start)
            case .drain: sendAll(.drain)
            case .finish:
                for instance in instances { perform(instance.apply(.told(.finish)), of: instance) }
                sendAll(.finishNow)
                // A process that has not connected yet hears nothing: the signal says the same.
                for instance in instances where !instance.life.saidHello {
                    instance.process.signal(SIGTERM)
                }
            case .kill: instances.forEach { $0.kill() }
            case .say(let text): display.say(text)
            }
        }
    }

    private func connectAll() {
        if machines.isInsecure, machines.areSeveral {
            display.warn(
                "INSECURE",
                "a machine says 'insecure: true': what crosses between machines in this "
                    + "run is not encrypted, and every client that reaches a port is served")
        }
        for slot in graph.slots { messenger.connect(slot.current) }
    }

    func perform(_ effects: [ProcessLife.Effect], of instance: NodeInstance) {
        for effect in effects {
            switch effect {
            case .configure: configure(instance)
            case .noteLoaded: noteLoaded(instance)
            case .noteFinal(let final): noteFinal(final, of: instance)
            case .blame: blame(instance)
            case .accuse(let culprit, let reason):
                guard let accused = graph.slot(culprit)?.current else { continue }
                let text = "\(reason) (says '\(instance.planned.name)')"
                perform(accused.apply(.violated(text)), of: accused)
            case .kill: instance.process.killGroup()
            case .warn(let text): display.warn(instance.planned.name, text)
            case .judge(let exit): judge(instance, exit)
            }
        }
    }

    private func noteLoaded(_ instance: NodeInstance) {
        guard let slot = graph.slot(of: instance), slot.current === instance,
            slot.membership != .joining, life.hasStarted
        else { return }
        if slot.outage != nil {
            slot.outage = nil
            display.say("node '\(slot.name)' (\(slot.planned.kind)) is back")
        }
        messenger.send(.start, to: instance)
        messenger.announceOutages(behind: slot)
        // It may have been told so in an earlier process.
        var isDraining = slot.membership == .leaving
        if case .draining = life.stage { isDraining = true }
        if isDraining, slot.planned.isSource { messenger.send(.drain, to: instance) }
    }

    private func noteFinal(_ final: ProcessLife.Final, of instance: NodeInstance) {
        guard let slot = graph.slot(of: instance) else { return }
        guard final == .done else {
            if slot.current === instance { handOver(slot) }
            return
        }
        // Of one that has not taken its place yet the exit gives up the change.
        guard slot.current === instance else { return }
        tellNeighbours(ofTheEndOf: slot)
        applyEdit(.done(slot.name))
    }

    private func tellNeighbours(ofTheEndOf slot: NodeSlot) {
        messenger.announceEnd(of: slot)
        for consumer in graph.consumers(of: slot) where hasNothingToComeBackFor(consumer) {
            consumer.current.kill()
        }
    }

    /// Whether a sink is down and all that feeds it is done.
    private func hasNothingToComeBackFor(_ slot: NodeSlot) -> Bool {
        slot.outage != nil && graph.producers(of: slot).allSatisfy(\.current.isDone)
    }

    // MARK: Faults

    /// What becomes of a node whose process has exited.
    private func judge(_ instance: NodeInstance, _ exit: ProcessLife.Exit) {
        guard let slot = graph.slot(of: instance), !giveUpEdit(for: instance, of: slot) else {
            return
        }
        if slot.successor != nil, instance.isDone, !instance.life.can(.recovers) {
            return applyEdit(.failed(node: slot.name, "'\(slot.name)' has done its work"))
        }
        // It crashed on its way out: its successor is ready.
        if edit?.isRetiring(slot.name) ?? false, !life.isClosing { return handOver(slot) }
        switch exit {
        case .completed: break
        case .handedOver:
            guard !life.isClosing else { break }
            guard instance.life.order == .retire else {
                restart(slot, instance, .violated("it sent 'retired' without being told to"))
                break
            }
            // Its successor exited just then: another process goes on from the journal.
            slot.restartAt = posix_monotonic_ns()
        case .failed(_, let fault) where life.isClosing:
            // Told to end at once, a node may just go; but a sink has a file to close.
            let lostFile = slot.planned.isSink && instance.life.hasLoaded && failure == nil
            if lostFile || fault != nil {
                fail(instance, reason: fault == nil ? "it did not close its file in time" : nil)
            }
        case .failed(_, let fault): restart(slot, instance, fault)
        }
    }

    private func restart(
        _ slot: NodeSlot, _ instance: NodeInstance, _ fault: ProcessLife.Fault?
    ) {
        let crash = RestartHistory.Crash(
            fault: fault, isMachineLost: instance.process.isMachineLost,
            saidHello: instance.life.saidHello, wasDone: instance.isDone,
            isSink: slot.planned.isSink, writesFile: !slot.planned.outputFiles.isEmpty,
            isLive: graph.plan.isLive, hasStarted: life.hasStarted,
            isInterrupted: life.interrupts > 0, lack: graph.lack(of: slot, instance))
        let policy = slot.planned.restart
        let name = "node '\(slot.name)' (\(slot.planned.kind))"
        switch slot.history.decide(crash, policy, at: posix_monotonic_ns()) {
        case .fail(let obstacle): fail(instance, obstacle: obstacle)
        case .ignore(let retry, let obstacle):
            let cause = fault?.reason ?? instance.cause
            ignore(slot, retry: retry, cause + (obstacle.isEmpty ? "" : "; \(obstacle)"))
        case .search(let time, let isNew):
            slot.restartAt = time
            guard isNew else { break }
            display.say(
                "\(name) is gone with machine '\(instance.planned.machine)'; it is started again there "
                    + "as soon as that answers")
        case .restart(let time, let number):
            slot.restartAt = time
            display.say(
                "\(name) ended: \(fault?.reason ?? instance.cause); starting it again "
                    + "(\(number) of \(policy.limit) within \(policy.within))")
        }
    }

    /// The graph goes on without a sink; without any it does not.
    private func ignore(_ slot: NodeSlot, retry: Int64?, _ reason: String) {
        let isNew = slot.outage == nil
        slot.outage = slot.outage ?? .init(since: posix_monotonic_ns(), reason: reason)
        slot.restartAt = retry
        messenger.announceOutage(of: slot)
        let sinks = graph.slots.filter { $0.planned.isSink && $0.membership == .member }
        guard sinks.contains(where: { $0.outage == nil }) else {
            slot.restartAt = nil
            return fail(
                slot.current,
                obstacle: sinks.count > 1
                    ? "it was the last sink: \(sinks.map { "'\($0.name)'" }.joined(separator: ", ")) are all down"
                    : "")
        }
        let next = retry.map { time in
            let seconds = Double(max(time - posix_monotonic_ns(), 0)) / 1e9
            return String(format: "it is tried again in %.1f s", seconds)
        }
        let text = "is down: \(reason); the graph goes on without it, "
            + (next ?? "and it is not tried again")
        if isNew { display.warn("\(slot.name) (\(slot.planned.kind))", text) }
        if retry == nil {
            display.log(slot.name, PrintedLine(.note, "not started again"))
        }
    }

    /// Starts processes whose time has come.
    private func restartTheDue() {
        let now = posix_monotonic_ns()
        for slot in graph.slots {
            guard let due = slot.restartAt, due <= now || life.isClosing else { continue }
            slot.restartAt = nil
            guard !life.isClosing, !hasNothingToComeBackFor(slot) else { continue }
            let old = slot.current
            do {
                let next = try start(slot.planned, as: slot.nextID(), journal: slot.journal)
                // Its journal is gone with its machine.
                next.isFresh = old.process.fault != nil
                slot.replace(by: next)
            } catch { fail(old, obstacle: "\(error)") }
        }
    }

    private func blame(_ instance: NodeInstance) {
        guard let slot = graph.slot(of: instance) else { return instance.kill() }
        if giveUpEdit(for: instance, of: slot) { return }
        let isIgnored = slot.planned.restart.then == .ignore
        guard graph.plan.isLive || isIgnored, life.hasStarted else {
            fail(instance)
            // It will not do what it is told: nothing is gained by waiting for it.
            if case .violated = instance.life.fault { instance.kill() }
            return
        }
        // In a live run its exit is judged like a crash, which may have been seen before its last message.
        guard instance.process.status == nil else {
            // One that is done is not started again: its neighbours would wait for ever.
            if instance.isDone, instance.process.status == 0 { fail(instance) }
            return
        }
        // One that gave up by itself closes its files first.
        if case .gaveUp = instance.life.fault { return }
        instance.kill()
    }

    /// The first node that fails names the run's end; the others close their files.
    ///
    /// - Parameters:
    ///   - obstacle: why the node was not started again, if that needs saying.
    ///   - reason: of a fault that is not in the process's own life.
    func fail(_ instance: NodeInstance, obstacle: String = "", reason: String? = nil) {
        let (name, process) = (instance.planned.name, instance.process)
        let reason = instance.life.fault?.reason ?? reason
        let slot = graph.slot(name)
        if let slot, slot.membership == .leaving, failure == nil, !life.isClosing {
            // No other node needs it any more: the graph without it goes on.
            display.warn(name, "failed while it left the graph: \(reason ?? obstacle)")
            instance.kill()
            tellNeighbours(ofTheEndOf: slot)
            return remove(slot)
        }
        if !stoppedBeforeItBegan(instance), failure == nil || failure!.node == name {
            failure = NodeFailure(
                node: name, kind: instance.planned.kind, reason: reason,
                status: process.fault == nil ? process.status : nil, log: instance.log,
                restarts: slot?.history.restarts ?? 0, obstacle: obstacle)
            failure?.isMachineLost = process.fault != nil
        }
        perform(life.apply(.failed, at: posix_monotonic_ns()))
    }

    /// Whether the user stopped the run before a frame came to a node: what it then did not make, or
    /// could not load, is no failure.
    private func stoppedBeforeItBegan(_ instance: NodeInstance) -> Bool {
        guard life.interrupts > 0, failure == nil else { return false }
        let report = graph.slot(instance.planned.name)?.report
        return !life.hasStarted || instance.planned.isSink && report?.deliveredCount == 0
    }

    /// Takes away files that a process had begun, and into which nothing had come.
    private func settleDrafts(of instance: NodeInstance) {
        guard instance.planned.machine == RunPlan.here else { return }
        let owner = NodeConfiguration.owner(of: instance.planned.name, in: graph.plan.folder)
        for file in instance.planned.outputFiles {
            guard let place = try? FilePlace(file) else { continue }
            Draft.settle(place, owner: owner, isOver: false)
        }
    }

    // MARK: Other machines

    /// Takes in what other machines say.
    private func hearMachines() {
        for link in machines.links {
            for event in link.work() { hear(event, of: link) }
            let gap = link.takeGap()
            guard gap > 1_000_000_000 else { continue }
            for instance in instances where instance.planned.machine == link.machine.name {
                perform(instance.apply(.suspended(gap)), of: instance)
            }
        }
    }

    private func hear(_ event: MachineLink.Event, of link: MachineLink) {
        let name = link.machine.name
        switch event {
        case .ready(let facts):
            if facts.build != build {
                display.warn(
                    "machine '\(name)'",
                    "its personalive is another build than this one ('personalive doctor GRAPH "
                        + "--install' copies this one there)")
            }
            lossSaidAt[name] = nil
            for instance in instances where instance.planned.machine == name {
                perform(instance.apply(.begun), of: instance)
            }
        case .started(let remote):
            guard let instance = instances.first(where: { $0.process === remote }) else { return }
            perform(instance.apply(.begun), of: instance)
        case .heard(let remote, let bytes):
            guard let instance = instances.first(where: { $0.process === remote }) else { return }
            bytes.withUnsafeBytes { hear($0, from: instance) }
        case .said(let line): display.log(machine: name, line)
        case .lost(let fault):
            sayLost(name, fault)
            giveUpMoves(from: name, fault)
        case .journal(let node, let part): takeJournal(of: node, part)
        case .pong(let sent, let clock, let received):
            messenger.learnTime(
                of: name, sent: sent, received: clock, answered: clock, heard: received)
        case .files, .tried: break
        }
    }

    private func sayLost(_ machine: String, _ fault: String) {
        let now = posix_monotonic_ns()
        guard failure == nil, !life.isEnding, now - (lossSaidAt[machine] ?? 0) > Self.lossPause
        else { return }
        lossSaidAt[machine] = now
        display.say(fault)
    }

    /// What was handed on by a node of that name is not wanted any more; here it goes with its slot.
    func forgetJournal(of node: RunPlan.PlannedNode) {
        machines.link(to: node.machine)?.send(.forgetJournal(node: node.name))
    }

    /// Asks a process of each other machine for its time, when it is due.
    private func compareClocks() {
        guard machines.areSeveral, !life.isClosing else { return }
        for instance in instances { messenger.askTimeIfDue(of: instance) }
    }

    /// What to add to a machine's clock to get this one's, and by how much that may be wrong;
    /// nanoseconds.
    package func clock(of machine: String) -> (offset: Int64, uncertainty: Int64)? {
        machines.clock(of: machine)
    }

    // MARK: How it stands

    /// Shows what the graph as it is now has to say of its models, and has not said yet.
    func showNotices() {
        for notice in graph.plan.notices where !notices.contains(notice) {
            notices.append(notice)
            display.note(notice)
        }
    }

    /// How the run stands, or stood at its end.
    package var snapshot: RunSnapshot {
        var snapshot = RunSnapshot(
            seconds: seconds, nodes: graph.slots.map(graph.state), departed: graph.departed)
        snapshot.notices = notices
        return snapshot
    }

    /// How it stands while it goes on: counts, without the sets of frames, which grow.
    private var progress: RunSnapshot {
        RunSnapshot(
            seconds: seconds, nodes: graph.slots.map { graph.state(of: $0).withoutSets },
            departed: graph.departed.map(\.withoutSets))
    }

    /// Since sources were told to begin.
    var seconds: Double { Double(posix_monotonic_ns() - began - startupTime) / 1e9 }

    /// Process numbers by node name, to disturb them by.
    package var processes: [String: Int32] {
        Dictionary(uniqueKeysWithValues: graph.slots.map { ($0.name, $0.current.process.pid) })
    }
}
