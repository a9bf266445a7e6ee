import ArgumentParser
import BuiltinNodes
import Dataflow
import Foundation
import Launch
import Models
import Networks
import NodeKit
import Tensors

/// `personalive doctor`: whether a graph's machines have all that the graph needs.
struct DoctorCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract:
            "Looks at each machine of a graph: reached, same program, files; and at each link.",
        discussion: """
            For every machine: that it can be reached without a question asked, that its program is \
            this one and finds its libraries, and that the weights and files that its nodes read are \
            there, with the same contents as here; that the devices on which its nodes compute can be \
            used, and have memory for all of them together; that what its plugins list as 'requirements' is \
            there. For every pair of machines with an edge between \
            them: that the edge connects as it will in the run, with keys, and how fast it is. Of what \
            nodes read here only the networks that find faces may be missing: that is a fault, too, as \
            is a device here that cannot be used, and a plugin's requirement that is not there.

            Exit codes: 0 all is well, 1 something is not, 2 the file cannot be read, 64 the command \
            line is wrong.
            """)

    @Argument(help: "The graph file.", completion: .file(extensions: ["yaml", "yml"]))
    var file: String

    @OptionGroup var settings: GraphSettings

    @Flag(
        help: """
            Copy this program to machines that are reached by ssh and have none, or another one; install what \
            plugins list as requirements and a machine has not, here too, into folders of their own.
            """)
    var install = false

    @Option(help: "Megabytes that are sent over each link to measure it.")
    var megabytes = 32

    func validate() throws {
        guard megabytes > 0 else { throw ValidationError("--megabytes must be more than 0") }
    }

    func run() throws {
        let check = GraphFile.check(
            path: file, overrides: settings.overrides,
            registry: PluginFolders.load(besides: file).registry)
        FileHandle.standardError.write(Data(check.text.utf8))
        guard let graph = check.graph else { throw ExitCode(check.isReadable ? 1 : 2) }
        var faults = lackOfFaces(graph) + tryDevicesHere(graph)
        for plugin in graph.requiringPlugins(on: graph.localMachines) {
            faults += lookForRequirements(before: "here: ") {
                try PluginRequirements.look(
                    for: plugin, installs: install, executable: Personalive.executable)
            }
        }
        for refusal in MemoryPlan(graph, freeOfGPU: { _ in nil }).gpuRefusals {
            faults += fault(refusal.trimmingCharacters(in: .newlines))
        }
        for machine in graph.remoteMachines {
            faults += look(at: machine, graph)
        }
        if faults == 0 { for link in graph.links { faults += measure(link, graph) } }
        print(faults == 0 ? "all is well" : "\(faults) \(faults == 1 ? "fault" : "faults")")
        if faults > 0 { throw ExitCode(1) }
    }

    /// Where nodes run here, the networks that find faces; nothing else that they read may be missing
    /// from a graph without faults.
    private func lackOfFaces(_ graph: CheckedGraph) -> Int {
        let here = graph.localMachines
        for node in graph.nodes where here.contains(node.machine) && !node.faceFiles.isEmpty {
            let folder = node.settings[FaceCropNode.networks]
            guard let lack = FaceModel.lack(of: folder) else { continue }
            return fault(
                "node '\(node.name)' does not look for faces: \(lack); "
                    + "'personalive models pull face --folder \(folder)' fetches them")
        }
        return 0
    }

    /// Devices on which nodes compute here.
    private func tryDevicesHere(_ graph: CheckedGraph) -> Int {
        let devices = demands(graph, on: graph.localMachines)
        guard !devices.isEmpty else { return 0 }
        do {
            return report(
                try MachineCheck.tryDevices(devices, executable: Personalive.executable),
                before: "here: ")
        } catch { return fault("\(error)") }
    }

    /// Words of the devices, other than the processor itself, on which nodes compute on some machines. A
    /// GPU's has the bytes that all its nodes take together, which are printed node by node.
    private func demands(_ graph: CheckedGraph, on machines: Set<String>) -> [String] {
        let words = graph.nodes.filter { machines.contains($0.machine) }
            .compactMap { BuiltinKinds.device(of: $0.spec.kind, $0.settings) }
        let plan = MemoryPlan(graph, freeOfGPU: { _ in nil })
        return Set(words).sorted().map { word in
            let places = plan.gpus.filter { machines.contains($0.machine) && $0.gpu == word }
            for place in places { print("\(place.machine): \(word) needed for \(plan.shares(of: place))") }
            let needed = places.reduce(0) { $0 + $1.needed_bytes }
            return needed > 0 ? "\(word)=\(needed)" : word
        }
    }

    /// - Returns: the number of faults.
    private func report(_ found: MachineCheck.Trial, before: String) -> Int {
        for line in found.lines { print(before + line) }
        return found.isWell ? 0 : 1
    }

    /// - Returns: the number of faults.
    private func lookForRequirements(before: String, _ look: () throws -> MachineCheck.Trial) -> Int {
        do {
            let found = try look()
            guard !found.isWell else { return report(found, before: before) }
            return found.lines.reduce(0) { $0 + fault(before + $1) }
        } catch { return fault("\(before)\(error)") }
    }

    // MARK: Machines

    /// - Returns: the number of faults, each of which was printed.
    private func look(at machine: Machine, _ graph: CheckedGraph) -> Int {
        do {
            return try findings(of: machine, graph, installs: install)
        } catch {
            guard install, case .ssh = machine.launcher else { return fault("\(error)") }
            do {
                print("\(machine.name): \(error)")
                print(
                    "\(machine.name): copied \(try MachineCheck.install(Personalive.executable, on: machine))"
                )
                return try findings(of: machine, graph, installs: false)
            } catch { return fault("\(error)") }
        }
    }

    private func findings(
        of machine: Machine, _ graph: CheckedGraph, installs: Bool
    ) throws -> Int {
        let nodes = graph.nodes.filter { $0.machine == machine.name }
        let check = try MachineCheck(
            machine, cores: max(1, nodes.reduce(0) { $0 + $1.cores }),
            executable: Personalive.executable)
        let found = try check.reach()
        let memory = found.memory.map { ", \(MemoryPlan.text($0)) free" } ?? ""
        print(
            "\(machine.name) (\(check.place)): reached in \(String(format: "%.1f", found.seconds)) s, "
                + "host \(found.hostname)\(found.address.map { " at \($0)" } ?? ""), \(found.cores) cores\(memory)"
        )
        var faults = 0
        if found.isSameBuild {
            print("  program: the same as here; libraries: found")
        } else if installs {
            print(
                "  program: another build; copied \(try MachineCheck.install(Personalive.executable, on: machine))"
            )
            return try findings(of: machine, graph, installs: false)
        } else {
            faults += fault(
                "  program: another build than here: "
                    + (install
                        ? "'program:' of the machine names it"
                        : "'--install' copies this one there"))
        }
        let devices = demands(graph, on: [machine.name])
        if !devices.isEmpty { faults += report(try check.tryDevices(devices), before: "  ") }
        faults += compare(try check.inspect(nodes.flatMap(\.files)), machine)
        for plugin in graph.requiringPlugins(on: [machine.name]) {
            faults += lookForRequirements(before: "  ") {
                try check.lookForRequirements(of: plugin, installs: install)
            }
        }
        return faults
    }

    /// Files there, with what the same path has here.
    private func compare(_ files: [MachineCheck.File], _ machine: Machine) -> Int {
        var faults = 0
        for file in files {
            guard let bytes = file.bytes, let checksum = file.checksum else {
                faults += fault("  \(file.path): is not there: copy it to '\(machine.name)'")
                continue
            }
            let size = MemoryPlan.text(max(bytes, 1))
            guard let own = Checksum.sha256(of: file.path) else {
                print(
                    "  \(file.path): there, \(size), SHA-256 \(checksum.prefix(12))…; not here to compare"
                )
                continue
            }
            if own == checksum {
                print("  \(file.path): there, \(size), the same as here")
            } else {
                faults += fault(
                    "  \(file.path): differs from the one here (SHA-256 \(checksum.prefix(12))… there, "
                        + "\(own.prefix(12))… here): copy one of them to the other machine")
            }
        }
        return faults
    }

    // MARK: Links

    /// Runs two nodes that measure the way from one machine to the other.
    private func measure(_ link: CheckedGraph.Link, _ graph: CheckedGraph) -> Int {
        do {
            let folder = try RunFolder(for: .trial)
            defer { folder.remove() }
            let plan = RunPlan.link(
                from: link.from, to: link.to, machines: graph.machines, bytes: 1_000_000,
                count: megabytes, folder: folder.path)
            let supervisor = try Supervisor(
                plan, executable: Personalive.executable, display: RunDisplay(quiet: true))
            if case .failed(let failure) = supervisor.run() { throw failure }
            let snapshot = supervisor.snapshot
            let sink = snapshot.nodes.first { $0.name == "sink" }?.report
            let bytes = sink?.inputs.reduce(0) { $0 + $1.bytes } ?? 0
            let seconds = sink.map { $0.busy + $0.waitingForInput } ?? snapshot.seconds
            print(
                "\(link.from) → \(link.to): connects"
                    + (plan.isInsecure ? " WITHOUT ENCRYPTION" : " with this run's keys") + ", "
                    + String(
                        format: "%.0f Mbit/s over %.1f s, ",
                        Double(bytes) * 8 / 1e6 / max(seconds, 1e-3),
                        seconds)
                    + "for \(link.edges) of the graph's edges")
            return 0
        } catch let failure as NodeFailure {
            return fault("\(link.from) → \(link.to): \(failure.description)")
        } catch { return fault("\(link.from) → \(link.to): \(error)") }
    }

    private func fault(_ text: String) -> Int {
        print("✗ " + text)
        return 1
    }
}

