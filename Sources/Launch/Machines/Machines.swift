import CPosix
import CZeroMQ
import Dataflow
import Foundation
import Wire

/// The machines of a run besides the supervisor's own: lines to their agents, where they are found,
/// what their clocks show, and the keys of nodes whose edges go between them.
final class Machines {
    let links: [MachineLink]
    /// Whether any edge may have to leave a machine, now or after a swap.
    let areSeveral: Bool
    /// Whether edges between machines are in plain text.
    private(set) var isInsecure: Bool
    /// What stands between a producer on one machine and its consumers on others, as a test has it.
    var detour: ((_ served: String) -> String)?
    /// Where the user says that a machine is found, by its name.
    private var addresses: [String: String]
    private let folder: String
    /// By node, where edges go to other machines.
    private var keys: [String: CurveKeys]
    /// By machine, what its clock shows when this machine's shows nothing.
    private var clocks: [String: ClockEstimate] = [:]

    init(_ plan: RunPlan, executable: String) throws {
        links = try Self.links(for: plan, executable: executable)
        areSeveral = plan.hasSeveralMachines
        (isInsecure, addresses, folder) = (plan.isInsecure, plan.addresses, plan.folder)
        keys = try plan.makeKeys()
    }

    /// The graph is another one: what the user said of machines before still holds.
    func adopt(_ plan: RunPlan) {
        addresses.merge(plan.addresses) { old, _ in old }
        isInsecure = plan.isInsecure
    }

    // MARK: Lines

    /// The line to a machine; nil for this one.
    func link(to machine: String) -> MachineLink? { links.first { $0.machine.name == machine } }

    /// Where the sockets of a machine are, as that machine calls it.
    func folder(on machine: String) -> String { link(to: machine)?.facts?.runFolder ?? folder }

    /// Whether a machine's processes can be heard.
    func reach(_ machine: String) -> ProcessLife.Reach {
        guard let link = link(to: machine) else { return .here }
        return link.facts == nil ? .absent : link.isSilent ? .silent : .here
    }

    /// One line to each machine that nodes run on, or can be moved to; they are opened when needed.
    static func links(for plan: RunPlan, executable: String) throws -> [MachineLink] {
        let names = Set(plan.nodes.map(\.machine))
        let machines = plan.machines.filter { machine in
            if case .ssh = machine.launcher { return true }
            return names.contains(machine.name)
        }
        let parts = machines.compactMap { plan.part(of: $0) }
        let job = SlurmJob(name: plan.name, parts)
        return machines.compactMap { machine in
            let index = parts.firstIndex { $0.machine == machine.name }
            return launcher(of: machine, job, index, executable).map { MachineLink(machine, $0) }
        }
    }

    private static func launcher(
        of machine: Machine, _ job: SlurmJob, _ index: Int?, _ executable: String
    ) -> (any MachineLauncher)? {
        switch machine.launcher {
        case .local: return nil
        case .ssh(let host, let options):
            return SSHLauncher(host: host, options: options, executable: executable)
        case .slurm(let options):
            return SlurmLauncher(job: job, index: index!, options: options, executable: executable)
        case .kubernetes(let options):
            return KubernetesLauncher(machine: machine.name, options: options)
        }
    }

    /// Ends the agents, and sees them to their end, up to a time.
    func close(by deadline: Int64) {
        links.forEach { $0.close() }
        while !links.allSatisfy({ $0.isGone() }), posix_monotonic_ns() < deadline {
            var items = links.flatMap(\.pollItems)
            zmqPoll(&items, milliseconds: 20)
            for link in links { _ = link.work() }
        }
        links.forEach {
            $0.kill()
            $0.launcher.release(within: max(Double(deadline - posix_monotonic_ns()) / 1e9, 0.2))
        }
    }

    // MARK: Addresses

    /// Where a machine's nodes are found by those of another one; nil while that is not known.
    ///
    /// What the user says comes first; then what the connection to it shows; for this machine, what
    /// the other one sees of it.
    func address(of machine: String, from other: String) -> String? {
        if let said = addresses[machine] { return said }
        guard machine == RunPlan.here else { return link(to: machine)?.facts?.ownAddress }
        // In a pod, or wherever else this machine is told.
        return ProcessInfo.processInfo.environment["PERSONALIVE_ADDRESS"]
            ?? link(to: other)?.facts?.callerAddress
    }

