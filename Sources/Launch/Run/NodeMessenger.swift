import CPosix
import CZeroMQ
import NodeKit
import Wire

/// What processes are sent: over the control socket here, through their machines' agents elsewhere.
///
/// It owns the control socket, and knows what each process was told last of where its producers are
/// and what its clock shows.
final class NodeMessenger {
    /// The last epoch that a flush began: a process that starts later has to know it.
    var epoch: UInt32 = 0
    private let graph: RunningGraph
    private let machines: Machines
    private let control: ZMQSocketBox

    /// Another machine's time is asked for so often at first, so that the shortest way there and back
    /// is among them; then now and then, since clocks drift.
    private static let firstQuestions = 8
    private static let questionPause: Int64 = 1_000_000_000

    /// Opens the control socket of a run.
    init(_ graph: RunningGraph, _ machines: Machines, folder: String) throws {
        (self.graph, self.machines) = (graph, machines)
        // What a child sends beyond that waits in its own process.
        control = ZMQSocketBox(try ZMQSocket(.router, in: ZMQContext(), mostReceived: 1000))
        try control.socket.bind(NodeConfiguration.controlEndpoint(in: folder))
    }

    var pollItem: zmq_pollitem_t { control.socket.pollItem }

    /// The next message of the control socket, its sender's name first; nil when none waits.
    func receive() -> [ZMQFrame]? { control.socket.receive() }

    func send(_ message: ControlMessage, to instance: NodeInstance) {
        guard instance.process.status == nil else { return }
        if let link = machines.link(to: instance.planned.machine) {
            return link.send(.tell(id: instance.id), message.encoded())
        }
        send(message.encoded(), to: instance.id)
    }

    /// Sends bytes to a peer of the control socket.
    func send(_ bytes: [UInt8], to peer: String) {
        Array(peer.utf8).withUnsafeBytes { name in
            bytes.withUnsafeBytes { _ = control.socket.send(name, $0) }
        }
    }

    // MARK: Where its neighbours are

    func sendConfiguration(to instance: NodeInstance) {
        let configuration = graph.configuration(of: instance)
        for input in configuration.inputs { instance.found[input.key] = input.endpoint }
        instance.listening = configuration.listen
        send(.configure(configuration), to: instance)
        askTime(of: instance)
    }

    func connect(
        _ instance: NodeInstance, inherits inheritance: Inheritance = .all,
        next: [String: UInt64] = [:]
    ) {
        guard let slot = graph.slot(of: instance) else { return }
        locateProducers(of: slot, for: instance)
        instance.isConnected = true
        let connect = ControlMessage.connect(
            inherits: inheritance, next: next, first: slot.firstFrame, epoch: epoch)
        send(connect, to: instance)
    }

    /// Tells processes where to connect to, where that is another place than they were told last: a
    /// producer was replaced or has moved, or its address was not known.
    func locateProducers() {
        for slot in graph.slots {
            for consumer in slot.instances { locateProducers(of: slot, for: consumer) }
        }
    }

    private func locateProducers(of slot: NodeSlot, for consumer: NodeInstance) {
        let isOurs = consumer.life.can(.rewires)
        // A plugin has nothing to connect anew before it has connected. One that hands over must not: its
        // successor connects under the same name, and the later of the two would take that from it.
        guard consumer.life.saidHello, consumer.life.order != .retire,
            consumer.isConnected || isOurs
        else { return }
        for input in slot.allInputs {
            guard let producer = graph.slot(input.producer), producer.current.life.saidHello,
                let endpoint = graph.endpoint(of: producer, for: consumer),
                consumer.found[input.key] != endpoint
            else { continue }
            consumer.found[input.key] = endpoint
            let isFresh = !producer.current.life.can(.recovers) || producer.current.isFresh
            let port = isOurs ? input.key : input.port
            send(.reconnect(port: port, endpoint: endpoint, isFresh: isFresh), to: consumer)
        }
    }

