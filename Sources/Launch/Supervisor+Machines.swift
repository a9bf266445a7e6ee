import CPosix
import Dataflow
import Foundation
import NodeKit
import Wire

/// Edges between machines: who listens where, with which keys, and what its clock shows.
extension Supervisor {
    // MARK: Addresses

    /// Where a machine's nodes are found by those of another one; nil while that is not known.
    ///
    /// What the user says comes first; then what the connection to it shows; for this machine, what
    /// the other one sees of it.
    private func address(of machine: String, from other: String) -> String? {
        if let said = plan.addresses[machine] { return said }
        guard machine == RunPlan.here else { return link(to: machine)?.facts?.ownAddress }
        // In a pod, or wherever else this machine is told.
        return ProcessInfo.processInfo.environment["PERSONALIVE_ADDRESS"]
            ?? link(to: other)?.facts?.callerAddress
    }

    /// Machines, other than its own, on which a node's outputs are wanted.
    private func machinesOfConsumers(of process: Incarnation) -> Set<String> {
        let name = process.planned.name
        // Inputs as they are, and as they are to be.
        let consumers = members.filter { member in
            (member.planned.configuration.inputs + member.inputs).contains { $0.producer == name }
        }
        return Set(consumers.flatMap(\.processes).map(\.planned.machine))
            .subtracting([process.planned.machine])
    }

    /// Whether a node's outputs are wanted on another machine.
    func hasConsumersElsewhere(_ member: Member) -> Bool {
        !machinesOfConsumers(of: member.current).isEmpty
    }

    /// Where a process listens; nil if nobody elsewhere wants to hear it, or its address is not known.
    ///
    /// At one address where it is the machine's own; else at all of them, since others may see it by
    /// an address that it does not know of. Of this machine each other one sees an address of its own,
    /// and which of them consumers will come from, or be moved to, is not known: where keys guard the
    /// port it is open at all of them.
    private func listening(on process: Incarnation) -> String? {
        let machine = process.planned.machine
        let addresses = machinesOfConsumers(of: process).map { address(of: machine, from: $0) }
        guard !addresses.isEmpty, !addresses.contains(nil) else { return nil }
        let only = Set(addresses.compactMap { $0 }).count == 1 ? addresses[0]! : nil
        let isOwn = only.map { only in
            if only.hasPrefix("127.") || only == "::1" { return true }
            if machine == RunPlan.here, !plan.isInsecure { return false }
            return plan.addresses[machine] == nil || only == link(to: machine)?.facts?.ownAddress
        }
        return isOwn == true ? "tcp://\(Self.host(only!)):*" : "tcp://*:*"
    }

    /// An address as it stands in an endpoint.
    private static func host(_ address: String) -> String {
        address.contains(":") ? "[\(address)]" : address
    }

    /// Where a consumer's process finds a node's outputs; nil while that is not known.
    func endpoint(of producer: Member, for consumer: Incarnation) -> String? {
        let (here, there) = (producer.current.planned.machine, consumer.planned.machine)
        guard here != there else {
            return NodeConfiguration.endpoint(of: producer.current.id, in: folder(of: consumer))
        }
        guard let served = producer.current.served, let address = address(of: here, from: there),
            let port = served.split(separator: ":").last
        else { return nil }
        let endpoint = "tcp://\(Self.host(address)):\(port)"
        return detour?(endpoint) ?? endpoint
    }

    /// Whether a relay speaks for a node to other machines, now or after a swap.
    func isRelayed(_ node: RunPlan.PlannedNode) -> Bool {
        node.command != nil && !node.knowsOtherMachines && plan.hasSeveralMachines
    }

    /// What a node needs for consumers on other machines: its keys, theirs, and where to listen.
    func prepareForElsewhere(_ configuration: inout NodeConfiguration, of process: Incarnation) {
        guard plan.hasSeveralMachines else { return }
        configuration.isInsecure = plan.isInsecure
        configuration.keys = keys[process.planned.name]
        for index in configuration.outputs.indices {
            configuration.outputs[index].consumerKey =
                keys[configuration.outputs[index].consumer]?.publicKey
        }
        configuration.listen = listening(on: process)
    }

    /// Tells processes to listen that have not been told, because an address was not known or their
    /// consumers were not elsewhere.
    func letAllListen() {
        for process in incarnations where process.saidHello && process.served == nil {
            if let endpoint = listening(on: process) {
                tell(process, .listen(endpoint: endpoint))
            } else if let machine = machineThatCannotFind(process) {
                let own = process.planned.machine
                let launcher = own == RunPlan.here ? "local: {}, " : ""
                blame(
                    process, "nodes of machine '\(machine)' take its outputs, and nobody says at which "
                        + "address they reach machine '\(own)': write it, 'machines: { \(own): { "
                        + "\(launcher)address: … } }'")
            }
        }
    }

