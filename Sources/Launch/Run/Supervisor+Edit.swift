import CPosix
import Dataflow
import NodeKit
import Wire

/// A running graph becomes another one: what ``GraphEdit`` wants done.
///
/// A replaced node's new process loads beside the old one. Once it is ready the old one ends after its
/// tick; what it remembers, and what its consumers have not used up, is in the journal, which the new
/// one goes on from. It is a restart after a crash, but for being planned.
extension Supervisor {
    // MARK: The request

    /// Begins a change, or says why not.
    func begin(_ change: GraphChange, isDry: Bool, for requester: String) {
        do {
            let (planned, difference) = try plan(change)
            for line in difference.lines { reply(.note(line), to: requester) }
            guard !difference.isEmpty, !isDry else {
                let text =
                    difference.isEmpty ? "nothing differs" : "nothing was changed (a dry run)"
                return reply(.done(text), to: requester)
            }
            editions += 1
            edit = GraphEdit(
                planned, difference, from: graph.plan, edition: editions, for: requester,
                at: posix_monotonic_ns())
        } catch { return reply(.refused("\(error)"), to: requester) }
        do { try startNew() } catch { applyEdit(.failed(node: nil, "\(error)")) }
    }

    private func plan(_ change: GraphChange) throws -> (PlannedChange, PlanDifference) {
        guard let planner else { throw SwapRefusal("this run was not started from a graph file") }
        if let names = edit?.names {
            throw SwapRefusal(
                "another change is being made"
                    + (names.isEmpty ? "" : ": of " + names.joined(separator: ", ")))
        }
        var target: String?
        if case .replace(let replacement) = change {
            target = try slot(toReplace: replacement.node).name
        }
        let planned = try planner.plan(change)
        let staying = graph.slots.filter { $0.membership != .leaving }.map(\.planned)
        // One that has just been started again takes its settings with its configuration.
        let cannotSet = graph.slots.map(\.current).filter { $0.life.saidHello && !$0.life.can(.sets) }
        let difference = try PlanDifference(
            from: staying, graph.plan, to: planned.plan, target: target,
            cannotSet: Set(cannotSet.map(\.planned.name)))
        try check(difference)
        return (planned, difference)
    }

    func slot(toReplace name: String) throws -> NodeSlot {
        if let slot = graph.slot(name) { return slot }
        throw SwapRefusal(
            "there is no node '\(name)'; there are "
                + graph.slots.map(\.name).joined(separator: ", "))
    }

    /// Whether the processes that run can do what is asked of them.
    private func check(_ difference: PlanDifference) throws {
        guard !difference.isEmpty else { return }
        guard life.hasStarted, !life.isEnding else {
            throw SwapRefusal("the run is \(life.isEnding ? "ending" : "starting")")
        }
        var faults = difference.added.filter { graph.slot($0.name) != nil }.map {
            "'\($0.name)' is still leaving the graph: wait until it has, or take another name"
        }
        faults += difference.set.filter { graph.slot($0.name)?.current.isDone ?? false }.map {
            "'\($0.name)' has done its work"
        }
        if difference.rewires {
            let concerned = graph.slots.filter { isConcerned($0, by: difference) }
            // One that has just been started again has not said yet what it can.
            faults += concerned.filter {
                $0.current.life.saidHello && !$0.current.life.can(.rewires)
            }.map {
                "the edges of '\($0.name)' (\($0.planned.kind)) cannot change while it runs: its "
                    + "'hello' did not say 'rewires'; under another name it would be a new node"
            }
            faults += concerned.filter {
                $0.current.isDone && !difference.removed.contains($0.name)
            }
            .map { "'\($0.name)' has done its work: it takes and gives nothing any more" }
        }
        guard faults.isEmpty else { throw SwapRefusal(faults.joined(separator: "\n")) }
    }

    /// Whether a node runs and its edges change, or it is a source, which has to wait for that.
    private func isConcerned(_ slot: NodeSlot, by difference: PlanDifference) -> Bool {
        // One that goes only has to see its inputs end.
        let changes =
            !difference.removed.contains(slot.name)
            && (difference.addedEdges + difference.removedEdges).contains {
                $0.producer == slot.name || $0.consumer == slot.name
            }
        return slot.membership != .leaving && (changes || graph.isHoldable(slot))
    }

    // MARK: Its events

    /// Tells the change what happened, and does what follows.
    func applyEdit(_ event: GraphEdit.Event) {
        guard let effects = edit?.apply(event, at: posix_monotonic_ns()), let changed = edit else {
            return
        }
        if changed.step == .over { edit = nil }
        for effect in effects { perform(effect, of: changed) }
    }

