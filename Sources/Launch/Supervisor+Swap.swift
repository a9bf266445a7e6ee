import CPosix
import Dataflow
import Glibc
import NodeKit
import Wire

/// A node's process is replaced while the graph runs.
///
/// The new process is started and loads beside the old one. Once it is ready the old one ends after
/// its tick; what it remembers, and what its consumers have not used up, is in the journal, which the
/// new one goes on from. It is a restart after a crash, but for being planned: nothing is lost,
/// nothing made twice, and the pause is that of a few words.
extension Supervisor {
    func member(toReplace name: String) throws -> Member {
        if let member = members.first(where: { $0.name == name }) { return member }
        throw SwapRefusal(
            "there is no node '\(name)'; there are " + members.map(\.name).joined(separator: ", "))
    }

    /// Starts a node's new process beside the one that runs; its edges are those of that one.
    func beginSwap(of name: String, to next: RunPlan.PlannedNode, for requester: String) throws {
        let member = try member(toReplace: name)
        try checkSwap(of: member, next)
        var planned = next
        planned.configuration.inputs = member.planned.configuration.inputs
        planned.configuration.outputs = member.planned.configuration.outputs
        let id = member.nextID()
        let journal = member.current.recovers ? nil : try Journal.create()
        if journal != nil { link(to: planned.machine)?.send(.journal(node: name, offset: 0)) }
        let candidate = try start(planned, as: id, journal: journal ?? member.journal)
        // A source that only goes elsewhere goes on; one with other settings begins with them.
        let isSame =
            planned.kind == member.planned.kind
            && planned.configuration.settings.values == member.planned.configuration.settings.values
            && planned.machine != member.planned.machine
        let anew = planned.isSource && member.planned.isSource && !isSame
        member.swap = Swap(
            candidate: candidate, anew: anew, journal: journal,
            finishes: !planned.goesOn(from: member.planned))
        reply(.note("'\(id)' (\(planned.kind)) is loading; '\(name)' goes on"), to: requester)
    }

    private func checkSwap(of member: Member, _ planned: RunPlan.PlannedNode) throws {
        guard started, !isEnding else { throw SwapRefusal("the run is \(isEnding ? "ending" : "starting")") }
        guard member.swap == nil else {
            throw SwapRefusal("another process of '\(member.name)' is being made ready already")
        }
        guard member.current.recovers || member.current.retires else {
            throw SwapRefusal(
                "'\(member.current.id)' (\(member.planned.kind)) cannot hand over: it keeps no journal, "
                    + "and its 'hello' did not say 'retires'")
        }
        guard !member.current.isDone else {
            throw SwapRefusal("'\(member.name)' has done its work")
        }
        guard !member.isJoining, !member.isLeaving else {
            throw SwapRefusal("'\(member.name)' is \(member.isLeaving ? "leaving" : "joining") the graph")
        }
    }

    /// A candidate has loaded: the old process hands over after its tick.
    func handOver(_ member: Member, _ swap: Swap) {
        swap.retiredAt = posix_monotonic_ns()
        guard member.current.process.status == nil, member.current.isConnected else {
            // One that was started after a crash, and has not begun, has nothing to hand over.
            member.current.process.killGroup()
            return adopt(member, swap)
        }
        tell(member.current, .retire(drains: !swap.goesOn, finishes: swap.finishes))
    }

    /// The old process is over: the candidate goes on from the journal.
    func adopt(_ member: Member, _ swap: Swap) {
        if swap.goesOn, !swap.hasMoved,
            member.current.planned.machine != swap.candidate.planned.machine
        {
            return moveJournal(of: member, swap)
        }
        member.swap = nil
        member.restartAt = nil
        let (old, process) = (member.planned.kind, member.current)
        swap.candidate.isFresh = !swap.goesOn
        if let journal = swap.journal { member.renewJournal(journal) }
        member.replace(by: swap.candidate)
        member.swaps += 1
        let next = swap.candidate.isFresh ? process.next : [:]
        holdIfOthersAre(member)
        tellNewEdges(member)
        connect(
            swap.candidate, anew: swap.anew, forgets: swap.finishes,
            next: firstMessages(swap.candidate, next))
        tell(swap.candidate, .start)
        redirect(to: member)
        let now = posix_monotonic_ns()
        let handing = Double(now - (swap.retiredAt ?? now)) / 1e6
        let loading = Double((swap.retiredAt ?? now) - swap.began) / 1e9
        let place = member.planned.machine == process.planned.machine ? "" : " on '\(member.planned.machine)'"
        let text = "'\(member.name)' is '\(member.planned.kind)'\(place) now, was '\(old)': loaded in "
            + "\(RunSnapshot.time(loading * 1000)), handed over in \(RunSnapshot.time(handing))"
        display.say(text)
        noteReplacement(of: member.name, text)
    }

    /// By edge and, for those who do not tell edges of one port apart, by port: which message is next.
    private func firstMessages(
        _ process: Incarnation, _ found: [String: UInt64]
    ) -> [String: UInt64] {
        process.planned.configuration.inputs.reduce(into: [:]) { next, input in
            guard let number = found[input.key] ?? found[input.port] else { return }
            (next[input.key], next[input.port]) = (number, number)
        }
    }

    /// A candidate did not come to life: all stays as it was.
    ///
    /// - Parameter reason: why, when it is not the candidate's fault.
    func giveUp(_ member: Member, _ swap: Swap, because reason: String? = nil) {
        drop(swap, of: member)
        if let reason { return giveUpChange(reason) }
        let cause = swap.candidate.reason
            ?? swap.candidate.process.status.map(NodeFailure.words) ?? "it ended"
        let lines = swap.candidate.log.suffix(5).map { "\n    \($0)" }.joined()
        giveUpChange(
            "'\(swap.candidate.id)' (\(swap.candidate.planned.kind)) failed while it was made "
                + "ready: \(cause)\(lines)\n  '\(member.name)' (\(member.planned.kind)) goes on")
    }
}

extension Supervisor {
    /// A candidate is not needed any more.
    func drop(_ swap: Swap, of member: Member) {
        member.swap = nil
        if let journal = swap.journal { close(journal) }
        swap.candidate.process.killGroup()
    }
}

/// Why a running graph was not changed.
package struct SwapRefusal: Error, CustomStringConvertible {
    package let description: String
    package init(_ description: String) { self.description = description }
}
