import CPosix
import CZeroMQ
import Dataflow
import Foundation
import Glibc
import NodeKit
import Wire

/// Runs one graph: starts its processes, tells each what to do, and sees them to their end.
///
/// One loop on one thread waits for everything there is to wait for (nodes' words, their output,
/// their ends, signals), so there are no locks, and the thread that starts processes lives as long
/// as they do, which the kernel's parent-death signal asks for.
///
/// What nodes say is in `Supervisor+Nodes`, what happens when one ends in `Supervisor+Faults`, what
/// people ask in `Supervisor+Requests`.
package final class Supervisor {
    /// How a run ended.
    package enum Outcome {
        case completed
        /// Stopped by the user, files closed.
        case stopped
        case failed(NodeFailure)
    }

    var plan: RunPlan
    /// Nil when the graph came from no file.
    let planner: (any GraphPlanner)?
    /// A change that is being made.
    var change: Change?
    /// How many changes there have been.
    var editions = 0
    let display: RunDisplay
    let control: ZMQSocketBox
    /// By node, where edges go to other machines.
    var keys: [String: CurveKeys]
    /// By machine, what its clock shows when this machine's shows nothing.
    var clocks: [String: ClockEstimate] = [:]
    /// What stands between a producer on one machine and its consumers on others, as a test has it:
    /// where they find it, for where it is. Asked again and again.
    package var detour: ((_ served: String) -> String)?
    /// By machine, when it was said last that it is not there.
    var lossSaidAt: [String: Int64] = [:]
    private let executable: String
    /// Lines to the other machines that nodes run on.
    let links: [MachineLink]
    /// Which build of the program this is.
    private(set) lazy var build = MachineFacts.build(of: executable)
    private let signals: Int32
    var members: [Member] = []
    /// Nodes that were part of the graph, and are no more.
    var departed: [RunSnapshot.NodeState] = []
    /// What was said of what the pictures are made with: each of it once in a run.
    private var notices: [String] = []
    /// Every process that has not been seen to its end, those that were replaced included.
    private(set) var incarnations: [Incarnation] = []
    /// Whether all nodes were told to connect, and to begin.
    var connected = false
    var started = false
    var failure: NodeFailure?
    private(set) var interrupts = 0
    var killAt: Int64?
    var finishAt: Int64?
    let began = posix_monotonic_ns()
    private var lookedAt = posix_monotonic_ns()
    /// Nanoseconds from the call of ``run()`` until the sources were told to begin.
    package internal(set) var startupTime: Int64 = 0

    /// After SIGTERM frames under way are finished for so long, then files are closed.
    private static let patience: Int64 = 5_000_000_000

    /// - Parameter executable: the program whose `node` subcommand hosts a node.
    package init(
        _ plan: RunPlan, executable: String, display: RunDisplay, planner: (any GraphPlanner)? = nil
    ) throws {
        self.plan = plan
        self.planner = planner
        self.display = display
        self.executable = executable
        keys = try plan.makeKeys()
        signals = posix_signals([SIGINT, SIGTERM, SIGHUP, SIGCHLD], 4)
        links = try Self.links(for: plan, executable: executable)
        // What a child says beyond that waits in its own process.
        control = ZMQSocketBox(try ZMQSocket(.router, in: ZMQContext(), mostReceived: 1000))
        try control.socket.bind(NodeConfiguration.controlEndpoint(in: plan.folder))
        do {
            for node in plan.nodes {
                let journal = try Journal.create()
                let first = try start(node, as: node.name, journal: journal)
                members.append(Member(node, journal: journal, first))
            }
        } catch {
            incarnations.forEach { $0.process.killGroup() }
            closeMachines()
            throw error
        }
    }

    /// Starts a process of a node.
    func start(
        _ node: RunPlan.PlannedNode, as id: String, journal: Int32
    ) throws -> Incarnation {
        let incarnation = Incarnation(id, node, try process(of: node, as: id, journal))
        incarnations.append(incarnation)
        return incarnation
    }

    private func process(
        of node: RunPlan.PlannedNode, as id: String, _ journal: Int32
    ) throws -> any NodeProcess {
        if let link = link(to: node.machine) {
            return try link.start(
                id, node: node.name, kind: node.kind, command: node.command.map(RelayHost.portable))
        }
        let machine = plan.machines.first { $0.name == node.machine }
        guard machine.map({ $0.launcher == .local }) ?? true else {
            throw SwapRefusal(
                "machine '\(node.machine)' is no part of this run: it was not reached when it began")
        }
        let program = RelayHost.command(for: node.command, relayed: isRelayed(node), executable)
        return try ChildProcess(
            program + [id, "--kind", node.kind, "--folder", plan.folder], journal: journal)
    }

    /// Runs the graph to its end, or for some time. Call from the main thread.
    package func run(for limit: Duration? = nil) -> Outcome {
        showNotices()
        while !isOver {
            poll()
            if started, killAt == nil, finishAt == nil, let limit {
                finishAt = posix_monotonic_ns() + limit.nanoseconds
            }
            judgeTheSettled()
            blameTheSilent()
            compareClocks()
            restartTheDue()
            advanceChange()
            if let finishAt, posix_monotonic_ns() > finishAt { finishNow() }
            if let killAt, posix_monotonic_ns() > killAt { killAll() }
            if started { display.progress(snapshot) }
        }
        judgeTheSettled()
        advanceChange()
        closeMachines()
        display.clear()
        if let failure { return .failed(failure) }
        return interrupts > 0 ? .stopped : .completed
    }

    /// Shows what the graph as it is now has to say of its models, and has not said yet.
    func showNotices() {
        for notice in plan.notices where !notices.contains(notice) {
            notices.append(notice)
            display.note(notice)
        }
    }

    private var isOver: Bool {
        let now = posix_monotonic_ns()
        return incarnations.allSatisfy { $0.isSettled(at: now) }
            && members.allSatisfy { $0.restartAt == nil }
    }

    /// How the run stands, or stood at its end.
    package var snapshot: RunSnapshot {
        var snapshot = RunSnapshot(
            seconds: Double(posix_monotonic_ns() - began - startupTime) / 1e9,
            nodes: members.map(state), departed: departed)
        snapshot.notices = notices
        return snapshot
    }

    func state(of member: Member) -> RunSnapshot.NodeState {
        .init(
            name: member.name, kind: member.planned.kind, isSource: member.planned.isSource,
            isSink: member.planned.isSink, report: member.report, restarts: member.restarts)
    }

    /// Whether the user or a fault has begun to end the run.
    var isEnding: Bool { interrupts > 0 || killAt != nil }

    /// Process numbers by node name, for whoever wants to disturb them.
    package var processes: [String: Int32] {
        Dictionary(uniqueKeysWithValues: members.map { ($0.name, $0.current.process.pid) })
    }

    // MARK: Waiting

    private func poll() {
        forgiveOwnSilence()
        var items = [control.socket.pollItem, zmq_pollitem_t(readable: signals)]
        let printing = incarnations.filter { !$0.process.outputHasEnded }
        items += printing.flatMap(\.process.outputs).map { zmq_pollitem_t(readable: $0) }
        items += links.flatMap(\.pollItems)
        zmqPoll(&items, milliseconds: pause)
        // Most of our time is spent there, so that is where we were stopped, if we were.
        forgiveOwnSilence()
        if items[1].isReady { obeySignals() }
        hearMachines()
        for process in printing { read(process) }
        // A node's last words may still be under way when its end is noticed: read them first.
        readControl()
        for process in incarnations where process.process.reap() {
            process.endedAt = posix_monotonic_ns()
            process.reason = process.reason ?? process.process.fault
            unlink("\(plan.folder)/\(process.id).sock")
            settleDrafts(of: process)
            read(process)
            readControl()
            // What it started itself would outlive the run.
            process.process.killGroup()
            // An end in good order is judged when its last words have had time to arrive.
            if process.process.status != 0 { judge(process) }
        }
    }

    /// Milliseconds until there may be something to do besides answering.
    private var pause: Int {
        let due = members.compactMap(\.restartAt).min() ?? .max
        let wait = due == .max ? 100 : (due - posix_monotonic_ns()) / 1_000_000 + 1
        return Int(min(max(wait, 0), 100))
    }

    /// After this process was stopped for a while itself, nobody else has been silent or late: all were
    /// perhaps stopped with it, and some may still be.
    private func forgiveOwnSilence() {
        let now = posix_monotonic_ns(), gap = now - lookedAt
        lookedAt = now
        guard gap > 1_000_000_000 else { return }
        for process in incarnations { process.forgive(gap, at: now) }
        for link in links { link.forgive(gap) }
        change?.forgive(gap)
        killAt = killAt.map { $0 + gap }
        finishAt = finishAt.map { $0 + gap }
    }

    private func read(_ process: Incarnation) {
        for line in process.process.readLines() {
            process.keep(line.text)
            show(line, of: process)
        }
        if let count = process.shown.takeRefused(at: posix_monotonic_ns()) {
            let limit = "at most \(process.shown.most) a second are"
            display.log(
                process.id,
                PrintedLine(.note, "… \(count) more lines are neither shown nor logged: \(limit)"))
        }
    }

    /// Shows and logs a line of a process, within its rate.
    func show(_ line: PrintedLine, of process: Incarnation) {
        if process.shown.admits(at: posix_monotonic_ns()) { display.log(process.id, line) }
    }

    private func obeySignals() {
        while case let signal = posix_next_signal(signals), signal != 0 {
            guard signal != SIGCHLD else { continue }
            interrupts += 1
            switch (interrupts, signal) {
            case (1, SIGINT):
                display.say("stopping: finishing the frames under way (Ctrl-C again: close files now)")
                tellAll(.drain)
            case (1, _):
                tellAll(.drain)
                finishAt = posix_monotonic_ns() + Self.patience
            case (2, _):
                display.say("closing files now (Ctrl-C again: kill)")
                finishNow()
            default: killAll()
            }
            // Nodes that have not begun would wait for ever.
            if !started { finishNow() }
        }
    }

    /// A replaced process that has come to its end is no longer of interest.
    func forget(_ process: Incarnation) { incarnations.removeAll { $0 === process } }
}
