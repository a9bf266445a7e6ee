import Dataflow
import NodeKit
import Wire

/// The graph as it runs: its nodes' slots, and where each finds the others.
final class RunningGraph {
    private(set) var plan: RunPlan
    let machines: Machines
    private(set) var slots: [NodeSlot] = []
    /// Nodes that were part of the graph, and are no more.
    private(set) var departed: [RunSnapshot.NodeState] = []

    init(_ plan: RunPlan, _ machines: Machines) { (self.plan, self.machines) = (plan, machines) }

    // MARK: Nodes

    func add(_ slot: NodeSlot) { slots.append(slot) }

    func slot(_ name: String) -> NodeSlot? { slots.first { $0.name == name } }

    /// The slot that a process is in, as the node's own or as its successor.
    func slot(of instance: NodeInstance) -> NodeSlot? {
        slots.first { slot in slot.instances.contains { $0 === instance } }
    }

    /// A node that never was part of the graph.
    func drop(_ slot: NodeSlot) { slots.removeAll { $0 === slot } }

    /// A node that was removed has finished: what it did counts.
    func remove(_ slot: NodeSlot) {
        departed.append(state(of: slot))
        drop(slot)
        for producer in slots {
            let outputs = producer.planned.configuration.outputs
            let own = outputs.filter { $0.consumer != slot.name || $0.until == nil }
            if own != outputs { producer.rewire(own) }
        }
    }

    /// Later changes come on top of this plan.
    func adopt(_ plan: RunPlan) {
        self.plan = plan
        machines.adopt(plan)
    }

    func state(of slot: NodeSlot) -> RunSnapshot.NodeState {
        var state = RunSnapshot.NodeState(
            name: slot.name, kind: slot.planned.kind, isSource: slot.planned.isSource,
            isSink: slot.planned.isSink, report: slot.report, restarts: slot.history.restarts)
        state.outage = slot.outage?.reason
        return state
    }

    // MARK: Neighbours

    func producers(of slot: NodeSlot) -> [NodeSlot] {
        let names = Set(slot.planned.configuration.inputs.map(\.producer))
        return slots.filter { names.contains($0.name) }
    }

    func consumers(of slot: NodeSlot) -> [NodeSlot] {
        slots.filter { other in
            other.planned.configuration.inputs.contains { $0.producer == slot.name }
        }
    }

    /// Names of the nodes that a node has edges with.
    func neighbours(of slot: NodeSlot) -> Set<String> {
        Set(slot.allInputs.map(\.producer) + slot.planned.configuration.outputs.map(\.consumer))
    }

    /// What a process lacks to be replaced without loss; nil if nothing.
    func lack(of slot: NodeSlot, _ instance: NodeInstance) -> String? {
        if slot.planned.state == .unknown {
            return "it is not started again: kind '\(slot.planned.kind)' does not say what it "
                + "remembers ('state:'), so that frames would be lost"
        }
        let neighbours = producers(of: slot).map(\.current) + [instance]
        if let plain = neighbours.first(where: { $0.life.saidHello && !$0.life.can(.recovers) }) {
            return "it is not started again: '\(plain.id)' keeps nothing for its successor"
        }
        return nil
    }

    /// Whether a node has to pause for edges to change: it makes frames, and has not made all.
    func isHoldable(_ slot: NodeSlot) -> Bool {
        guard slot.planned.isSource, slot.membership != .joining, !slot.current.isDone else {
            return false
        }
        return slot.planned.configuration.outputs.contains {
            plan.paces["\($0.consumer).\($0.consumerPort)"] ?? .frame == .frame
        }
    }

    // MARK: Where they are found

    /// Whether a relay speaks for a node to other machines, now or after a swap.
    func isRelayed(_ node: RunPlan.PlannedNode) -> Bool {
        node.command != nil && !node.knowsOtherMachines && machines.areSeveral
    }

    /// Machines, other than its own, on which a process's outputs are wanted.
    func machinesOfConsumers(of instance: NodeInstance) -> Set<String> {
        let name = instance.planned.name
        let consumers = slots.filter { slot in slot.allInputs.contains { $0.producer == name } }
        return Set(consumers.flatMap(\.instances).map(\.planned.machine))
            .subtracting([instance.planned.machine])
    }

    /// Where a process listens for other machines; nil if it has no consumers there, or its
    /// address is not known.
    func listening(on instance: NodeInstance) -> String? {
        machines.listening(on: instance.planned.machine, for: machinesOfConsumers(of: instance))
    }

    /// Whether a node's outputs are served wherever they are wanted.
    func isServed(_ slot: NodeSlot) -> Bool {
        slot.current.served != nil || machinesOfConsumers(of: slot.current).isEmpty
    }

    /// Where a consumer's process finds a node's outputs; nil while that is not known.
    func endpoint(of producer: NodeSlot, for consumer: NodeInstance) -> String? {
        let (here, there) = (producer.current.planned.machine, consumer.planned.machine)
        guard here != there else {
            return NodeConfiguration.endpoint(
                of: producer.current.id, in: machines.folder(on: there))
        }
        return producer.current.served.flatMap {
            machines.endpoint(served: $0, on: here, from: there)
        }
    }

    /// Whether a process can be connected to all its producers.
    func canReachProducers(_ instance: NodeInstance) -> Bool {
        instance.planned.configuration.inputs.allSatisfy { input in
            slot(input.producer).map { endpoint(of: $0, for: instance) != nil } ?? true
        }
    }

    // MARK: What a process is told

    /// A process's configuration: its neighbours as they are now, and for those on other machines its
    /// keys, theirs, and where to listen.
    func configuration(of instance: NodeInstance) -> NodeConfiguration {
        var configuration = instance.planned.configuration
        configuration.inputs = configuration.inputs.map { located($0, for: instance) }
        configuration.outputs.removeAll { slot($0.consumer)?.current.isDone ?? false }
        guard machines.areSeveral else { return configuration }
        configuration.isInsecure = machines.isInsecure
        configuration.keys = machines.keys(of: instance.planned.name)
        for index in configuration.outputs.indices {
            configuration.outputs[index].consumerKey =
                machines.keys(of: configuration.outputs[index].consumer)?.publicKey
        }
        configuration.listen = listening(on: instance)
        return configuration
    }

    /// An input with where its producer is found now, and the key it is known by.
    func located(
        _ input: NodeConfiguration.Input, for instance: NodeInstance
    ) -> NodeConfiguration.Input {
        var input = input
        input.producerKey = machines.keys(of: input.producer)?.publicKey
        let isOpen = input.pace != nil || input.condition != nil
        if !isRelayed(instance.planned), !isOpen { input.type = nil }
        guard let producer = slot(input.producer) else { return input }
        input.isElsewhere = producer.current.planned.machine != instance.planned.machine
        if let endpoint = endpoint(of: producer, for: instance) { input.endpoint = endpoint }
        return input
    }

    /// A process that goes on from `found`, by edge: which message is next, by edge and, for those that
    /// do not tell edges of one port apart, by port.
    func firstMessages(
        of instance: NodeInstance, _ found: [String: UInt64]
    ) -> [String: UInt64] {
        instance.planned.configuration.inputs.reduce(into: [:]) { next, input in
            guard let number = found[input.key] ?? found[input.port] else { return }
            (next[input.key], next[input.port]) = (number, number)
        }
    }
}
