import CPosix
import Dataflow
import Foundation
import Glibc
import NodeKit
import Wire

/// Looks at one machine of a graph: whether it is reached, and what is there.
package final class MachineCheck {
    /// What was found of a machine that answers.
    package struct Found {
        /// From the start of the launcher to the agent's first message.
        package let seconds: Double
        package let hostname: String
        package let cores: Int
        /// Bytes that new programs could have.
        package let memory: Int?
        /// Whether its program is the very one that runs here.
        package let isSameBuild: Bool
        package let workingFolder: String
        /// Where others reach it; nil where that is not known.
        package let address: String?
    }

    /// A file that should be there.
    package struct File {
        package let path: String
        package let bytes: Int?
        package let checksum: String?
    }

    private let link: MachineLink
    private let executable: String

    /// - Throws: ``LaunchError`` when the machine's launcher is not to be had.
    package init(_ machine: Machine, cores: Int, executable: String) throws {
        self.executable = executable
        var plan = RunPlan(name: "doctor", graph: "-", nodes: [.probe(on: machine.name, cores: cores)], folder: "")
        plan.machines = [machine]
        link = try Machines.links(for: plan, executable: executable)[0]
    }

    deinit {
        link.close()
        let deadline = posix_monotonic_ns() + 5_000_000_000
        while !link.isGone(), posix_monotonic_ns() < deadline { _ = events() }
        link.kill()
        link.launcher.release(within: 10)
    }

    /// What a person calls the place.
    package var place: String { link.launcher.place }

    /// Starts an agent there.
    ///
    /// - Throws: ``MachineFault`` when there is none within the launcher's patience, or five minutes.
    package func reach() throws -> Found {
        let began = posix_monotonic_ns()
        try link.open()
        let facts = try wait(seconds: 300) { event -> MachineFacts? in
            if case .ready(let facts) = event { facts } else { nil }
        }
        return Found(
            seconds: Double(posix_monotonic_ns() - began) / 1e9, hostname: facts.hostname,
            cores: facts.cores, memory: facts.memory,
            isSameBuild: facts.build == MachineFacts.build(of: executable),
            workingFolder: facts.workingFolder,
            address: link.machine.address ?? facts.ownAddress)
    }

    /// What is at some paths there; a folder is all that is in it.
    package func inspect(_ paths: [String]) throws -> [File] {
        guard !paths.isEmpty else { return [] }
        link.send(.inspect(paths: paths))
        // It says that it is alive meanwhile.
        return try wait(seconds: 3600) { event -> [FileFacts]? in
            if case .files(let files) = event { files } else { nil }
        }.map { File(path: $0.path, bytes: $0.bytes, checksum: $0.checksum) }
    }

    /// What came of trying something.
    package struct Trial {
        /// Whether networks can compute on all devices, or all requirements are there.
        package let isWell: Bool
        /// A line for each.
        package let lines: [String]

        init(isWell: Bool, output: String) {
            self.isWell = isWell
            lines = output.split(separator: "\n").map(String.init)
        }
    }

    /// Tries devices there, by their words in a graph.
    package func tryDevices(_ devices: [String]) throws -> Trial {
        link.send(.tryDevices(devices))
        return try trial(seconds: 150)
    }

    /// Looks there for what a plugin in Python asks for, and installs what is missing if that is wanted.
    package func lookForRequirements(of plugin: Plugin, installs: Bool) throws -> Trial {
        let command = NodeProgram.portable(plugin.command)
        link.send(.lookForRequirements(command: command, installs: installs))
        return try trial(seconds: PluginRequirements.longestInstallation + 30)
    }

    private func trial(seconds: Double) throws -> Trial {
        try wait(seconds: seconds) { event in
            if case .tried(let isWell, let output) = event {
                Trial(isWell: isWell, output: output)
            } else { nil }
        }
    }

    /// Tries devices on this machine, in a process of its own: a driver may end the one that asks it.
    package static func tryDevices(_ devices: [String], executable: String) throws -> Trial {
        let outcome = try ShortCommand.run(trial(of: devices, executable), seconds: 120)
        return Trial(isWell: outcome.status == 0, output: outcome.output + outcome.errors)
    }

    /// The command that tries devices.
    static func trial(of devices: [String], _ executable: String) -> [String] {
        [executable, "devices"] + devices
    }

    private func wait<Value>(
        seconds: Double, _ find: (MachineLink.Event) -> Value?
    ) throws -> Value {
        let deadline = posix_monotonic_ns() + Int64(seconds * 1e9)
        while posix_monotonic_ns() < deadline {
            for event in events() {
                if let value = find(event) { return value }
                if case .lost(let fault) = event { throw MachineFault(description: fault) }
            }
        }
        throw MachineFault(
            description: "machine '\(link.machine.name)' (\(place)) did not answer within \(seconds) s")
    }

    private func events() -> [MachineLink.Event] {
        var items = link.pollItems
        zmqPoll(&items, milliseconds: 20)
        return link.work()
    }

    // MARK: Installing

    /// Builds that stay on a machine.
    private static let keptBuilds = 3

    /// Copies this program there, with the libraries that lie beside Swift's own.
    ///
    /// - Returns: what was copied, in words.
    package static func install(_ executable: String, on machine: Machine) throws -> String {
        guard case .ssh(let host, let options) = machine.launcher else {
            throw MachineFault(
                description: "machine '\(machine.name)' is not reached by ssh: put the program where its "
                    + "nodes see it, and say so in 'program:'")
        }
        let files = [executable] + NodeProgram.companions(of: executable) + libraries()
        let temporary = try RunFolder(for: .installation)
        defer { temporary.remove() }
        let packed = "\(temporary.path)/program.tar"
        let names = files.map { URL(fileURLWithPath: $0) }
            .flatMap { ["-C", $0.deletingLastPathComponent().path, $0.lastPathComponent] }
        let tar = try ShortCommand.run(
            [try ChildProcess.find("tar"), "-chf", packed] + names, seconds: 120)
        guard tar.status == 0 else { throw MachineFault(description: "tar: \(tar.errors)") }
        let input = posix_open_for_reading(packed)
        defer { close(input) }
        let parent = AgentScript.installed
        let folder = "\(parent)/\(MachineFacts.build(of: executable))"
        // Runs of other builds may yet start processes there: the newest few stay.
        let unpack = "rm -rf \(folder) && mkdir -p \(folder) && tar -xf - -C \(folder) "
            + "&& chmod 755 \(folder)/personalive && touch \(folder) "
            + "&& cd \(parent) && ls -1t | tail -n +\(keptBuilds + 1) | xargs -r rm -rf --"
        let outcome = try ShortCommand.run(
            try SSHLauncher.client(host, options) + [unpack], input: input, seconds: 600)
        guard outcome.status == 0 else {
            throw MachineFault(
                description: "machine '\(machine.name)' (ssh \(host)): nothing could be copied there: "
                    + outcome.errors)
        }
        let size = (try? FileManager.default.attributesOfItem(atPath: executable)[.size] as? Int) ?? 0
        return "\(files.count) files (\(size / 1_000_000) MB program) into ~/\(folder)"
    }

    /// Libraries that this process has loaded and no package of the system brings.
    private static func libraries() -> [String] {
        // Foundation takes the first piece of such a file for the whole.
        let file = posix_open_for_reading("/proc/self/maps")
        defer { if file >= 0 { close(file) } }
        let maps = String(decoding: ShortCommand.available(file), as: UTF8.self)
        let paths = maps.split(separator: "\n").compactMap { line in
            line.firstIndex(of: "/").map { String(line[$0...]) }
        }
        let own = paths.filter { path in
            path.contains(".so") && !path.hasPrefix("/lib") && !path.hasPrefix("/usr/lib/x86_64")
                && !path.hasPrefix("/usr/lib/aarch64") && !path.hasPrefix("/usr/local/lib/x86")
        }
        return Set(own).sorted()
    }
}

