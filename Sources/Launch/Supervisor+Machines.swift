import CPosix
import NodeKit
import Wire

/// Edges between machines: who listens where, with which keys, and what its clock shows.
extension Supervisor {
    /// Whether a node's outputs are wanted on another machine.
    func hasConsumersElsewhere(_ member: Member) -> Bool {
        members.contains { consumer in
            consumer.planned.machine != member.planned.machine
                && consumer.planned.configuration.inputs.contains { $0.producer == member.name }
        }
    }

    /// Where a consumer finds a node's outputs; nil while that is not known.
    func endpoint(of producer: Member, for consumer: Member) -> String? {
        guard producer.planned.machine != consumer.planned.machine else {
            return NodeConfiguration.endpoint(of: producer.current.id, in: plan.folder)
        }
        return producer.current.served
    }

    /// What a node needs for neighbours on other machines: its keys, theirs, and where to listen.
    func prepareForElsewhere(_ configuration: inout NodeConfiguration, of member: Member) {
        guard plan.hasSeveralMachines else { return }
        configuration.isInsecure = plan.isInsecure
        configuration.keys = keys[member.name]
        for index in configuration.inputs.indices {
            configuration.inputs[index].producerKey =
                keys[configuration.inputs[index].producer]?.publicKey
        }
        for index in configuration.outputs.indices {
            configuration.outputs[index].consumerKey =
                keys[configuration.outputs[index].consumer]?.publicKey
        }
        if hasConsumersElsewhere(member) { configuration.listen = listening(on: member) }
    }

    /// Where a node listens: at its machine's address alone, where that is known.
    private func listening(on member: Member) -> String {
        let address = addresses[member.planned.machine] ?? "127.0.0.1"
        return "tcp://\(address.contains(":") ? "[\(address)]" : address):*"
    }

    /// A node has to listen for consumers elsewhere that it did not have before.
    func listen(_ member: Member) {
        guard member.current.served == nil else { return }
        tell(member.current, .listen(endpoint: listening(on: member)))
    }

    /// How others reach what a process serves.
    func reachable(_ served: String, on process: Incarnation) -> String {
        detour?(served) ?? served
    }

    // MARK: Clocks

    /// Asked so often at first, so that the shortest way there and back is among them; then now and
    /// then, since clocks drift.
    private static let firstQuestions = 8
    private static let pause: Int64 = 1_000_000_000

    func askTime(of process: Incarnation) {
        guard process.planned.machine != RunPlan.here else { return }
        tell(process, .ping(sent: posix_monotonic_ns()))
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
        guard machine != RunPlan.here, sent <= posix_monotonic_ns(), received <= answered else { return }
        var clock = clocks[machine] ?? ClockEstimate()
        clock.add(
            sent: sent, received: received, answered: answered, heard: posix_monotonic_ns())
        clocks[machine] = clock
        guard let offset = clock.offset, let uncertainty = clock.uncertainty else { return }
        for other in incarnations where other.planned.machine == machine && other.saidHello {
            tell(other, .clock(offset: offset, uncertainty: uncertainty))
            other.knowsTime = true
        }
        if clock.count < Self.firstQuestions { askTime(of: process) }
        startIfAllReady()
    }

    /// What to add to a machine's clock to get this one's, and by how much that may be wrong;
    /// nanoseconds.
    package func clock(of machine: String) -> (offset: Int64, uncertainty: Int64)? {
        guard let clock = clocks[machine], let offset = clock.offset,
            let uncertainty = clock.uncertainty
        else { return nil }
        return (offset, uncertainty)
    }

    func knowsTime(of member: Member) -> Bool {
        member.planned.machine == RunPlan.here || member.current.knowsTime
    }
}

extension RunPlan {
    /// Whether any edge may have to leave a machine.
    var hasSeveralMachines: Bool { Set(nodes.map(\.machine)).count > 1 || !addresses.isEmpty }

    /// A key pair for each node, where edges leave machines.
    func makeKeys() throws -> [String: CurveKeys] {
        guard hasSeveralMachines, !isInsecure else { return [:] }
        return Dictionary(uniqueKeysWithValues: try nodes.map { ($0.name, try CurveKeys()) })
    }
}
