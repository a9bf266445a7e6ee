import CPosix
import Dataflow
import Glibc
import NodeKit
import Tensors
import Wire

/// What happens when a process ends, or falls silent.
extension Supervisor {
    /// Time that nodes get to close their files before they are killed.
    private static let grace: Int64 = 12_000_000_000
    /// A machine that was lost is looked for so often.
    private static let search: Int64 = 3_000_000_000
    /// How long a process may take to end that has said that it gave up.
    private static let farewell: Int64 = 2_000_000_000
    /// How long a process that promised to be heard of may be silent.
    private var silence: Int64 { plan.isLive ? 2_000_000_000 : 10_000_000_000 }

    /// A node that just left would be waited for by all others.
    func judgeTheSettled() {
        let now = posix_monotonic_ns()
        for process in incarnations where process.isSettled(at: now) {
            if !process.isJudged { judge(process) }
            guard let member = member(of: process), member.current === process else {
                forget(process)
                continue
            }
            if member.isLeaving, process.isDone { bid(farewell: member) }
        }
    }

    /// Whether a process that has ended did so in good order.
    func judge(_ process: Incarnation) {
        guard !process.isJudged else { return }
        process.isJudged = true
        guard let member = member(of: process) else { return }
        if let swap = member.swap, swap.candidate === process { return giveUp(member, swap) }
        guard member.current === process else { return }
        if member.isJoining, change?.isCommitted != true { return giveUp(joining: member) }
        if let swap = member.swap, process.isDone, !process.recovers {
            process.reason = nil
            return giveUp(member, swap, because: "'\(member.name)' has done its work")
        }
        if let swap = member.swap, swap.retiredAt != nil, killAt == nil {
            // It crashed on its way out: its successor is ready.
            return adopt(member, swap)
        }
        let ended = process.process.status == 0 && (process.isDone || process.isRetired && killAt != nil)
        guard !ended else { return }
        // It handed over to a process that died just then: there is nobody but another one.
        if process.isRetired { return restart(member, after: process) }
        // Told to end at once, a node may just go; but a sink has a file to close.
        let wasTold = killAt != nil
        let lostFile =
            wasTold && member.planned.isSink && process.isReady && failure == nil
        if lostFile, process.reason == nil { process.reason = "it did not close its file in time" }
        if wasTold {
            if process.reason != nil { fail(process) }
        } else if let obstacle = obstacle(to: process, of: member) {
            fail(process, obstacle)
        } else {
            restart(member, after: process)
        }
    }

    /// Why a node's process is not to be replaced by another one; nil when it is.
    private func obstacle(to process: Incarnation, of member: Member) -> String? {
        let policy = member.planned.restart
        guard policy.limit > 0 else { return "" }
        // A machine that was never there is not waited for.
        if process.process.fault != nil, !started { return "" }
        let gaveUp = process.failedAt != nil && member.planned.isSink
        if process.reason != nil, !process.wasSilent, !plan.isLive || gaveUp {
            // It would say the same again; a sink on a full disk would also lose what it has written.
            return ""
        }
        if !plan.isLive { if let lack = lack(of: member, process) { return lack } }
        if process.process.isMachineLost { return interrupts > 0 ? "" : nil }
        let now = posix_monotonic_ns()
        let recent = member.crashes.filter { now - $0 < policy.within.nanoseconds }
        return recent.count >= policy.limit ? "" : nil
    }

    /// What it lacks to be replaced without loss.
    private func lack(of member: Member, _ process: Incarnation) -> String? {
        if member.planned.state == .unknown {
            return "it is not started again: kind '\(member.planned.kind)' does not say what it "
                + "remembers ('state:'), so that frames would be lost"
        }
        let neighbours = producers(of: member).map(\.current) + [process]
        if let plain = neighbours.first(where: { $0.saidHello && !$0.recovers }) {
            return "it is not started again: '\(plain.id)' keeps nothing for its successor"
        }
        return nil
    }

    private func restart(_ member: Member, after process: Incarnation) {
        let now = posix_monotonic_ns()
        let policy = member.planned.restart
        // That a machine is switched off says nothing of its nodes: it may take long to come back.
        if process.process.isMachineLost {
            member.restartAt = now + (process.saidHello ? policy.backoff.nanoseconds : Self.search)
            guard process.saidHello else { return }
            member.restarts += 1
            return display.say(
                "node '\(member.name)' (\(member.planned.kind)) is gone with machine "
                    + "'\(process.planned.machine)'; it is started again there as soon as that answers")
        }
        member.crashes.removeAll { now - $0 >= policy.within.nanoseconds }
        let pause = policy.backoff.nanoseconds << min(member.crashes.count, 6)
        member.crashes.append(now)
        member.restarts += 1
        member.restartAt = now + pause
        let cause = process.reason ?? process.process.status.map(NodeFailure.words) ?? "no status"
        display.say(
            "node '\(member.name)' (\(member.planned.kind)) ended: \(cause); starting it again "
                + "(\(member.crashes.count) of \(policy.limit) within \(policy.within))")
    }

