import BuiltinNodes
import Dataflow
import Foundation
import Layers
import NodeKit
import Tensors

/// What a graph's nodes will take of their machines' memory, before anything is loaded.
struct MemoryPlan {
    struct Line: Codable {
        let node: String
        let kind: String
        let machine: String
        let weights_bytes: Int
        let work_bytes: Int
        /// Frames in its journal and in shared memory, at their most.
        let edges_bytes: Int
        /// Weights, work, edges and the process itself.
        let peak_bytes: Int
        /// The GPU on which its networks compute, and what they take of it.
        var gpu: String?
        var gpu_bytes: Int?
    }

    struct Place: Codable {
        let machine: String
        let needed_bytes: Int
        /// Null where nobody said and it is not this machine.
        let available_bytes: Int?
        /// Cores that its nodes ask for, and that it has; null where nobody said.
        let needed_cores: Int
        let available_cores: Int?

        var fits: Bool { available_bytes.map { needed_bytes <= $0 } ?? true }
    }

    /// A GPU that nodes share, each in a process of its own.
    struct GPUPlace: Codable {
        let machine: String
        let gpu: String
        let needed_bytes: Int
        /// Null where nobody said and it is not this machine's.
        let available_bytes: Int?

        var fits: Bool { available_bytes.map { needed_bytes <= $0 } ?? true }
    }

    /// In the order of the graph.
    let lines: [Line]
    /// Machines that nodes run on.
    let places: [Place]
    /// GPUs that nodes compute on.
    let gpus: [GPUPlace]
    /// Outputs whose frames were reckoned at some size, since only the files tell how large they are.
    let assumed: [String]

    /// - Parameters:
    ///   - free: what this machine can give.
    ///   - freeOfGPU: what a GPU of this machine can give; nil where its driver does not say.
    ///   - rate: frames a second; what the graph's sources say if nil.
    ///   - measured: what a run of the graph has shown, by input.
    init(
        _ graph: CheckedGraph, free: Int? = MemoryPlan.availableHere,
        freeOfGPU: (String) -> Int? = MemoryPlan.availableOnGPU, rate: Double? = nil,
        measured: [String: TrafficPlan.Measured] = [:]
    ) {
        let rate = rate ?? TrafficPlan.ownRate(of: graph) ?? TrafficPlan.usualRate
        var assumed: [String] = []
        lines = graph.nodes.map { node in
            let estimate = BuiltinKinds.memory(of: node.kind, node.settings)
            let edges = EdgeMemory(of: node, in: graph, rate: rate, measured: measured)
            assumed += edges.assumed
            let gpu = BuiltinKinds.gpuMemory(of: node.kind, node.settings)
            return Line(
                node: node.name, kind: node.kind, machine: node.machine,
                weights_bytes: estimate?.weights ?? 0, work_bytes: estimate?.work ?? 0,
                edges_bytes: edges.bytes,
                peak_bytes: BuiltinKinds.emptyNode + (estimate?.total ?? 0) + edges.bytes,
                gpu: gpu?.device.description, gpu_bytes: gpu?.bytes)
        }
        self.assumed = assumed
        let lines = lines
        places = graph.machines.compactMap { machine in
            let own = lines.filter { $0.machine == machine.name }
            guard !own.isEmpty else { return nil }
            let limits = [machine.memory, machine.launcher == .local ? free : nil]
            return Place(
                machine: machine.name, needed_bytes: own.reduce(0) { $0 + $1.peak_bytes },
                available_bytes: limits.compactMap { $0 }.min(),
                needed_cores: graph.nodes.filter { $0.machine == machine.name }
                    .reduce(0) { $0 + $1.cores },
                available_cores: machine.cores
                    ?? (machine.launcher == .local ? ProcessInfo.processInfo.activeProcessorCount : nil))
        }
        gpus = graph.machines.flatMap { machine -> [GPUPlace] in
            let own = lines.filter { $0.machine == machine.name }
            return Set(own.compactMap(\.gpu)).sorted().map { gpu in
                let here = machine.launcher == .local ? freeOfGPU(gpu) : nil
                return GPUPlace(
                    machine: machine.name, gpu: gpu,
                    needed_bytes: own.reduce(0) { $0 + ($1.gpu == gpu ? $1.gpu_bytes ?? 0 : 0) },
                    available_bytes: [machine.gpuMemory, here].compactMap { $0 }.min())
            }
        }
    }

    /// The nodes that share a GPU and what each takes of it, the largest first: `denoiser 7.8 GB, …`.
    func shares(of place: GPUPlace) -> String {
        lines.filter { $0.machine == place.machine && $0.gpu == place.gpu }
            .sorted { ($0.gpu_bytes ?? 0) > ($1.gpu_bytes ?? 0) }
            .map { "\($0.node) \(Self.text($0.gpu_bytes ?? 0))" }.joined(separator: ", ")
    }

