import ArgumentParser
import Foundation
import Launch
import NodeKit
import Wire

/// How long a tensor takes from one node's process to another's.
struct TransportBench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "transport",
        abstract:
            "Node to node on this machine: latency from before the sender writes or copies until "
            + "the receiving node has read every byte, by payload size.")

    @Option(help: "Messages per size.")
    var count = 1000

    @Flag(help: "Print one JSON object.")
    var json = false

    /// Paced like `bench/dataflow` of other runtimes: bytes and messages per second.
    private static let rows: [(bytes: Int, rate: Double)] = [
        (0, 333), (65_536, 333), (786_432, 167), (4_194_304, 83), (21_000_000, 16.7),
    ]

    private struct Row: Codable {
        var bytes: Int
        var writes: String
        var p50_ms, p95_ms, p99_ms: Double
        var received: Int
    }

    func run() throws {
        var measurement = Measurement("transport", json: json)
        var results: [Row] = []
        measurement.show("    bytes  written   p50 ms   p95 ms   p99 ms")
        for row in Self.rows {
            for copy in [true, false] {
                let result = try measure(bytes: row.bytes, rate: row.rate, copy: copy)
                results.append(result)
                measurement.show(
                    String(
                        format: "%9d  %@  %7.3f  %7.3f  %7.3f", row.bytes,
                        copy ? "copied  " : "in place", result.p50_ms, result.p95_ms,
                        result.p99_ms))
            }
        }
        try measurement.finish(results)
    }

    private func measure(bytes: Int, rate: Double, copy: Bool) throws -> Row {
        let messages = min(count, bytes > 10_000_000 ? count / 4 : count)
        let (snapshot, _) = try BenchGraph.run(
            stages: 0, keep: .all,
            source: [
                "bytes": .integer(bytes), "count": .integer(messages), "rate": .number(rate),
                "copy": .flag(copy),
            ], sink: ["read": .flag(true)])
        return Row(
            bytes: bytes, writes: copy ? "copied" : "in place",
            p50_ms: snapshot.age.percentile(0.5) ?? 0, p95_ms: snapshot.age.percentile(0.95) ?? 0,
            p99_ms: snapshot.age.percentile(0.99) ?? 0, received: snapshot.framesOut)
    }
}

/// How long a graph of stub nodes takes from the command to its first message at the sink.
struct StartupBench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "startup",
        abstract: "From the start of the supervisor to the first message at the sink.")

    @Option(help: "How many nodes.")
    var nodes = 6

    @Option(help: "How often.")
    var runs = 8

    @Flag(help: "Print one JSON object.")
    var json = false

    private struct Results: Codable {
        var nodes: Int
        /// Milliseconds until the sink has its first message, of each run, ascending.
        var first_ms: [Double]
        var median_ms: Double
    }

    func validate() throws {
        guard nodes >= 2, runs >= 1 else {
            throw ValidationError("a graph has at least 2 nodes, and runs are counted from 1")
        }
    }

    func run() throws {
        var measurement = Measurement("startup", json: json)
        var times: [Double] = []
        for _ in 0..<runs {
            let began = DispatchTime.now().uptimeNanoseconds
            let (snapshot, supervisor) = try BenchGraph.run(
                stages: nodes - 2, keep: .all,
                source: ["bytes": .integer(64), "count": .integer(1)])
            let total = Double(DispatchTime.now().uptimeNanoseconds - began) / 1e6
            let first = Double(supervisor.startupTime) / 1e6 + (snapshot.age.percentile(0.5) ?? 0)
            times.append(first)
            measurement.show(
                String(format: "first message after %.0f ms, all over after %.0f ms", first, total))
        }
        times.sort()
        let median = times[times.count / 2]
        measurement.show(String(format: "%d nodes: median %.0f ms", nodes, median))
        try measurement.finish(Results(nodes: nodes, first_ms: times, median_ms: median))
    }
}

/// A chain of test nodes, run by the real supervisor.
enum BenchGraph {
    static func run(
        stages: Int, keep: Keep, source: [String: SettingValue], sink: [String: SettingValue] = [:]
    ) throws -> (RunSnapshot, Supervisor) {
        let folder = try RunFolder(for: .trial)
        defer { folder.remove() }
        let names = ["source"] + (0..<stages).map { "stage-\($0)" } + ["sink"]
        let nodes = names.enumerated().map { index, name in
            let kind =
                index == 0
                ? "test-source" : index == names.count - 1 ? "test-sink" : "test-stage"
            let settings = index == 0 ? source : index == names.count - 1 ? sink : [:]
            let inputs =
                index == 0
                ? []
                : [
                    NodeConfiguration.Input(
                        port: "data", producer: names[index - 1], producerPort: "data",
                        endpoint: NodeConfiguration.endpoint(
                            of: names[index - 1], in: folder.path), keep: keep, window: 2)
                ]
            let outputs =
                index == names.count - 1
                ? []
                : [
                    NodeConfiguration.Output(
                        port: "data", consumer: names[index + 1], consumerPort: "data",
                        keep: keep, window: 2)
                ]
            return RunPlan.PlannedNode(
                name: name, kind: kind,
                configuration: NodeConfiguration(
                    name: name, settings: Settings(settings), inputs: inputs,
                    outputs: outputs))
        }
        let supervisor = try Supervisor(
            RunPlan(name: "transport", graph: "-", nodes: nodes, folder: folder.path),
            executable: try MeasuredProgram.path(), display: RunDisplay(quiet: true))
        if case .failed(let failure) = supervisor.run() { throw failure }
        return (supervisor.snapshot, supervisor)
    }
}