    /// Starts processes whose time has come.
    func restartTheDue() {
        let now = posix_monotonic_ns()
        for member in members {
            guard let due = member.restartAt, due <= now || killAt != nil else { continue }
            member.restartAt = nil
            guard killAt == nil else { continue }
            let old = member.current
            do {
                let next = try start(member.planned, as: member.nextID(), journal: member.journal)
                // Its journal is gone with its machine.
                next.isFresh = old.process.fault != nil
                member.replace(by: next)
            } catch { fail(old, "\(error)") }
        }
    }

    /// A process that does not speak, or no longer, would be waited for for ever.
    func blameTheSilent() {
        guard killAt == nil else { return }
        let now = posix_monotonic_ns()
        for process in incarnations where process.process.status == nil {
            if let failedAt = process.failedAt, now - failedAt > Self.farewell {
                process.process.killGroup()
            } else if let link = link(to: process.planned.machine), link.facts == nil {
                // How long a machine may take to be there its launcher says.
                continue
            } else if !process.saidHello {
                let limit = process.planned.startWithin
                guard now - process.began > limit.nanoseconds else { continue }
                blame(
                    process,
                    "it did not say hello within \(limit / .seconds(1)) s of its start")
            } else if link(to: process.planned.machine)?.isSilent ?? false {
                // Its machine is asked for first.
                continue
            } else if process.recovers, now - process.heardAt > silence, !process.wasSilent {
                process.wasSilent = true
                process.reason =
                    "it has not been heard of for \(Double(silence) / 1e9) s: stopped, or hung"
                process.process.killGroup()
            }
        }
    }

    func blame(_ process: Incarnation, _ reason: String) {
        process.reason = process.reason ?? reason
        if let member = member(of: process), let swap = member.swap, swap.candidate === process {
            return giveUp(member, swap)
        }
        if let member = member(of: process), member.isJoining, change?.isCommitted != true {
            return giveUp(joining: member)
        }
        guard plan.isLive, started else { return fail(process) }
        // In a live run its end is judged like a crash, which may have been seen before its last words.
        guard process.process.status == nil else {
            // One that said it is done is not started again: its neighbours would wait for ever.
            if process.isDone, process.process.status == 0 { fail(process) }
            return
        }
        if process.failedAt == nil { process.process.killGroup() }
    }

    /// The first node that fails names the run's end; the others close their files.
    ///
    /// - Parameter obstacle: why the node was not started again, if that needs saying.
    func fail(_ process: Incarnation, _ obstacle: String = "") {
        let name = process.planned.name
        if let member = member(of: process), member.isLeaving, failure == nil, killAt == nil {
            // Nobody needs it any more: the graph without it goes on.
            display.warn(name, "failed while it left the graph: \(process.reason ?? obstacle)")
            process.process.killGroup()
            return bid(farewell: member)
        }
        if stoppedBeforeItBegan(process) { return finishNow() }
        let isFirst = failure == nil || failure!.node == name
        if isFirst {
            let restarts = member(of: process)?.restarts ?? 0
            failure = NodeFailure(
                node: name, kind: process.planned.kind, reason: process.reason,
                status: process.process.fault == nil ? process.process.status : nil, log: process.log, restarts: restarts,
                obstacle: obstacle)
            failure?.isMachineLost = process.process.fault != nil
        }
        finishNow()
    }

    /// Whether the user stopped the run before a frame came to a node: what it then did not make, or
    /// could not load, is no failure.
    private func stoppedBeforeItBegan(_ process: Incarnation) -> Bool {
        guard interrupts > 0, failure == nil else { return false }
        let report = member(of: process)?.report
        return !started || process.planned.isSink && report?.deliveredCount == 0
    }

    /// Takes away files that a process had begun, and into which nothing had come.
    func settleDrafts(of process: Incarnation) {
        guard process.planned.machine == RunPlan.here else { return }
        let owner = NodeConfiguration.owner(of: process.planned.name, in: plan.folder)
        for file in process.planned.outputFiles {
            guard let place = try? FilePlace(file) else { continue }
            Draft.settle(place, owner: owner, isOver: false)
        }
    }

    func finishNow() {
        guard killAt == nil else { return }
        finishAt = nil
        killAt = posix_monotonic_ns() + Self.grace
        tellAll(.finishNow)
        // A process that has not connected yet hears nothing: the signal says the same.
        for process in incarnations where !process.saidHello { process.process.signal(SIGTERM) }
    }

    func killAll() { incarnations.forEach { $0.process.killGroup() } }
}

extension Duration {
    var nanoseconds: Int64 { Int64(self / .nanoseconds(1)) }
}
