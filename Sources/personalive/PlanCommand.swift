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
            size (512x512 for FLUX.2's tiny autoencoder). 'edges' are frames: those that a node keeps \
            in case their consumer is killed, and those in shared memory.

            For a live graph it works out the oldest that a frame can be, from how long each node \
            takes ('takes:' in the graph, or measured: '--from'), the windows of its edges, and 1 ms \
            for each transfer; a graph that cannot meet its 'latency_budget:' is refused.

            Exit codes: 0 the graph fits, 1 it does not or has faults, 2 the file cannot be read, 64 \
            the command line is wrong.
            """)

    @Argument(help: "The graph file.", completion: .file(extensions: ["yaml", "yml"]))
    var file: String

    @OptionGroup var settings: GraphSettings

    @Option(help: "What 'personalive run --json' printed of a run of this graph: how long nodes take.")
    var from: String?

    @Option(help: "Frames a second, for what crosses links; without it what the source says, or 25.")
    var rate: Double?

    @Flag(help: "Print one JSON object.")
    var json = false

    private struct Report: Codable {
        var nodes: [MemoryPlan.Line]
        var machines: [MemoryPlan.Place]
        var age: Age?
        var links: [TrafficPlan.Line]
        var links_fps: Double
    }

    private struct Age: Codable {
        struct Hop: Codable {
            var node: String
            var edge: String?
            var wait_ms: Double
            var work_ms: Double
            var age_ms: Double
        }

        var worst_ms: Double
        var budget_ms: Double?
        var path: [Hop]
        /// Nodes of which nobody said how long they take.
        var unknown: [String]

        init(_ plan: AgePlan) {
            func ms(_ time: Duration) -> Double { time / .milliseconds(1) }
            worst_ms = ms(plan.worst)
            budget_ms = plan.budget.map(ms)
            unknown = plan.unknown
            path = plan.path.map {
                Hop(
                    node: $0.node, edge: $0.edge, wait_ms: ms($0.wait), work_ms: ms($0.work),
                    age_ms: ms($0.age))
            }
        }
    }

    func run() throws {
        let check = GraphFile.check(
            path: file, overrides: settings.overrides,
            registry: PluginFolders.load(besides: file).registry)
        FileHandle.standardError.write(Data(check.text.utf8))
        guard let graph = check.graph else { throw ExitCode(check.isReadable ? 1 : 2) }
        let earlier = try earlierRun()
        let plan = MemoryPlan(graph, rate: rate, measured: earlier?.traffic ?? [:])
        let traffic = TrafficPlan(graph, rate: rate, measured: earlier?.traffic ?? [:])
        let ages = graph.mode == .live ? AgePlan(graph, times: earlier?.times ?? [:]) : nil
        if json {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
            let report = Report(nodes: plan.lines, machines: plan.places, age: ages.map(Age.init), links: traffic.lines,
                links_fps: traffic.rate)
            print(String(decoding: try encoder.encode(report), as: UTF8.self))
        } else {
            print(plan.text)
            if !traffic.lines.isEmpty { print("\n\(traffic.text)") }
            if let ages { print("\n\(ages.text)") }
        }
        let refusals = [graph.placementRefusal, plan.refusal, ages?.refusal].compactMap { $0 }
        guard !refusals.isEmpty else { return }
        FileHandle.standardError.write(Data(refusals.joined().utf8))
        throw ExitCode(1)
    }

    /// What 'run --json' printed of an earlier run.
    private struct Run: Codable {
        struct Node: Codable {
            struct Hop: Codable {
                var port: String
                var received: Int
                var bytes: Int
            }
            var name: String
            var ticks: Int
            var busy_s: Double
            var hops: [Hop]?
        }
        var seconds: Double?
        var nodes: [Node]

        /// How long a tick of each node took.
        var times: [String: Duration] {
            let times = nodes.filter { $0.ticks > 0 }
                .map { ($0.name, Duration.seconds($0.busy_s / Double($0.ticks))) }
            return Dictionary(times) { first, _ in first }
        }

        /// What came in at each input.
        var traffic: [String: TrafficPlan.Measured] {
            var traffic: [String: TrafficPlan.Measured] = [:]
            for node in nodes {
                for hop in node.hops ?? [] where hop.received > 0 {
                    traffic["\(node.name).\(hop.port)"] = .init(
                        messageBytes: Double(hop.bytes) / Double(hop.received),
                        messagesPerSecond: Double(hop.received) / max(seconds ?? 0, 1e-3))
                }
            }
            return traffic
        }
    }

    private func earlierRun() throws -> Run? {
        guard let from else { return nil }
        guard let data = FileManager.default.contents(atPath: from),
            let run = try? JSONDecoder().decode(Run.self, from: data)
        else {
            throw ValidationError("\(from) is not what 'personalive run --json' prints")
        }
        return run
    }
}
