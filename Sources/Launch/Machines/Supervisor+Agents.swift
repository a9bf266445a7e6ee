import CPosix
import Dataflow
import Glibc
import Wire

/// Machines other than this one: their agents, and what those pass on.
extension Supervisor {
    /// The line to a machine; nil for this one.
    func link(to machine: String) -> MachineLink? {
        links.first { $0.machine.name == machine }
    }

    /// Where the sockets of a process's machine are, as that machine calls it.
    func folder(of process: Incarnation) -> String {
        link(to: process.planned.machine)?.facts?.runFolder ?? plan.folder
    }

    /// One launcher for each machine that nodes run on.
    static func links(for plan: RunPlan, executable: String) throws -> [MachineLink] {
        let names = Set(plan.nodes.map(\.machine))
        return try plan.machines.filter { names.contains($0.name) }.compactMap { machine in
            try launcher(of: machine, executable: executable).map { MachineLink(machine, $0) }
        }
    }

    private static func launcher(
        of machine: Machine, executable: String
    ) throws -> (any MachineLauncher)? {
        switch machine.launcher {
        case .local: return nil
        case .ssh(let host, let options):
            return SSHLauncher(host: host, options: options, executable: executable)
        case .slurm, .kubernetes:
            throw LaunchError.cannotStart(
                program: "machine '\(machine.name)'",
                reason: "this version does not start nodes by \(machine.launcher.name)")
        }
    }

    /// Takes in what other machines say.
    func hearMachines() {
        for link in links {
            for event in link.work() { hear(event, of: link) }
            let gap = link.takeGap()
            guard gap > 1_000_000_000 else { continue }
            for process in incarnations where process.planned.machine == link.machine.name {
                process.heardAt += gap
            }
        }
    }

    private func hear(_ event: MachineLink.Event, of link: MachineLink) {
        let name = link.machine.name
        switch event {
        case .ready(let facts):
            if facts.build != build {
                display.warn(
                    "machine '\(name)'",
                    "its personalive is another build than this one ('personalive doctor GRAPH "
                        + "--install' copies this one there)")
            }
            for process in incarnations where process.planned.machine == name {
                process.began = posix_monotonic_ns()
            }
            letAllListen()
        case .heard(let remote, let bytes):
            guard let process = incarnations.first(where: { $0.process === remote }) else { return }
            bytes.withUnsafeBytes { hear($0, from: process) }
        case .said(let line): display.log("machine \(name)", line)
        case .lost(let fault): if failure == nil, !isEnding { display.say(fault) }
        case .pong(let sent, let clock, let received):
            learnTime(of: name, sent: sent, received: clock, answered: clock, heard: received)
        case .journal, .files: break
        }
    }

    /// Ends the agents, and sees them to their end.
    func closeMachines() {
        links.forEach { $0.close() }
        let deadline = posix_monotonic_ns() + 5_000_000_000
        while !links.allSatisfy({ $0.isGone() }), posix_monotonic_ns() < deadline {
            var items = links.flatMap(\.pollItems)
            zmqPoll(&items, milliseconds: 20)
            for link in links { _ = link.work() }
        }
        links.forEach { $0.kill() }
    }
}