    /// Does what is next, should its time have come.
    func advanceEdit() {
        guard edit != nil else { return }
        if life.isEnding { applyEdit(.ending) }
        let isRunning = graph.slots.contains { slot in
            slot.membership != .joining && (!slot.current.life.isOver || slot.restartAt != nil)
        }
        if !isRunning { applyEdit(.runOver) }
        var loaded: Set<String> = []
        for slot in graph.slots {
            guard
                let new = slot.successor?.instance
                    ?? (slot.membership == .joining ? slot.current : nil),
                new.life.state == .ready, graph.canReachProducers(new), messenger.knowsTime(new)
            else { continue }
            guard messenger.epoch == 0 || canBeginEpochs(new) else {
                return applyEdit(.failed(node: slot.name, Self.noEpochs(new)))
            }
            loaded.insert(slot.name)
        }
        let sources = Set(graph.slots.filter(graph.isHoldable).map(\.name))
        applyEdit(.tick(loaded: loaded, sources: sources))
    }

    /// A process failed: if it was new, the change is given up.
    ///
    /// - Returns: whether it was new.
    func giveUpEdit(for instance: NodeInstance, of slot: NodeSlot) -> Bool {
        let isSuccessor = slot.successor?.instance === instance
        let isJoining = slot.membership == .joining && !(edit?.isCommitted ?? false)
        guard isSuccessor || isJoining else { return false }
        let lines = instance.log.suffix(5).map { "\n    \($0)" }.joined()
        let (name, kind) =
            isSuccessor ? (instance.id, instance.planned.kind) : (slot.name, slot.planned.kind)
        let rest =
            isSuccessor
            ? "'\(slot.name)' (\(slot.planned.kind)) goes on" : "the graph goes on as it was"
        applyEdit(
            .failed(
                node: slot.name,
                "'\(name)' (\(kind)) failed while it was made ready: \(instance.cause)\(lines)\n  \(rest)"
            ))
        return true
    }

    /// The old process of a node that is replaced has handed over, or is gone.
    func handOver(_ slot: NodeSlot) {
        guard let next = slot.successor else { return }
        // Machines that are reached as if they were others are one, and have one journal.
        let (from, to) = (slot.current.planned.machine, next.instance.planned.machine)
        let moves = next.goesOn && machines.link(to: from) !== machines.link(to: to)
        applyEdit(.handedOver(slot.name, movesJournal: moves))
    }

    /// Nothing of an edge that has ended is needed any more: its producer may forget it.
    func release(_ edge: String, of slot: NodeSlot) {
        guard let input = slot.leave(edge), let producer = graph.slot(input.producer) else {
            return
        }
        let name = input.identity(of: slot.name)
        producer.rewire(producer.planned.configuration.outputs.filter { $0.identity != name })
        messenger.send(.departed(consumer: name), to: producer.current)
    }

    /// A node that was taken out of the graph has finished.
    func remove(_ slot: NodeSlot) {
        graph.remove(slot)
        forgetJournal(of: slot.planned)
        display.say("'\(slot.name)' (\(slot.planned.kind)) has left the graph")
        applyEdit(.left(slot.name))
    }

    // MARK: Its effects

    private func perform(_ effect: GraphEdit.Effect, of edit: GraphEdit) {
        switch effect {
        case .retire(let name): graph.slot(name).map(retire)
        case .killOld(let name): graph.slot(name)?.current.kill()
        case .moveJournal(let name): graph.slot(name).map(moveJournal)
        case .adopt(let name): graph.slot(name).map(adopt)
        case .hold:
            for slot in graph.slots where graph.isHoldable(slot) {
                messenger.send(.hold, to: slot.current)
            }
        case .release:
            for slot in graph.slots where slot.planned.isSource {
                messenger.send(.release, to: slot.current)
            }
        case .rewire: rewire(edit)
        case .set: set(edit)
        case .blame(let name, let reason):
            // One that was just restarted may not have loaded.
            guard let late = graph.slot(name)?.current, late.life.state == .ready else { break }
            perform(late.apply(.violated(reason)), of: late)
        case .accept:
            edit.accept()
            graph.adopt(edit.plan)
            showNotices()
        case .commit(let text): commit(edit, text)
        case .drop(let names): for name in names { graph.slot(name).map(drop) }
        case .note(let text): reply(.note(text), to: edit.requester)
        case .say(let text): display.say(text)
        case .finish(let text): reply(.done(text), to: edit.requester)
        case .refuse(let reason): reply(.refused(reason), to: edit.requester)
        }
    }

