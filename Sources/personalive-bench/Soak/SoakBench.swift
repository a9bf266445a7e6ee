import ArgumentParser
import Foundation
import Launch

/// `personalive-bench soak`: a live graph that is swapped and killed for an hour, and whether
/// anything grew.
struct SoakBench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "soak",
        abstract:
            "Runs a live graph for long, with swaps and kills, and says whether anything grows.",
        discussion: """
            Descriptors and memory of every process, shared memory, the log and ages are looked at \
            all the time. Each has a line through it: its growth in an hour, and the 95 % interval of that \
            ('uncertainty'). Flat is what is not shown to grow, or by less than a descriptor, a \
            megabyte or a millisecond in an hour.

            Exit codes: 0 every frame is accounted for and nothing grows; 1 not.
            """)

    @Option(help: "How long.")
    var minutes = 60.0

    @Option(help: "Where the kills fall; the same seed repeats them.")
    var seed: UInt64 = 1

    @Option(help: ArgumentHelp("Time between two swaps; 0 for none.", valueName: "s"))
    var swapEvery = 30.0

    @Option(help: ArgumentHelp("Mean time between two kills; 0 for none.", valueName: "s"))
    var killEvery = 300.0

    @Flag(help: "Print one JSON object.")
    var json = false

    func validate() throws {
        guard minutes >= 0.2, swapEvery >= 0, killEvery >= 0 else {
            throw ValidationError("--minutes is at least 0.2; times are not negative")
        }
    }

    func run() throws {
        var measurement = Measurement("soak", json: json)
        let soak = try Soak(
            minutes: minutes, seed: seed, swapEvery: swapEvery, killEvery: killEvery)
        let outcome = try soak.run()
        measurement.show(outcome.text)
        try measurement.finish(outcome)
        guard outcome.isWhole else { throw ExitCode(1) }
    }
}