    /// A machine of consumers for which a node's own has no address, once all is said that could tell.
    private func machineThatCannotFind(_ process: Incarnation) -> String? {
        func isKnown(_ machine: String) -> Bool { link(to: machine).map { $0.facts != nil } ?? true }
        let own = process.planned.machine
        return machinesOfConsumers(of: process).sorted().first { machine in
            isKnown(own) && isKnown(machine) && address(of: own, from: machine) == nil
        }
    }

    /// Whether a process can be connected to all its producers.
    func canReachProducers(_ process: Incarnation) -> Bool {
        process.planned.configuration.inputs.allSatisfy { input in
            guard let producer = members.first(where: { $0.name == input.producer }) else {
                return true
            }
            return endpoint(of: producer, for: process) != nil
        }
    }

    /// Candidates that have loaded, and whose producers listen, take over.
    func handOverIfReady() {
        guard changeIsLoaded else { return }
        for member in members {
            guard let swap = member.swap, swap.candidate.isReady, swap.retiredAt == nil,
                canReachProducers(swap.candidate), knowsTime(of: swap.candidate)
            else { continue }
            handOver(member, swap)
        }
    }

    // MARK: Clocks

    /// Asked so often at first, so that the shortest way there and back is among them; then now and
    /// then, since clocks drift.
    private static let firstQuestions = 8
    private static let pause: Int64 = 1_000_000_000

    func askTime(of process: Incarnation) {
        guard process.planned.machine != RunPlan.here else { return }
        if link(to: process.planned.machine) == nil {
            tell(process, .ping(sent: posix_monotonic_ns()))
        } else {
            // Its agent is asked, now and then, for all of them.
            tellTime(process)
        }
        process.askedAt = posix_monotonic_ns()
    }

    /// Asks a process of each other machine for its time, when it is due.
    func compareClocks() {
        guard plan.hasSeveralMachines, killAt == nil else { return }
        let now = posix_monotonic_ns()
        for process in incarnations where process.saidHello && now - process.askedAt > Self.pause {
            askTime(of: process)
        }
    }

    func learnTime(of process: Incarnation, sent: Int64, received: Int64, answered: Int64) {
        let machine = process.planned.machine
        let now = posix_monotonic_ns()
        learnTime(of: machine, sent: sent, received: received, answered: answered, heard: now)
        if let count = clocks[machine]?.count, count < Self.firstQuestions { askTime(of: process) }
    }

    /// Takes a machine's answer to what its time is.
    func learnTime(
        of machine: String, sent: Int64, received: Int64, answered: Int64, heard: Int64
    ) {
        guard machine != RunPlan.here, sent <= heard, received <= answered else { return }
        clocks[machine, default: ClockEstimate()].add(
            sent: sent, received: received, answered: answered, heard: heard)
        for process in incarnations where process.planned.machine == machine {
            tellTime(process)
        }
        startIfAllReady()
        handOverIfReady()
    }

    private func tellTime(_ process: Incarnation) {
        guard process.saidHello, let clock = clock(of: process.planned.machine) else { return }
        tell(process, .clock(offset: clock.offset, uncertainty: clock.uncertainty))
        process.knowsTime = true
    }

    /// What to add to a machine's clock to get this one's, and by how much that may be wrong;
    /// nanoseconds.
    package func clock(of machine: String) -> (offset: Int64, uncertainty: Int64)? {
        guard let clock = clocks[machine], let offset = clock.offset,
            let uncertainty = clock.uncertainty
        else { return nil }
        return (offset, uncertainty)
    }

    func knowsTime(of process: Incarnation) -> Bool {
        process.planned.machine == RunPlan.here || process.knowsTime
    }
}

extension RunPlan {
    /// Whether any edge may have to leave a machine, now or after a swap.
    var hasSeveralMachines: Bool {
        Set(nodes.map(\.machine) + machines.map(\.name) + [Self.here]).count > 1
    }

    /// A key pair for each node, where edges leave machines.
    func makeKeys() throws -> [String: CurveKeys] {
        guard hasSeveralMachines, !isInsecure else { return [:] }
        return Dictionary(uniqueKeysWithValues: try nodes.map { ($0.name, try CurveKeys()) })
    }
}
