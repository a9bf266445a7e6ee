import ArgumentParser
import Foundation

/// `personalive-bench live`: what the runtime promises of running graphs, measured in one go.
///
/// Each measurement has its file and says what it found as names and numbers; the command only
/// collects them, in this order, into one object.
struct LiveBench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "live",
        abstract: "Measures ages, swaps and recoveries of running graphs.")

    @Option(help: "Where the kills and swaps fall; the same seed repeats them.")
    var seed: UInt64 = 1

    @Flag(help: "Print one JSON object.")
    var json = false

    @Option(help: "Only measurements that have this word in their name; may be repeated.")
    var only: [String] = []

    @Option(help: "How many swaps, one after the other.")
    var swaps = 5

    @Option(help: ArgumentHelp("How long each new process takes to load.", valueName: "ms"))
    var load = 3000

    /// One measurement: what it found by name, such as `swap_lost`.
    typealias Measure = @Sendable (_ seed: UInt64) throws -> [String: Double]

    /// Every measurement, in the order in which they are made.
    private var measurements: [(name: String, measure: Measure)] {
        [
            ("ages over ipc and over tcp", LiveAges.measure),
            ("a camera six times faster than the graph", LiveAges.overload),
            (
                "swaps under load",
                { [swaps, load] _ in try SwapMeasurement.measure(count: swaps, load: load) }
            ),
            ("kills, stalls and swaps", { try KillMeasurement.offline(seed: $0, messages: 2000) }),
            ("recovery of a live graph", { _ in try KillMeasurement.live() }),
        ]
    }

    func validate() throws {
        guard swaps > 0, load >= 0 else { throw ValidationError("--swaps is at least 1, --load 0") }
    }

    func run() throws {
        var measurement = Measurement("live", json: json)
        var found: [String: Double] = ["seed": Double(seed)]
        for (name, measure) in measurements
        where only.isEmpty || only.contains(where: { name.contains($0) }) {
            measurement.note("measuring \(name) …")
            let figures = try measure(seed)
            for (name, value) in figures.sorted(by: { $0.key < $1.key }) {
                measurement.show("\(name): \(value.formatted())")
            }
            found.merge(figures) { _, new in new }
        }
        try measurement.finish(found)
    }
}
