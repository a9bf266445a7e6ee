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
    /// Begins a change, or says why not.
    func make(_ change: GraphChange, isDry: Bool, for requester: String) {
        do {
            guard let planner else { throw SwapRefusal("this run was not started from a graph file") }
            if let own = self.change {
                throw SwapRefusal("another change is being made: of " + own.left.joined(separator: ", "))
            }
            if case .replace(let replacement) = change {
                _ = try member(toReplace: replacement.node)
            }
            let plan = try planner.plan(change)
            let differing = try differences(to: plan, change)
            for text in differing.map(\.text) { reply(.note(text), to: requester) }
            let names = differing.map(\.name)
            guard !names.isEmpty, !isDry else {
                let text = names.isEmpty ? "nothing differs" : "nothing was changed (a dry run)"
                return reply(.done(text), to: requester)
            }
            self.change = Change(change: change, plan: plan, requester: requester, left: names)
            try beginNext()
        } catch {
            self.change = nil
            reply(.refused("\(error)"), to: requester)
        }
    }

    func member(toReplace name: String) throws -> Member {
        if let member = members.first(where: { $0.name == name }) { return member }
        throw SwapRefusal(
            "there is no node '\(name)'; there are " + members.map(\.name).joined(separator: ", "))
    }

    /// Nodes that would be another process, each in words.
    private func differences(
        to plan: RunPlan, _ change: GraphChange
    ) throws -> [(name: String, text: String)] {
        let (own, wanted) = (Set(members.map(\.name)), Set(plan.nodes.map(\.name)))
        let (new, gone) = (wanted.subtracting(own).sorted(), own.subtracting(wanted).sorted())
        guard new.isEmpty, gone.isEmpty else {
            let words = new.map { "'\($0)' is new" } + gone.map { "'\($0)' is gone" }
            throw SwapRefusal(
                "a running graph keeps its nodes, but " + words.joined(separator: ", ")
                    + ": end the run and start the new graph")
        }
        return try members.compactMap { member in
            let node = plan.nodes.first { $0.name == member.name }!
            let (old, next) = (member.planned.configuration, node.configuration)
            guard old.inputs == next.inputs, old.outputs == next.outputs else {
                throw SwapRefusal(
                    "a running graph keeps its edges, but those of '\(member.name)' differ: end the "
                        + "run and start the new graph")
            }
            let isTarget =
                if case .replace(let replacement) = change { replacement.node == member.name } else {
                    false
                }
            let moves = node.machine != member.planned.machine
            guard isTarget || moves || node.kind != member.planned.kind || old.settings.values != next.settings.values
                    || old.settings.cores != next.settings.cores
            else { return nil }
            var what: [String] = []
            if node.kind != member.planned.kind {
                what.append("'\(node.kind)' in place of '\(member.planned.kind)'")
            } else if old.settings.values != next.settings.values || !moves {
                what.append("other settings")
            }
            if moves { what.append("on '\(node.machine)' instead of '\(member.planned.machine)'") }
            return (member.name, "'\(member.name)': \(what.joined(separator: ", "))")
        }
    }

    /// Starts the next node's new process.
    private func beginNext() throws {
        guard let change, let name = change.left.first,
            let member = members.first(where: { $0.name == name }),
            let planned = change.plan.nodes.first(where: { $0.name == name })
        else { return }
        try checkSwap(of: member, planned)
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
        member.swap = Swap(candidate: candidate, anew: anew, journal: journal)
        reply(
            .note("'\(id)' (\(planned.kind)) is loading; '\(name)' goes on"), to: change.requester)
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
        let (old, new) = (member.planned.configuration, planned.configuration)
        guard old.inputs.map(\.port) == new.inputs.map(\.port),
            old.outputs.map(\.port) == new.outputs.map(\.port)
        else { throw SwapRefusal("'\(planned.kind)' has other ports than '\(member.planned.kind)'") }
    }

    /// A candidate has loaded: the old process hands over after its tick.
    func handOver(_ member: Member, _ swap: Swap) {
        swap.retiredAt = posix_monotonic_ns()
        guard member.current.process.status == nil, member.current.isConnected else {
            // One that was started after a crash, and has not begun, has nothing to hand over.
            member.current.process.killGroup()
            return adopt(member, swap)
        }
        tell(member.current, .retire(drains: !swap.goesOn))
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
        connect(swap.candidate, anew: swap.anew, next: swap.candidate.isFresh ? process.next : [:])
        tell(swap.candidate, .start)
        redirect(to: member)
        let now = posix_monotonic_ns()
        let handing = Double(now - (swap.retiredAt ?? now)) / 1e6
        let loading = Double((swap.retiredAt ?? now) - swap.began) / 1e9
        let place = member.planned.machine == process.planned.machine ? "" : " on '\(member.planned.machine)'"
        let text = "'\(member.name)' is '\(member.planned.kind)'\(place) now, was '\(old)': loaded in "
            + "\(RunSnapshot.time(loading * 1000)), handed over in \(RunSnapshot.time(handing))"
        display.say(text)
        finishStep(text)
    }

    private func finishStep(_ text: String) {
        guard var change else { return }
        change.made.append(change.left.removeFirst())
        self.change = change
        guard change.left.isEmpty else {
            reply(.note(text), to: change.requester)
            do { try beginNext() } catch { giveUpChange("\(error)") }
            return
        }
        planner?.accept(change.change)
        self.change = nil
        reply(.done(text), to: change.requester)
    }

    private func giveUpChange(_ reason: String) {
        guard let change else { return }
        self.change = nil
        let made = change.made.isEmpty
            ? "" : "\n  already made: " + change.made.joined(separator: ", ")
        reply(.refused(reason + made), to: change.requester)
    }

    /// A candidate did not come to life: all stays as it was.
    ///
    /// - Parameter reason: why, when it is not the candidate's fault.
    func giveUp(_ member: Member, _ swap: Swap, because reason: String? = nil) {
        member.swap = nil
        if let journal = swap.journal { close(journal) }
        swap.candidate.process.killGroup()
        if let reason { return giveUpChange(reason) }
        let cause = swap.candidate.reason
            ?? swap.candidate.process.status.map(NodeFailure.words) ?? "it ended"
        let lines = swap.candidate.log.suffix(5).map { "\n    \($0)" }.joined()
        giveUpChange(
            "'\(swap.candidate.id)' (\(swap.candidate.planned.kind)) failed while it was made "
                + "ready: \(cause)\(lines)\n  '\(member.name)' (\(member.planned.kind)) goes on")
    }
}

/// Why a node was not replaced.
package struct SwapRefusal: Error, CustomStringConvertible {
    package let description: String
    package init(_ description: String) { self.description = description }
}