    /// Starts all new processes.
    private func startNew() throws {
        guard let edit else { return }
        for node in edit.difference.added.map(edit.joined) {
            try machines.makeKeys(for: node.name)
            forgetJournal(of: node)
            let journal = try Journal.create()
            // One of the same name that failed a moment ago may not have exited yet.
            let id = "\(node.name)~\(edit.edition)"
            let first = try start(node, as: id, journal: journal)
            graph.add(NodeSlot(node, journal: journal, first, count: edit.edition, .joining))
            reply(.note("'\(node.name)' (\(node.kind)) is loading"), to: edit.requester)
        }
        for name in edit.difference.replaced.map(\.name).sorted() {
            guard let next = edit.plan.nodes.first(where: { $0.name == name }) else { continue }
            try startSuccessor(next, of: try slot(toReplace: name), for: edit.requester)
        }
    }

    /// Starts a node's new process beside the one that runs; its edges are those of that one.
    private func startSuccessor(
        _ next: RunPlan.PlannedNode, of slot: NodeSlot, for requester: String
    ) throws {
        let current = slot.current
        guard current.life.saidHello else {
            throw SwapRefusal("'\(current.id)' is being started again: ask once more when it runs")
        }
        guard current.life.can(.recovers) || current.life.can(.retires) else {
            throw SwapRefusal(
                "'\(current.id)' (\(slot.planned.kind)) cannot hand over: it keeps no journal, "
                    + "and its 'hello' did not say 'retires'")
        }
        guard !current.isDone else { throw SwapRefusal("'\(slot.name)' has done its work") }
        guard slot.membership == .member else {
            throw SwapRefusal("'\(slot.name)' is leaving the graph")
        }
        var planned = next
        planned.configuration.inputs = slot.planned.configuration.inputs
        planned.configuration.outputs = slot.planned.configuration.outputs
        let id = slot.nextID()
        let journal = current.life.can(.recovers) ? nil : try Journal.create()
        if journal != nil {
            machines.link(to: planned.machine)?.send(.journal(node: slot.name, offset: 0))
        }
        let instance = try start(planned, as: id, journal: journal ?? slot.journal)
        slot.successor = NodeSlot.Successor(
            instance: instance, inheritance: planned.inheritance(from: slot.planned),
            journal: journal)
        reply(.note("'\(id)' (\(planned.kind)) is loading; '\(slot.name)' goes on"), to: requester)
    }

    private func drop(_ slot: NodeSlot) {
        slot.dropSuccessor()
        // It has handed over already: another process goes on from its journal.
        let isGone = slot.current.life.hasExited && !slot.current.isDone && slot.restartAt == nil
        if slot.membership != .joining, isGone, !life.isClosing {
            slot.restartAt = posix_monotonic_ns()
        }
        guard slot.membership == .joining else { return }
        slot.current.kill()
        graph.drop(slot)
    }

    /// The old process hands over after its tick.
    private func retire(_ slot: NodeSlot) {
        guard let next = slot.successor else { return }
        let old = slot.current
        guard !old.life.hasExited, old.isConnected else {
            // One that was started after a crash, and has not begun, has nothing to hand over.
            old.kill()
            return handOver(slot)
        }
        perform(old.apply(.told(.retire)), of: old)
        messenger.send(.retire(drains: !next.goesOn, finishes: next.inheritance == .numbers), to: old)
    }

    /// The new process goes on from the journal.
    private func adopt(_ slot: NodeSlot) {
        guard let next = slot.successor else { return }
        let old = slot.current
        if next.inheritance == .stream { newestEpoch = max(newestEpoch, slot.report.epoch + 1) }
        slot.adopt(next)
        holdIfOthersAre(slot)
        sendNewEdges(slot)
        let found = next.instance.isFresh ? old.next : [:]
        messenger.connect(
            next.instance, inherits: next.inheritance,
            next: graph.firstMessages(of: next.instance, found))
        messenger.send(.start, to: next.instance)
        messenger.announceOutages(behind: slot)
        let moves = slot.planned.machine != old.planned.machine
        let place = moves ? " on '\(slot.planned.machine)'" : ""
        applyEdit(
            .replaced(
                slot.name,
                text:
                    "'\(slot.name)' is '\(slot.planned.kind)'\(place) now, was '\(old.planned.kind)'"
            ))
    }

    // MARK: Journals that move

