import CPosix
import Glibc
import NodeKit
import Wire

/// Edges change while the graph runs, everywhere at the same frame.
///
/// Sources pause between two frames, for as long as a few words take; the first frame that none of
/// them has sent is where the new graph begins. Every node is told which of its edges end before that
/// frame and which begin with it, and when all have heard it the sources go on. So each frame goes
/// through the old graph or the new one, and none through both or neither, in however many places
/// they differ. An input uses up its old edge before it takes anything from the new one, and a node
/// that goes has its inputs end, and finishes what it has.
extension Supervisor {
    // MARK: Sources pause

    /// Whether a node has to pause for edges to change: it makes frames, and has not made all.
    func isHoldable(_ member: Member) -> Bool {
        guard member.planned.isSource, !member.isJoining, !member.current.isDone else { return false }
        return member.planned.configuration.outputs.contains {
            plan.paces["\($0.consumer).\($0.consumerPort)"] ?? .frame == .frame
        }
    }

    func holdSources(_ change: Change) {
        change.advance(to: .holding)
        members.filter(isHoldable).forEach { tell($0.current, .hold) }
    }

    func letSourcesGo() {
        for member in members where member.planned.isSource { tell(member.current, .letGo) }
    }

    /// A process that takes over while others pause does so, too.
    func holdIfOthersAre(_ member: Member) {
        guard let step = change?.step, step == .holding || step == .telling, isHoldable(member) else {
            return
        }
        tell(member.current, .hold)
    }

    func hear(held next: UInt64, isOver: Bool, from member: Member) {
        guard let change, change.step == .holding else { return }
        change.held[member.name] = (next, isOver)
        advanceChange()
    }

    // MARK: Nodes are told

    func tellEdgesIfHeld(_ change: Change) {
        let sources = members.filter(isHoldable)
        if let late = sources.first(where: { change.held[$0.name] == nil }) {
            guard posix_monotonic_ns() - change.stepBegan > Change.patience else { return }
            return giveUpChange("'\(late.name)' did not come to the end of a frame within 10 s")
        }
        if let ended = change.findFrames(plan) {
            return giveUpChange("the stream of '\(ended)' is at its end: nothing would come of it any more")
        }
        let gone = change.difference.removed
        for member in members
        where !member.isJoining && !member.isLeaving && !gone.contains(member.name) {
            replan(member, change)
        }
        change.advance(to: .telling)
        for name in change.awaited {
            guard let member = members.first(where: { $0.name == name }) else { continue }
            tellNewEdges(member)
        }
        letAllListen()
        openEdgesIfTold(change)
    }

    /// A node's edges as they are to be, from the change's frame on.
    private func replan(_ member: Member, _ change: Change) {
        let difference = change.difference
        var outputs = member.planned.configuration.outputs
        for index in outputs.indices where outputs[index].until == nil {
            guard difference.removedEdges.contains(.init(member.name, outputs[index])) else { continue }
            outputs[index].until = start(of: outputs[index], from: member.name, change) ?? 0
        }
        let joining = Set(difference.added.map(\.name))
        let target = change.plan.nodes.first { $0.name == member.name }
        for var output in target?.configuration.outputs ?? []
        where difference.addedEdges.contains(.init(member.name, output)) {
            output.since = start(of: output, from: member.name, change)
            output.edition = joining.contains(output.consumer) ? 0 : change.edition
            outputs.append(output)
        }
        if outputs != member.planned.configuration.outputs {
            member.rewire(outputs)
            change.awaited.insert(member.name)
        }
        replanInputs(of: member, target, change)
    }

    private func replanInputs(
        of member: Member, _ target: RunPlan.PlannedNode?, _ change: Change
    ) {
        let own = member.inputs
        let wanted = target?.configuration.inputs ?? []
        let changed = change.difference.addedEdges.filter { $0.consumer == member.name }.map(\.port)
        let inputs = wanted.filter { changed.contains($0.port) }.map { input in
            var input = input
            input.edition = change.edition
            return input
        }
        let dropped = own.map(\.port).filter { port in !wanted.contains { $0.port == port } }
        guard !inputs.isEmpty || !dropped.isEmpty else { return }
        change.moving.formUnion(
            inputs.filter { new in own.contains { $0.port == new.port } }
                .map { "\(member.name).\($0.key)" })
        member.rewire(inputs, without: dropped)
        change.awaited.insert(member.name)
    }