    /// Tells a process to listen for other machines, if it has consumers there.
    ///
    /// - Returns: why it cannot be reached from one of them; nil while that is not known.
    func locateListener(_ instance: NodeInstance) -> String? {
        if let endpoint = graph.listening(on: instance) {
            if instance.listening != endpoint { send(.listen(endpoint: endpoint), to: instance) }
            instance.listening = endpoint
            return nil
        }
        let own = instance.planned.machine
        guard
            let other = machines.firstThatCannotFind(
                own, of: graph.machinesOfConsumers(of: instance))
        else { return nil }
        let launcher = own == RunPlan.here ? "local: {}, " : ""
        return "nodes of machine '\(other)' take its outputs, and it is not known at which address "
            + "they reach machine '\(own)': write it, 'machines: { \(own): { \(launcher)address: … } }'"
    }

    // MARK: What became of its neighbours

    /// Producers send a node nothing more, and consumers wait for nothing more of it.
    func announceEnd(of slot: NodeSlot) {
        for producer in graph.producers(of: slot) {
            send(.departed(consumer: slot.name), to: producer.current)
        }
        for consumer in graph.consumers(of: slot) where consumer.current.life.can(.rewires) {
            send(.finished(producer: slot.name), to: consumer.current)
        }
    }

    /// Nothing waits for a sink while it is down, and what comes for it is dropped and counted.
    func announceOutage(of slot: NodeSlot) {
        for producer in graph.producers(of: slot) {
            send(.away(consumer: slot.name, isDown: slot.outage != nil), to: producer.current)
        }
    }

    /// A producer's new process, or one with new edges, knows nothing of sinks that are down.
    func announceOutages(behind slot: NodeSlot) {
        for consumer in graph.consumers(of: slot)
        where consumer.outage != nil && consumer.current.life.hasExited {
            send(.away(consumer: consumer.name, isDown: true), to: slot.current)
        }
    }

    // MARK: Clocks

    /// Asks a process of another machine for its time, when it is due.
    func askTimeIfDue(of instance: NodeInstance) {
        let isDue = posix_monotonic_ns() - instance.askedAt > Self.questionPause
        if instance.life.saidHello, isDue { askTime(of: instance) }
    }

    private func askTime(of instance: NodeInstance) {
        guard instance.planned.machine != RunPlan.here else { return }
        if machines.link(to: instance.planned.machine) == nil {
            send(.ping(sent: posix_monotonic_ns()), to: instance)
        } else {
            // Its agent is asked, now and then, for all of them.
            sendTime(to: instance)
        }
        instance.askedAt = posix_monotonic_ns()
    }

    /// Takes a process's answer to what its time is; at first another question follows at once.
    func learnTime(from instance: NodeInstance, sent: Int64, received: Int64, answered: Int64) {
        let machine = instance.planned.machine
        learnTime(
            of: machine, sent: sent, received: received, answered: answered,
            heard: posix_monotonic_ns())
        if machines.answers(of: machine) < Self.firstQuestions { askTime(of: instance) }
    }

    /// Takes a machine's answer, and tells its processes what to make of their clocks.
    func learnTime(of machine: String, sent: Int64, received: Int64, answered: Int64, heard: Int64)
    {
        machines.learnTime(
            of: machine, sent: sent, received: received, answered: answered, heard: heard)
        for instance in graph.slots.flatMap(\.instances)
        where instance.planned.machine == machine {
            sendTime(to: instance)
        }
    }

    private func sendTime(to instance: NodeInstance) {
        guard instance.life.saidHello, let clock = machines.clock(of: instance.planned.machine)
        else { return }
        send(.clock(offset: clock.offset, uncertainty: clock.uncertainty), to: instance)
        instance.knowsTime = true
    }

    /// Whether a process knows what to make of its clock.
    func knowsTime(_ instance: NodeInstance) -> Bool {
        instance.planned.machine == RunPlan.here || instance.knowsTime
    }
}