    /// Why the graph cannot run, or nil when it can.
    var refusal: String? {
        let faults = places.filter { !$0.fits }.map { place in
            let largest = lines.filter { $0.machine == place.machine }
                .max { $0.peak_bytes < $1.peak_bytes }!
            return "error: machine '\(place.machine)' has \(Self.text(place.available_bytes ?? 0)) "
                + "for this graph, which needs \(Self.text(place.needed_bytes)), most of it "
                + "node '\(largest.node)' (\(largest.kind)): \(Self.text(largest.peak_bytes))\n"
                + "  \(Self.advice(largest))\n"
        }
        let all = faults + gpuRefusals
        return all.isEmpty ? nil : all.joined()
    }

    /// The same of each GPU that has too little memory.
    var gpuRefusals: [String] {
        gpus.filter { !$0.fits }.map { place in
            "error: '\(place.gpu)' of machine '\(place.machine)' has "
                + "\(Self.text(place.available_bytes ?? 0)) for this graph, which needs "
                + "\(Self.text(place.needed_bytes)): \(shares(of: place))\n"
                + "  what helps: let a node compute on another GPU ('device: cuda:1'), on another machine "
                + "('machine:') or on 'device: cpu', take 'tiny-decoder' in place of 'vae-decoder', end what "
                + "else uses the GPU\n"
        }
    }

    private static func advice(_ line: Line) -> String {
        var advice = line.kind == "vae-decoder" ? ["take 'tiny-decoder' in its place"] : []
        if line.weights_bytes > 0 { advice.append("give it a smaller 'model:'") }
        return "what helps: "
            + (advice + [
                "let it run on another machine ('machine:')", "end what else takes memory",
            ]).joined(separator: ", ")
    }

    /// One line for each node, then one for each machine.
    var text: String {
        let width = max(4, lines.map(\.node.count).max() ?? 0)
        func row(_ name: String, _ columns: [String]) -> String {
            name.padding(toLength: width, withPad: " ", startingAt: 0)
                + columns.map { String(repeating: " ", count: max(1, 10 - $0.count)) + $0 }.joined()
        }
        var rows = [row("node", ["weights", "work", "edges", "peak"]) + "  kind"]
        rows += lines.map {
            row(
                $0.node,
                [$0.weights_bytes, $0.work_bytes, $0.edges_bytes, $0.peak_bytes].map(Self.text))
                + "  \($0.kind)"
        }
        rows += places.map(Self.summary)
        rows += gpus.map { place in
            "'\(place.gpu)' of machine '\(place.machine)': \(Self.text(place.needed_bytes)) needed"
                + (place.available_bytes.map { ", \(Self.text($0)) available" } ?? ", nobody said of how much")
                + "; \(shares(of: place))"
        }
        if !assumed.isEmpty {
            rows.append(
                "edges with pictures of \(EdgeMemory.side)x\(EdgeMemory.side) where only the files tell: "
                    + "'--from' the output of 'personalive run --json' says how large they were")
        }
        return rows.joined(separator: "\n")
    }

    private static func summary(_ place: Place) -> String {
        "machine '\(place.machine)': \(text(place.needed_bytes)) needed"
            + (place.available_bytes.map { ", \(text($0)) available" } ?? ", nobody said of how much")
            + "; \(place.needed_cores) cores asked for"
            + (place.available_cores.map { ", it has \($0)" } ?? "")
    }

    static func text(_ bytes: Int) -> String {
        bytes >= 1_000_000_000
            ? String(format: "%.1f GB", Double(bytes) / 1e9)
            : bytes == 0 ? "-" : String(format: "%.0f MB", Double(bytes) / 1e6)
    }

    /// What a GPU of this machine could give to new programs now; nil when its driver does not say.
    static func availableOnGPU(_ word: String) -> Int? {
        Device(word).flatMap { GPU($0) }.map { $0.free ?? $0.total }
    }

    /// What the kernel could give to new programs now, and this one's control group allows; nil when
    /// it does not say.
    static var availableHere: Int? {
        func contents(_ path: String) -> String? { try? String(contentsOfFile: path, encoding: .utf8) }
        /// The number behind a word at the beginning of a line.
        func number(_ word: String, in path: String) -> Int? {
            let line = contents(path)?.split(separator: "\n").first { $0.hasPrefix(word + " ") }
            return line?.split(separator: " ").dropFirst().first.flatMap { Int($0) }
        }
        func group(_ name: String) -> Int? {
            contents("/sys/fs/cgroup/" + name).flatMap { Int($0.filter(\.isNumber)) }
        }
        let free = number("MemAvailable:", in: "/proc/meminfo").map { $0 * 1024 }
        // Files that were read and are no more in use are given up when memory is asked for.
        let idle = number("inactive_file", in: "/sys/fs/cgroup/memory.stat") ?? 0
        let allowed = group("memory.max").map { $0 - (group("memory.current") ?? 0) + idle }
        return [free, allowed].compactMap { $0 }.min()
    }
}
