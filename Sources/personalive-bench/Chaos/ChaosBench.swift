import ArgumentParser
import Foundation

/// `personalive-bench chaos`: graphs that are killed, stopped and changed at random, and what came of
/// their frames.
struct ChaosBench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "chaos",
        abstract:
            "Kills, stops, swaps, adds and removes nodes of running graphs at random; no frame "
            + "may differ.",
        discussion: """
            Graphs: 'chain' (offline, its stages swapped, the graph itself changed), 'source-swaps' \
            (offline, its source swapped), 'drops' (live, a stage too slow for its source, which is \
            killed), 'live-swaps' (the same, its source and stage swapped), 'streams' (two streams in \
            one file), 'joins' (live, two branches of different delay, their source swapped), 'twins' \
            (two edges between the same two nodes), 'palette' (replicas, and edges with 'every', 'rate', \
            'when' and 'unless'), 'scenes' (live, two cameras and a switch between them), 'plugins' \
            (plugins that say too much, too little or what is not so). With --portrait: 'kills' and \
            'swaps' of the portrait graph.

            Sinks list what they get. A run is whole when the lists show every frame once, in order \
            and with its own payload, when the run's report says of every other frame on which edge it \
            was dropped and why, for each stream and sink, and when no count of 'status' went back.

            Exit codes: 0 all runs are whole; 1 one is not: BROKEN says what is wrong.
            """)

    @Option(help: "What happens when; the same seed repeats it.")
    var seed: UInt64 = 1

    @Option(help: "Messages of a run.")
    var messages = 10_000

    @Option(help: "Messages a second.")
    var rate = 200

    @Option(help: "Only this graph; may be repeated.")
    var graph: [String] = []

    @Option(help: "Go on with further seeds for so many minutes.")
    var minutes: Double = 0

    @Flag(help: "Print one JSON object.")
    var json = false

    @Flag(
        help: """
            The portrait graph with the model in Models/small instead: from the project's folder.
            """)
    var portrait = false

    /// What came of one run of any graph.
    private enum Outcome: Encodable {
        case messages(ChaosRun.Outcome)
        case plugin(PluginChaos.Outcome)
        case portrait(PortraitChaos.Outcome)

        func encode(to encoder: any Encoder) throws {
            switch self {
            case .messages(let outcome): try outcome.encode(to: encoder)
            case .plugin(let outcome): try outcome.encode(to: encoder)
            case .portrait(let outcome): try outcome.encode(to: encoder)
            }
        }

        var text: String {
            switch self {
            case .messages(let outcome): outcome.text
            case .plugin(let outcome): outcome.text
            case .portrait(let outcome): outcome.text
            }
        }

        var isWhole: Bool {
            switch self {
            case .messages(let outcome): outcome.faults.isEmpty
            case .plugin(let outcome): outcome.faults.isEmpty
            case .portrait(let outcome): outcome.faults.isEmpty
            }
        }
    }

    private var names: [String] {
        portrait ? ["kills", "swaps"] : ChaosGraph.all(rate: rate).map(\.name) + ["plugins"]
    }

    func validate() throws {
        guard messages >= 10, rate >= 2 else {
            throw ValidationError("--messages is at least 10, --rate at least 2")
        }
        for name in graph where !names.contains(name) {
            throw ValidationError(
                "there is no graph '\(name)'; there are \(names.joined(separator: ", "))")
        }
    }

    func run() throws {
        var measurement = Measurement("chaos", json: json)
        let end = ContinuousClock.now + .seconds(minutes * 60)
        let wanted = names.filter { graph.isEmpty || graph.contains($0) }
        let portraits = portrait ? try PortraitChaos() : nil
        var next = seed
        var outcomes: [Outcome] = []
        repeat {
            for name in wanted {
                for outcome in try run(name, next, portraits) {
                    measurement.show(outcome.text)
                    if json, !outcome.isWhole { measurement.note(outcome.text) }
                    outcomes.append(outcome)
                }
            }
            next += 1
        } while ContinuousClock.now < end
        try measurement.finish(outcomes)
        if !outcomes.allSatisfy(\.isWhole) { throw ExitCode(1) }
    }

    private func run(
        _ name: String, _ seed: UInt64, _ portraits: PortraitChaos?
    ) throws -> [Outcome] {
        if let portraits { return [.portrait(try portraits.run(name, seed: seed))] }
        if let graph = ChaosGraph.all(rate: rate).first(where: { $0.name == name }) {
            return [.messages(try ChaosRun(graph, seed: seed, messages: messages).finish())]
        }
        return try Misbehaviour.allCases.map { .plugin(try PluginChaos($0).run()) }
    }
}
