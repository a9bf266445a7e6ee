import CPosix
import Dataflow
import Glibc
import Wire

extension RunPlan {
    /// What a machine is to get of a Slurm cluster; nil for one that is reached otherwise.
    fileprivate func part(of machine: Machine) -> SlurmJob.Part? {
        guard case .slurm(let options) = machine.launcher else { return nil }
        let nodes = nodes.filter { $0.machine == machine.name }
        let cores = machine.cores ?? nodes.reduce(0) { $0 + $1.configuration.settings.cores }
        return SlurmJob.Part(
            machine: machine.name, options: options, cores: max(cores, 1), memory: machine.memory)
    }
}

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

    /// One line to each machine that nodes run on, or can be moved to; they are opened when needed.
    static func links(for plan: RunPlan, executable: String) throws -> [MachineLink] {
        let names = Set(plan.nodes.map(\.machine))
        let machines = plan.machines.filter { machine in
            if case .ssh = machine.launcher { return true }
            return names.contains(machine.name)
        }
        let parts = machines.compactMap { plan.part(of: $0) }
        let job = SlurmJob(name: plan.name, parts)
        return try machines.compactMap { machine in
            let index = parts.firstIndex { $0.machine == machine.name }
            return try launcher(of: machine, job, index, executable).map { MachineLink(machine, $0) }
        }
    }

    private static func launcher(
        of machine: Machine, _ job: SlurmJob, _ index: Int?, _ executable: String
    ) throws -> (any MachineLauncher)? {
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
            lossSaidAt[name] = nil
            for process in incarnations where process.planned.machine == name {
                process.began = posix_monotonic_ns()
            }
            letAllListen()
        case .started(let remote):
            incarnations.first { $0.process === remote }?.began = posix_monotonic_ns()
        case .heard(let remote, let bytes):
            guard let process = incarnations.first(where: { $0.process === remote }) else { return }
            bytes.withUnsafeBytes { hear($0, from: process) }
        case .said(let line): display.log(machine: name, line)
        case .lost(let fault):
            sayLost(name, fault)
            giveUpMoves(from: name, fault)
        case .journal(let node, let part): takeJournal(of: node, part)
        case .pong(let sent, let clock, let received):
            learnTime(of: name, sent: sent, received: clock, answered: clock, heard: received)
        case .files: break
        }
    }

    /// A machine that is looked for again and again is told of now and then.
    private func sayLost(_ machine: String, _ fault: String) {
        let now = posix_monotonic_ns()
        guard failure == nil, !isEnding, now - (lossSaidAt[machine] ?? 0) > Self.lossPause else { return }
        lossSaidAt[machine] = now
        display.say(fault)
    }

    private static let lossPause: Int64 = 60_000_000_000

    // MARK: Moving nodes

    /// The old process is over: what it left goes to the machine of its successor.
    func moveJournal(of member: Member, _ swap: Swap) {
        guard !swap.isMoving else { return }
        swap.isMoving = true
        let machine = member.current.planned.machine
        if let link = link(to: machine) {
            guard link.facts != nil else {
                return giveUpMoves(from: machine, "machine '\(machine)' is gone with what '\(member.name)' left")
            }
            return link.send(.giveJournal(node: member.name))
        }
        JournalCopy.read(member.journal) { takeJournal(of: member.name, ($0, $1)) }
        takeJournal(of: member.name, nil)
    }

    /// What was handed on by a node of that name is nobody's any more; here it goes with its member.
    func forgetJournal(of node: RunPlan.PlannedNode) {
        link(to: node.machine)?.send(.forgetJournal(node: node.name))
    }

    /// Passes on a part of a journal, or sees that it is whole.
    private func takeJournal(of node: String, _ part: (offset: Int, bytes: [UInt8])?) {
        guard let member = members.first(where: { $0.name == node }), let swap = member.swap,
            swap.isMoving, !swap.hasMoved
        else { return }
        guard let part else {
            swap.hasMoved = true
            forgetJournal(of: member.current.planned)
            return adopt(member, swap)
        }
        if let link = link(to: swap.candidate.planned.machine) {
            link.send(.journal(node: node, offset: part.offset), part.bytes)
        } else {
            JournalCopy.write(part.bytes, at: part.offset, to: member.journal)
        }
    }

    /// What was not moved yet is gone with its machine.
    private func giveUpMoves(from machine: String, _ fault: String) {
        for member in members where member.current.planned.machine == machine {
            guard let swap = member.swap, swap.isMoving, !swap.hasMoved else { continue }
            giveUp(member, swap, because: fault)
            member.current.reason = member.current.reason ?? "its " + fault
            fail(member.current)
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
        links.forEach {
            $0.kill()
            $0.launcher.release()
        }
    }
}
