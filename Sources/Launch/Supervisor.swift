import CPosix
import CZeroMQ
import Foundation
import Glibc
import NodeKit
import Wire

/// Runs one graph: starts its processes, tells each what to do, and sees them to their end.
///
/// One loop on one thread waits for everything there is to wait for (nodes' words, their output,
/// their ends, signals), so there are no locks, and the thread that starts processes lives as long
/// as they do, which the kernel's parent-death signal asks for.
package final class Supervisor {
    /// How a run ended.
    package enum Outcome {
        case completed
        /// Stopped by the user, files closed.
        case stopped
        case failed(NodeFailure)
    }

    let plan: RunPlan
    private let display: RunDisplay
    let control: ZMQSocketBox
    private let signals: Int32
    private(set) var members: [Member] = []
    private(set) var started = false
    private var failure: NodeFailure?
    private var interrupts = 0
    private var killAt: Int64?
    private var finishAt: Int64?
    private let began = posix_monotonic_ns()
    /// Nanoseconds from the call of ``run()`` until the sources were told to begin.
    package private(set) var startupTime: Int64 = 0

    /// Time that nodes get to close their files before they are killed.
    private static let grace: Int64 = 12_000_000_000
    /// After SIGTERM frames under way are finished for so long, then files are closed.
    private static let patience: Int64 = 5_000_000_000

    /// - Parameter executable: the program whose `node` subcommand hosts a node.
    package init(_ plan: RunPlan, executable: String, display: RunDisplay) throws {
        self.plan = plan
        self.display = display
        signals = posix_signals([SIGINT, SIGTERM, SIGHUP, SIGCHLD], 4)
        control = ZMQSocketBox(try ZMQSocket(.router, in: ZMQContext()))
        try control.socket.bind(NodeConfiguration.controlEndpoint(in: plan.folder))
        do {
            for node in plan.nodes {
                let program = node.command ?? [executable, "node"]
                let arguments =
                    program + [node.name, "--kind", node.kind, "--folder", plan.folder]
                members.append(Member(node, try ChildProcess(arguments)))
            }
        } catch {
            members.forEach { $0.process.killGroup() }
            throw error
        }
    }

    /// Runs the graph to its end. Call from the main thread.
    package func run() -> Outcome {
        while !members.allSatisfy({ $0.isSettled(at: posix_monotonic_ns()) }) {
            poll()
            judgeTheSettled()
            blameTheSilent()
            if let finishAt, posix_monotonic_ns() > finishAt { finishNow() }
            if let killAt, posix_monotonic_ns() > killAt { killAll() }
            if started { display.progress(snapshot) }
        }
        judgeTheSettled()
        display.clear()
        if let failure { return .failed(failure) }
        return interrupts > 0 ? .stopped : .completed
    }

    /// How the run stands, or stood at its end.
    package var snapshot: RunSnapshot {
        RunSnapshot(
            seconds: Double(posix_monotonic_ns() - began - startupTime) / 1e9,
            nodes: members.map {
                .init(
                    name: $0.planned.name, kind: $0.planned.kind, isSource: $0.planned.isSource,
                    isSink: $0.planned.isSink, report: $0.report)
            })
    }

    /// Whether the user or a fault has begun to end the run.
    var isEnding: Bool { interrupts > 0 || killAt != nil }

    /// Process numbers by node name, for whoever wants to disturb them.
    package var processes: [String: Int32] {
        Dictionary(uniqueKeysWithValues: members.map { ($0.planned.name, $0.process.pid) })
    }

    // MARK: Waiting

    private func poll() {
        var items = [control.socket.pollItem, zmq_pollitem_t(readable: signals)]
        let printing = members.filter { !$0.process.outputHasEnded }
        items += printing.map { zmq_pollitem_t(readable: $0.process.output) }
        zmqPoll(&items, milliseconds: 100)
        if items[1].isReady { obeySignals() }
        for (member, item) in zip(printing, items.dropFirst(2)) where item.isReady { read(member) }
        // A node's last words may still be under way when its end is noticed: read them first.
        readControl()
        for member in members where member.process.reap() {
            member.endedAt = posix_monotonic_ns()
            read(member)
            readControl()
            // An end in good order is judged when its last words have had time to arrive.
            if member.process.status != 0 { judge(member) }
        }
    }

    private func read(_ member: Member) {
        for line in member.process.readLines() {
            member.keep(line)
            display.log(member.planned.name, line)
        }
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

    // MARK: Nodes

    private func readControl() {
        while let frames = control.socket.receive() {
            if frames.count == 2, frames[0].text.hasPrefix(Self.requesterMark) {
                hear(frames[1], from: frames[0].text)
                continue
            }
            guard frames.count == 2,
                let member = members.first(where: { $0.planned.name == frames[0].text })
            else { continue }
            if let message = frames[1].withBytes(ControlMessage.init(decoding:)) {
                hear(message, from: member)
            } else {
                blame(member, "its control message cannot be read: \(frames[1].text.prefix(80))")
            }
        }
    }

    private func hear(_ message: ControlMessage, from member: Member) {
        switch message {
        case .hello:
            member.saidHello = true
            tell(member, .configure(member.planned.configuration))
            if members.allSatisfy(\.saidHello) { tellAll(.connect) }
        case .ready:
            member.isReady = true
            guard members.allSatisfy(\.isReady), !started else { return }
            started = true
            startupTime = posix_monotonic_ns() - began
            tellAll(.start)
        case .progress(let report): member.report = report
        case .done(let report):
            member.report = report
            member.isDone = true
        case .warning(let text): display.warn(member.planned.name, text)
        case .failed(let reason, let culprit):
            if let culprit = members.first(where: { $0.planned.name == culprit }) {
                blame(culprit, "\(reason) (says '\(member.planned.name)')")
            } else {
                blame(member, reason)
            }
        default: break
        }
    }

    /// A node that just left would be waited for by all others.
    private func judgeTheSettled() {
        let now = posix_monotonic_ns()
        for member in members where !member.isJudged && member.isSettled(at: now) {
            member.isJudged = true
            judge(member)
        }
    }

    /// Whether a node that has ended did so in good order.
    private func judge(_ member: Member) {
        guard member.process.status != 0 || !member.isDone else { return }
        let wasTold = killAt != nil
        // Told to end at once, a node may just go; but a sink has a file to close.
        let lostFile = wasTold && member.planned.isSink && member.isReady && failure == nil
        if lostFile, member.reason == nil { member.reason = "it did not close its file in time" }
        if !wasTold || member.reason != nil { fail(member) }
    }

    private func killAll() { members.forEach { $0.process.killGroup() } }

    /// A program that does not speak the protocol would be waited for for ever.
    private func blameTheSilent() {
        guard !started, killAt == nil else { return }
        let waited = Duration.nanoseconds(posix_monotonic_ns() - began)
        for member in members where !member.saidHello && waited > member.planned.startWithin {
            let seconds = member.planned.startWithin / .seconds(1)
            blame(member, "it did not say hello within \(seconds) s of its start")
        }
    }

    private func blame(_ member: Member, _ reason: String) {
        member.reason = member.reason ?? reason
        fail(member)
    }

    /// The first node that fails names the run's end; the others close their files.
    private func fail(_ member: Member) {
        let isFirst = failure == nil || failure!.node == member.planned.name
        if isFirst {
            failure = NodeFailure(
                node: member.planned.name, kind: member.planned.kind, reason: member.reason,
                status: member.process.status, log: member.log)
        }
        finishNow()
    }

    private func finishNow() {
        guard killAt == nil else { return }
        finishAt = nil
        killAt = posix_monotonic_ns() + Self.grace
        tellAll(.finishNow)
        // A process that has not connected yet hears nothing: the signal says the same.
        for member in members where !member.saidHello { member.process.signal(SIGTERM) }
    }

    private func tell(_ member: Member, _ message: ControlMessage) {
        Array(member.planned.name.utf8).withUnsafeBytes { name in
            message.encoded().withUnsafeBytes { _ = control.socket.send(name, $0) }
        }
    }

    private func tellAll(_ message: ControlMessage) {
        for member in members where member.process.status == nil { tell(member, message) }
    }
}
