import ArgumentParser
import BuiltinNodes
import Dataflow
import Foundation

/// `personalive plan`: what a graph will take, before anything is loaded.
struct PlanCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plan",
        abstract: "States what runs where, what crosses the links, the memory it takes and how old "
            + "frames get, and refuses what cannot be.",
        discussion: """
            On several machines each edge between two of them has its bytes a message and Mbit/s; sizes \
            that only the files tell are taken from an earlier run ('--from').

            Weights are counted exactly. The working set is estimated for pictures of the model's \
            size (512x512 for FLUX.2's tiny autoencoder). GPUs have lines of their own, where the nodes that \
            share one are counted together; what a GPU has is 'gpu-memory:' of its machine, and here what \
            the driver says is free. 'edges' are frames: those that a node keeps \
            in case their consumer is killed, and those in shared memory.

            For a live graph it works out the oldest that a frame can be at each sink, from how long \
            each node takes ('takes:' in the graph, else measured: '--from'), the windows of its edges, \
            the time between two frames of its source, and what a busy machine adds. A time that nobody \
            declared or measured is unknown, and so is every age that depends on it. A graph that cannot \
            meet its 'latency_budget:' on an idle machine is refused. '--against' prints the bound of \
            each sink beside the ages that a run has shown.

            Exit codes: 0 the graph fits, 1 it does not or has faults, 2 the file cannot be read, 64 \
            the command line is wrong.
            """)

    @Argument(help: "The graph file.", completion: .file(extensions: ["yaml", "yml"]))
    var file: String

    @OptionGroup var settings: GraphSettings

    @Option(
        help: "What 'personalive run --json' printed of a run of this graph: how long nodes take.")
    var from: String?

    @Option(
        help: ArgumentHelp(
            "As --from, and prints each sink's bound beside its measured ages. A run that goes on is "
                + "given by its name.", valueName: "run"))
    var against: String?

    @Option(
        help: "Frames a second, for what crosses links; without it what the source says, or 25.")
    var rate: Double?

    @Flag(help: "Print one JSON object.")
    var json = false

    private struct Report: Encodable {
        /// Of this form: it grows by one when a member goes or means something else.
        var version = 1
        var nodes: [MemoryPlan.Line]
        var machines: [MemoryPlan.Place]
        var gpus: [MemoryPlan.GPUPlace]
        var age: AgeReport?
        var links: [TrafficPlan.Line]
        var links_fps: Double
    }

    func run() throws {
        let check = GraphFile.check(
            path: file, overrides: settings.overrides,
            registry: PluginFolders.load(besides: file).registry)
        let run = try measuredRun()
        // The table of ages says it, with what the run has shown.
        let faults = check.text(without: ["unproven-budget"])
        FileHandle.standardError.write(Data(faults.utf8))
        guard let graph = check.graph else { throw ExitCode(check.isReadable ? 1 : 2) }
        if against != nil, graph.mode != .live {
            throw ValidationError(
                "--against: \(file) is not 'mode: live', and only live graphs bound ages")
        }
        let plan = MemoryPlan(graph, rate: rate, measured: run?.traffic ?? [:])
        let traffic = TrafficPlan(graph, rate: rate, measured: run?.traffic ?? [:])
        let ages = graph.mode == .live ? AgePlan(graph, measured: run?.times ?? [:]) : nil
        let report = ages.map { AgeReport($0, graph, against: against == nil ? nil : run) }
        if json {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
            let whole = Report(
                nodes: plan.lines, machines: plan.places, gpus: plan.gpus, age: report, links: traffic.lines,
                links_fps: traffic.rate)
            print(String(decoding: try encoder.encode(whole), as: UTF8.self))
        } else {
            print(plan.text)
            if !traffic.lines.isEmpty { print("\n\(traffic.text)") }
            if let ages, let report { print("\n\(ages.text)\(report.comparison)") }
        }
        let refusals = [graph.placementRefusal, plan.refusal, ages?.refusal].compactMap { $0 }
        guard !refusals.isEmpty else { return }
        FileHandle.standardError.write(Data(refusals.joined().utf8))
        throw ExitCode(1)
    }

    private func measuredRun() throws -> MeasuredRun? {
        guard let name = against ?? from else { return nil }
        if let run = try MeasuredRun.named(name) { return run }
        throw ValidationError(
            "\(name) is neither what 'personalive run --json' printed nor a run that goes on")
    }
}