extension CheckedGraph {
    /// A way from one machine to another that edges of the graph take.
    struct Link: Hashable {
        let from, to: String
        var edges = 0
    }

    var links: [Link] {
        var links: [Link] = []
        for edge in edges {
            guard let from = node(edge.from.node)?.machine, let to = node(edge.to.node)?.machine,
                from != to
            else { continue }
            if let index = links.firstIndex(where: { ($0.from, $0.to) == (from, to) }) {
                links[index].edges += 1
            } else {
                links.append(Link(from: from, to: to, edges: 1))
            }
        }
        return links
    }

    /// Names of what is this machine.
    var localMachines: Set<String> { Set(machines.filter { $0.launcher == .local }.map(\.name)) }

    /// Plugins of nodes on some machines that list what they need, each once.
    func requiringPlugins(on machines: Set<String>) -> [Plugin] {
        let plugins = nodes.filter { machines.contains($0.machine) }.compactMap(\.plugin)
            .filter { $0.requirements != nil }
        return plugins.enumerated()
            .filter { index, plugin in !plugins[..<index].contains { $0.file == plugin.file } }
            .map(\.element)
    }

    /// Machines that nodes run on and that have to be reached.
    var remoteMachines: [Machine] {
        machines.filter { machine in
            machine.launcher != .local && nodes.contains { $0.machine == machine.name }
        }
    }
}

extension CheckedNode {
    /// Paths of files that it reads, and of a plugin's own.
    var files: [String] {
        let own =
            plugin.map { plugin in
                plugin.command.filter { $0.hasPrefix(plugin.folder + "/") }
            } ?? []
        return own + faceFiles
            + spec.settings.compactMap { setting -> String? in
                guard [.inputFile, .inputMedia, .weights].contains(setting.type),
                    case .text(let path)? = values[setting.name],
                    !path.contains("://"), path != "synthetic"
                else { return nil }
                return path
            }
    }
}