    /// Where a process listens for consumers on other machines; nil while an address is not known.
    ///
    /// At one address where it is the machine's own; else at all of them, since others may see it by
    /// an address that it does not know of. Of this machine each other one sees an address of its own,
    /// and which of them consumers will come from, or be moved to, is not known: where keys guard the
    /// port it is open at all of them.
    func listening(on machine: String, for others: Set<String>) -> String? {
        let addresses = others.map { address(of: machine, from: $0) }
        guard !addresses.isEmpty, !addresses.contains(nil) else { return nil }
        let only = Set(addresses.compactMap { $0 }).count == 1 ? addresses[0]! : nil
        let isOwn = only.map { only in
            if only.hasPrefix("127.") || only == "::1" { return true }
            if machine == RunPlan.here, !isInsecure { return false }
            return self.addresses[machine] == nil || only == link(to: machine)?.facts?.ownAddress
        }
        return isOwn == true ? "tcp://\(Self.host(only!)):*" : "tcp://*:*"
    }

    /// The first of some machines for which another has no address, once all is said that could tell.
    func firstThatCannotFind(_ machine: String, of others: Set<String>) -> String? {
        func isKnown(_ machine: String) -> Bool {
            link(to: machine).map { $0.facts != nil } ?? true
        }
        return others.sorted().first {
            isKnown(machine) && isKnown($0) && address(of: machine, from: $0) == nil
        }
    }

    /// Where another machine finds what is served on a port of a machine.
    func endpoint(served: String, on machine: String, from other: String) -> String? {
        guard let address = address(of: machine, from: other),
            let port = served.split(separator: ":").last
        else { return nil }
        let endpoint = "tcp://\(Self.host(address)):\(port)"
        return detour?(endpoint) ?? endpoint
    }

    /// An address as it stands in an endpoint.
    private static func host(_ address: String) -> String {
        address.contains(":") ? "[\(address)]" : address
    }

    // MARK: Keys

    func keys(of node: String) -> CurveKeys? { keys[node] }

    /// A node that joins the graph gets keys of its own.
    func makeKeys(for node: String) throws { if !keys.isEmpty { keys[node] = try CurveKeys() } }

    // MARK: Clocks

    /// Takes a machine's answer to what its time is.
    func learnTime(of machine: String, sent: Int64, received: Int64, answered: Int64, heard: Int64)
    {
        guard machine != RunPlan.here, sent <= heard, received <= answered else { return }
        clocks[machine, default: ClockEstimate()].add(
            sent: sent, received: received, answered: answered, heard: heard)
    }

    /// How many answers of a machine there were.
    func answers(of machine: String) -> Int { clocks[machine]?.count ?? 0 }

    /// What to add to a machine's clock to get this one's, and by how much that may be wrong;
    /// nanoseconds.
    func clock(of machine: String) -> (offset: Int64, uncertainty: Int64)? {
        guard let clock = clocks[machine], let offset = clock.offset,
            let uncertainty = clock.uncertainty
        else { return nil }
        return (offset, uncertainty)
    }
}

extension RunPlan {
    fileprivate var hasSeveralMachines: Bool {
        Set(nodes.map(\.machine) + machines.map(\.name) + [Self.here]).count > 1
    }

    /// A key pair for each node, where edges leave machines.
    fileprivate func makeKeys() throws -> [String: CurveKeys] {
        guard hasSeveralMachines, !isInsecure else { return [:] }
        return Dictionary(uniqueKeysWithValues: try nodes.map { ($0.name, try CurveKeys()) })
    }

    /// What a machine is to get of a Slurm cluster; nil for one that is reached otherwise.
    fileprivate func part(of machine: Machine) -> SlurmJob.Part? {
        guard case .slurm(let options) = machine.launcher else { return nil }
        let nodes = nodes.filter { $0.machine == machine.name }
        let cores = machine.cores ?? nodes.reduce(0) { $0 + $1.configuration.settings.cores }
        return SlurmJob.Part(
            machine: machine.name, options: options, cores: max(cores, 1), memory: machine.memory)
    }
}