    /// The first frame on an edge that is new, or not any more on one that is old; nil where what it
    /// carries has no frames.
    private func start(
        of output: NodeConfiguration.Output, from node: String, _ change: Change
    ) -> UInt64? {
        let pace = change.plan.pace(of: "\(output.consumer).\(output.consumerPort)", or: plan)
        return pace == .frame ? change.frames[node] : nil
    }

    /// Tells a node's process its edges as they are to be, if it does not know them.
    func tellNewEdges(_ member: Member) {
        guard member.current.rewires, !member.isJoining else { return }
        let isNew = change?.awaited.contains(member.name) ?? false
        guard isNew || !member.successors.isEmpty || !member.droppedInputs.isEmpty else { return }
        var configuration = configuration(of: member.current, member)
        configuration.inputs = member.inputs.map { located($0, for: member.current) }
        tell(
            member.current,
            .rewire(inputs: configuration.inputs, outputs: configuration.outputs))
    }

    // MARK: Frames go the new ways

    func openEdgesIfTold(_ change: Change) {
        guard change.awaited.isEmpty, members.filter(\.isJoining).allSatisfy({ canJoin($0.current) })
        else { return }
        accept(change)
        change.advance(to: .moving)
        change.lastWords = "changed from \(change.framesText) on"
        for member in members where member.isJoining {
            member.isJoining = false
            member.firstFrame = change.frames[member.name] ?? 0
            connect(member.current, anew: false)
            tell(member.current, .start)
        }
        for name in change.difference.removed {
            guard let member = members.first(where: { $0.name == name }) else { continue }
            member.isLeaving = true
            if member.planned.isSource { tell(member.current, .drain) }
        }
        letSourcesGo()
        display.say(change.lastWords + ": " + change.difference.lines.joined(separator: "; "))
    }

    /// Whether a process that is to join finds all its producers.
    func canJoin(_ process: Incarnation) -> Bool {
        canReachProducers(process) && knowsTime(of: process)
    }

    /// Whether all inputs have gone on to their new edges, and sinks that go have closed their files.
    func hasMoved(_ change: Change) -> Bool {
        let isClosing = members.contains { member in
            member.isLeaving && member.planned.isSink && change.difference.removed.contains(member.name)
        }
        return change.moving.isEmpty && !isClosing
    }

    func hear(rewired member: Member) {
        change?.awaited.remove(member.name)
        advanceChange()
    }

    func hear(moved edge: String, of member: Member) {
        change?.moving.remove("\(member.name).\(edge)")
        advanceChange()
    }

    /// Whoever has done its work says no more which edges it has moved to.
    func forgetMoves(of member: Member) {
        guard let change, change.isCommitted else { return }
        change.awaited.remove(member.name)
        change.moving = change.moving.filter { !$0.hasPrefix("\(member.name).") }
        advanceChange()
    }

    /// Nothing of an edge that has ended is needed any more: its producer may forget it.
    func hear(left edge: String, of member: Member) {
        guard let input = member.leave(edge),
            let producer = members.first(where: { $0.name == input.producer })
        else { return }
        let name = input.identity(of: member.name)
        producer.rewire(producer.planned.configuration.outputs.filter { $0.identity != name })
        tell(producer.current, .departed(consumer: name))
    }

    /// A node that was taken out of the graph has finished.
    func bid(farewell member: Member) {
        departed.append(state(of: member))
        forgetJournal(of: member.planned)
        members.removeAll { $0 === member }
        for producer in members {
            let outputs = producer.planned.configuration.outputs
            let own = outputs.filter { $0.consumer != member.name || $0.until == nil }
            if own != outputs { producer.rewire(own) }
        }
        display.say("'\(member.name)' (\(member.planned.kind)) has left the graph")
        advanceChange()
    }
}
