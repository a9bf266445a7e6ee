import CPosix
import Dataflow
import Wire

/// A running graph becomes another one.
extension Supervisor {
    /// Begins a change, or says why not.
    func make(_ change: GraphChange, isDry: Bool, for requester: String) {
        do {
            let (planned, difference) = try plan(change)
            for line in difference.lines { reply(.note(line), to: requester) }
            guard !difference.isEmpty, !isDry else {
                let text = difference.isEmpty ? "nothing differs" : "nothing was changed (a dry run)"
                return reply(.done(text), to: requester)
            }
            editions += 1
            self.change = Change(planned, difference, edition: editions, for: requester)
        } catch { return reply(.refused("\(error)"), to: requester) }
        do { try begin() } catch { giveUpChange("\(error)") }
    }

    private func plan(_ change: GraphChange) throws -> (PlannedChange, PlanDifference) {
        guard let planner else { throw SwapRefusal("this run was not started from a graph file") }
        if let own = self.change {
            let names = own.difference.replaced.map(\.name) + own.difference.added.map(\.name)
            throw SwapRefusal(
                "another change is being made" + (names.isEmpty ? "" : ": of " + names.joined(separator: ", ")))
        }
        var target: String?
        if case .replace(let replacement) = change {
            target = try member(toReplace: replacement.node).name
        }
        let planned = try planner.plan(change)
        let staying = members.filter { !$0.isLeaving }.map(\.planned)
        let difference = try PlanDifference(from: staying, plan, to: planned.plan, target: target)
        try checkProcesses(difference)
        return (planned, difference)
    }

    /// Whether the processes that run can do what is asked of them.
    private func checkProcesses(_ difference: PlanDifference) throws {
        guard !difference.isEmpty else { return }
        guard started, !isEnding else {
            throw SwapRefusal("the run is \(isEnding ? "ending" : "starting")")
        }
        var faults = difference.added.filter { new in members.contains { $0.name == new.name } }
            .map { "'\($0.name)' is still leaving the graph: wait until it has, or take another name" }
        if difference.rewires {
            let concerned = concerned(by: difference)
            // One that has just been started again has not said yet what it can.
            faults += concerned.filter { $0.current.saidHello && !$0.current.rewires }.map {
                "the edges of '\($0.name)' (\($0.planned.kind)) cannot change while it runs: its "
                    + "'hello' did not say 'rewires'; under another name it would be a new node"
            }
            faults += concerned.filter { $0.current.isDone && !difference.removed.contains($0.name) }
                .map { "'\($0.name)' has done its work: it takes and gives nothing any more" }
        }
        guard faults.isEmpty else { throw SwapRefusal(faults.joined(separator: "\n")) }
    }

    /// Nodes that run and whose edges change, and sources, which have to wait for that.
    private func concerned(by difference: PlanDifference) -> [Member] {
        let edges = difference.addedEdges + difference.removedEdges
        let gone = Set(difference.removed)
        return members.filter { member in
            // Whoever goes only has to see its inputs end.
            let changes = !gone.contains(member.name)
                && edges.contains { $0.producer == member.name || $0.consumer == member.name }
            return !member.isLeaving && (changes || isHoldable(member))
        }
    }

    /// Starts all new processes.
    private func begin() throws {
        guard let change else { return }
        let joining = Set(change.difference.added.map(\.name))
        for var node in change.difference.added {
            // Consumers that are there already tell the new edge from the one that they have.
            for index in node.configuration.outputs.indices
            where !joining.contains(node.configuration.outputs[index].consumer) {
                node.configuration.outputs[index].edition = change.edition
            }
            if !keys.isEmpty { keys[node.name] = try CurveKeys() }
            forgetJournal(of: node)
            let journal = try Journal.create()
            // One of the same name that failed a moment ago may not have been seen to its end.
            let id = "\(node.name)~\(change.edition)"
            let member = Member(
                node, journal: journal, try start(node, as: id, journal: journal), count: change.edition)
            member.isJoining = true
            members.append(member)
            reply(.note("'\(node.name)' (\(node.kind)) is loading"), to: change.requester)
        }
        for name in change.left.sorted() {
            guard let next = change.plan.nodes.first(where: { $0.name == name }) else { continue }
            try beginSwap(of: name, to: next, for: change.requester)
        }
    }

    /// Whether all that is new is ready: only then anything that runs is touched.
    var changeIsLoaded: Bool {
        members.allSatisfy { member in
            (!member.isJoining || member.current.isReady && canJoin(member.current))
                && member.swap.map { $0.candidate.isReady } ?? true
        }
    }

    /// Does what is next, should its time have come.
    func advanceChange() {
        guard let change else { return }
        if isEnding, !change.isCommitted { return giveUpChange("the run is ending") }
        if !members.contains(where: { !$0.isJoining && $0.current.process.status == nil }) {
            guard change.isCommitted else { return giveUpChange("the run is over") }
            guard change.step == .moving else {
                self.change = nil
                return reply(.refused("the run ended while its nodes were told"), to: change.requester)
            }
            return finish(change)
        }
        switch change.step {
        case .loading:
            guard changeIsLoaded else { return }
            guard change.left.isEmpty else { return handOverIfReady() }
            change.difference.rewires ? holdSources(change) : finish(change)
        case .holding: tellEdgesIfHeld(change)
        case .telling: openEdgesIfTold(change)
        case .moving: if hasMoved(change) { finish(change) }
        }
    }

    /// One of the nodes that a change replaces is another process now.
    func noteReplacement(of name: String, _ text: String) {
        guard let change, change.left.remove(name) != nil else { return }
        change.lastWords = text
        if !change.left.isEmpty || change.difference.rewires {
            reply(.note(text), to: change.requester)
        }
    }

    private func finish(_ change: Change) {
        if !change.difference.rewires { accept(change) }
        self.change = nil
        reply(.done(change.lastWords), to: change.requester)
    }

    /// Later changes come on top of this one.
    func accept(_ change: Change) {
        change.accept()
        var next = change.plan
        next.addresses.merge(plan.addresses) { $1 }
        plan = next
        showNotices()
    }

    /// A node that was to join did not come to life.
    func giveUp(joining member: Member) {
        let process = member.current
        let cause = process.reason ?? process.process.status.map(NodeFailure.words) ?? "it ended"
        let lines = process.log.suffix(5).map { "\n    \($0)" }.joined()
        giveUpChange(
            "'\(member.name)' (\(member.planned.kind)) failed while it was made ready: \(cause)\(lines)"
                + "\n  the graph goes on as it was")
    }

    /// Everything stays as it was.
    func giveUpChange(_ reason: String) {
        guard let change, !change.isCommitted else { return }
        self.change = nil
        for member in members {
            // One that is handing over has no way back: its successor is ready.
            guard let swap = member.swap, swap.retiredAt == nil else { continue }
            drop(swap, of: member)
        }
        for member in members where member.isJoining { member.current.process.killGroup() }
        members.removeAll(where: \.isJoining)
        letSourcesGo()
        let made = change.difference.replaced.map(\.name).filter { !change.left.contains($0) }
        let words = made.isEmpty ? "" : "\n  already replaced: " + made.joined(separator: ", ")
        reply(.refused(reason + words), to: change.requester)
    }
}
