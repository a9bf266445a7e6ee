import Foundation
import Glibc

/// A graph whose source is a plugin that misbehaves: the run stays within bounds and names it.
struct PluginChaos {
    struct Outcome: Codable {
        let graph: String
        var seconds = 0.0
        var status: Int32 = 0
        /// What the supervisor's own memory grew by.
        var supervisor_growth_mb = 0.0
        /// What the run printed on standard error.
        var printed_mb = 0.0
        var faults: [String] = []

        var text: String {
            String(
                format: "%@: %.1f s, status %d, supervisor +%.1f MB, printed %.1f MB", graph,
                seconds,
                status, supervisor_growth_mb, printed_mb)
                + faults.map { "\n  BROKEN \($0)" }.joined()
        }
    }

    /// Seconds until the plugin has to be named: longer than its loop.
    private static let limit = 30.0
    private static let mostGrowth = 64.0
    private static let mostPrinted = 8.0

    private let how: Misbehaviour

    init(_ how: Misbehaviour) { self.how = how }

    func run() throws -> Outcome {
        var outcome = Outcome(graph: "plugin \(how.rawValue)")
        let plugins = "/tmp/personalive-bench-\(String(UInt32.random(in: 0 ... .max), radix: 36))"
        defer { try? FileManager.default.removeItem(atPath: plugins) }
        try write(in: plugins)
        let run = try DisturbedRun(
            """
            nodes:
              bad: { use: misbehaving, restart: { limit: 0 } }
              sink: { use: test-sink, in: { data: bad.data } }
            """, plugins: plugins)
        let began = ContinuousClock.now
        let isInterrupted = how.outcome == .interruptible
        watch(run, for: isInterrupted ? 4 : Self.limit, &outcome)
        if run.isRunning {
            if !isInterrupted { outcome.faults.append("not over after \(Int(Self.limit)) s") }
            run.interrupt()
            usleep(1_000_000)
            run.interrupt()
            if !run.isOver(within: 5) {
                outcome.faults.append("not over 5 s after the second Ctrl-C")
                run.abandon()
            }
        } else if isInterrupted {
            outcome.faults.append("it did not wait for the plugin")
        }
        if !run.areNodesGone { outcome.faults.append("processes outlive the run") }
        outcome.seconds = (ContinuousClock.now - began) / .seconds(1)
        outcome.status = run.finish().status
        judge(run.errors, &outcome)
        return outcome
    }

    private func write(in folder: String) throws {
        let place = "\(folder)/misbehaving"
        try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
        let text = """
            kind: misbehaving
            summary: A source that does one thing wrong.
            command: [\(MeasuredProgram.own), misbehave, \(how.rawValue)]
            outputs:
              data: { type: u8, axes: bytes, meaning: bytes }
            """
        try Data(text.utf8).write(to: URL(fileURLWithPath: "\(place)/node.yaml"))
    }

    /// Looks at the supervisor until the run is over, or for so many seconds.
    private func watch(_ run: DisturbedRun, for seconds: Double, _ outcome: inout Outcome) {
        let end = ContinuousClock.now + .seconds(seconds)
        var first = 0
        while run.isRunning, ContinuousClock.now < end {
            usleep(100_000)
            guard let figures = ProcessFigures(of: run.supervisor) else { continue }
            if first == 0 { first = figures.ownMemory }
            let growth = Double(figures.ownMemory - first) / 1e6
            outcome.supervisor_growth_mb = max(outcome.supervisor_growth_mb, growth)
        }
    }

    private func judge(_ errors: String, _ outcome: inout Outcome) {
        outcome.printed_mb = Double(errors.utf8.count) / 1e6
        if outcome.supervisor_growth_mb > Self.mostGrowth {
            outcome.faults.append(
                "the supervisor grew by \(Int(outcome.supervisor_growth_mb)) MB, at most "
                    + "\(Int(Self.mostGrowth)) are allowed")
        }
        if outcome.printed_mb > Self.mostPrinted {
            outcome.faults.append(
                "\(Int(outcome.printed_mb)) MB were printed, at most \(Int(Self.mostPrinted)) are allowed"
            )
        }
        if errors.contains("error: node 'sink'") {
            outcome.faults.append("the consumer is named: \(errors.suffix(300))")
        }
        let isNamed = outcome.status == 3 && errors.contains("error: node 'bad'")
        switch how.outcome {
        case .named where !isNamed, .bounded where !isNamed && outcome.status != 0:
            outcome.faults.append(
                "exit code \(outcome.status), and the plugin is not named: \(errors.suffix(300))")
        case .warned where outcome.status != 0 || !errors.contains("warning: bad:"):
            outcome.faults.append(
                "exit code \(outcome.status), and no warning names the plugin: \(errors.suffix(300))")
        default: break
        }
    }
}