/// What is wrong with a machine.
package struct MachineFault: Error, CustomStringConvertible {
    package let description: String
}

extension RunPlan.PlannedNode {
    /// A node that stands for all of a machine's.
    fileprivate static func probe(on machine: String, cores: Int) -> Self {
        var node = RunPlan.PlannedNode(
            name: "probe", kind: "probe",
            configuration: NodeConfiguration(
                name: "probe", settings: Settings([:], cores: cores), inputs: [], outputs: []))
        node.machine = machine
        return node
    }
}

extension RunPlan {
    /// Two nodes that only measure what gets from one machine to another.
    ///
    /// - Parameters:
    ///   - bytes: of one payload.
    ///   - count: how many.
    package static func link(
        from: String, to: String, machines: [Machine], bytes: Int, count: Int, folder: String
    ) -> RunPlan {
        let input = NodeConfiguration.Input(
            port: "data", producer: "source", producerPort: "data",
            endpoint: NodeConfiguration.endpoint(of: "source", in: folder), keep: .all, window: 4)
        let output = NodeConfiguration.Output(
            port: "data", consumer: "sink", consumerPort: "data", keep: .all, window: 4)
        let settings: [String: SettingValue] = ["bytes": .integer(bytes), "count": .integer(count)]
        var source = PlannedNode(
            name: "source", kind: "test-source",
            configuration: NodeConfiguration(
                name: "source", settings: Settings(settings), inputs: [], outputs: [output]))
        var sink = PlannedNode(
            name: "sink", kind: "test-sink",
            configuration: NodeConfiguration(
                name: "sink", settings: Settings([:]), inputs: [input], outputs: []))
        (source.machine, sink.machine) = (from, to)
        var plan = RunPlan(name: "doctor", graph: "-", nodes: [source, sink], folder: folder)
        plan.machines = machines
        for machine in machines { plan.addresses[machine.name] = machine.address }
        plan.isInsecure = machines.contains { [from, to].contains($0.name) && $0.isInsecure }
        return plan
    }
}