    /// What the old process left goes to the machine of its successor.
    private func moveJournal(_ slot: NodeSlot) {
        let machine = slot.current.planned.machine
        if let link = machines.link(to: machine) {
            guard link.facts != nil else {
                return giveUpMoves(
                    from: machine, "machine '\(machine)' is gone with what '\(slot.name)' left")
            }
            return link.send(.giveJournal(node: slot.name))
        }
        JournalCopy.read(slot.journal) { takeJournal(of: slot.name, ($0, $1)) }
        takeJournal(of: slot.name, nil)
    }

    /// Passes on a part of a journal, or sees that it is whole.
    func takeJournal(of node: String, _ part: (offset: Int, bytes: [UInt8])?) {
        guard let slot = graph.slot(node), let next = slot.successor,
            edit?.isMovingJournal(of: node) ?? false
        else { return }
        guard let part else {
            forgetJournal(of: slot.current.planned)
            return applyEdit(.journalMoved(node))
        }
        if let link = machines.link(to: next.instance.planned.machine) {
            link.send(.journal(node: node, offset: part.offset), part.bytes)
        } else {
            JournalCopy.write(part.bytes, at: part.offset, to: slot.journal)
        }
    }

    /// What was not moved yet is gone with its machine.
    func giveUpMoves(from machine: String, _ fault: String) {
        for slot in graph.slots where slot.current.planned.machine == machine {
            guard edit?.isMovingJournal(of: slot.name) ?? false else { continue }
            applyEdit(.failed(node: slot.name, fault))
            fail(slot.current, reason: "its " + fault)
        }
    }

    // MARK: Edges

    /// A process that takes over while sources pause does so, too.
    func holdIfOthersAre(_ slot: NodeSlot) {
        if edit?.holdsSources ?? false, graph.isHoldable(slot) {
            messenger.send(.hold, to: slot.current)
        }
    }

    private func rewire(_ edit: GraphEdit) {
        var (told, moving): (Set<String>, Set<String>) = ([], [])
        let staying = graph.slots.filter {
            $0.membership == .member && !edit.difference.removed.contains($0.name)
        }
        for slot in staying {
            let outputs = edit.outputs(slot.planned)
            if outputs != slot.planned.configuration.outputs {
                slot.rewire(outputs)
                told.insert(slot.name)
            }
            let own = slot.inputs
            let (new, dropped) = edit.inputs(of: slot.name, now: own)
            guard !new.isEmpty || !dropped.isEmpty else { continue }
            for input in new where own.contains(where: { $0.port == input.port }) {
                moving.insert("\(slot.name).\(input.key)")
            }
            slot.rewire(new, without: dropped)
            told.insert(slot.name)
        }
        applyEdit(.told(told, moving: moving))
        for slot in staying where told.contains(slot.name) {
            sendNewEdges(slot)
            messenger.announceOutages(behind: slot)
        }
    }

    /// Nodes take other live settings between two ticks. A process that is being started gets them with
    /// its configuration.
    private func set(_ edit: GraphEdit) {
        for change in edit.difference.set {
            guard let slot = graph.slot(change.name) else { continue }
            slot.set(change.settings)
            guard slot.current.life.saidHello else { continue }
            messenger.send(.set(change.settings, edition: edit.edition), to: slot.current)
        }
        display.say(edit.difference.set.map(\.text).joined(separator: "; "))
    }

    /// Tells a node's process its edges as they are to be, if it does not know them.
    func sendNewEdges(_ slot: NodeSlot) {
        let current = slot.current
        guard current.life.can(.rewires), slot.membership != .joining,
            slot.isMoving || edit?.awaited.contains(slot.name) ?? false
        else { return }
        let inputs = slot.inputs.map { graph.located($0, for: current) }
        for input in inputs { current.found[input.key] = input.endpoint }
        messenger.send(
            .rewire(inputs: inputs, outputs: graph.configuration(of: current).outputs), to: current)
    }

    /// Frames go the new ways.
    private func commit(_ edit: GraphEdit, _ text: String) {
        for slot in graph.slots where slot.membership == .joining {
            slot.membership = .member
            slot.firstFrame = edit.frames[slot.name] ?? 0
            messenger.connect(slot.current)
            messenger.send(.start, to: slot.current)
        }
        for slot in graph.slots where edit.difference.removed.contains(slot.name) {
            slot.membership = .leaving
            if slot.planned.isSource { messenger.send(.drain, to: slot.current) }
        }
        display.say(text + ": " + edit.difference.lines.joined(separator: "; "))
    }
}

/// Why a running graph was not changed.
package struct SwapRefusal: Error, CustomStringConvertible {
    package let description: String
    package init(_ description: String) { self.description = description }
}
