import Foundation
import Glibc
import Launch
import Tensors

/// One run of a graph under random disturbances, and what came of it.
final class ChaosRun {
    struct Outcome: Codable {
        let graph: String
        let seed: UInt64
        var messages = 0, lost = 0, twice = 0, unordered = 0, damaged = 0
        /// Frames that did not come where frames may be dropped.
        var dropped = 0
        var kills = 0, stalls = 0, swaps = 0, sets = 0, applies = 0, refused = 0
        /// Of any sink, in periods of its source.
        var longest_gap_periods = 0.0
        var status: Int32 = 0
        /// Why changes were refused, each reason once.
        var refusals: [String] = []
        /// What is not as it has to be, in words; empty when all is well.
        var faults: [String] = []

        var isWhole: Bool { faults.isEmpty }

        fileprivate mutating func refuse(_ reason: String) {
            refused += 1
            // A process's number in its name makes no other reason.
            let reason = reason.replacing(/~[0-9]+/, with: "")
            if !refusals.contains(reason) { refusals.append(reason) }
        }

        var text: String {
            let figures = [
                "\(graph): seed \(seed)", "messages \(messages)", "lost \(lost)", "twice \(twice)",
                "unordered \(unordered)", "damaged \(damaged)", "dropped \(dropped)",
                "kills \(kills)", "stalls \(stalls)", "swaps \(swaps)", "sets \(sets)",
                "applies \(applies)",
                "refused \(refused)",
                String(format: "longest gap %.0f periods", longest_gap_periods),
                "status \(status)",
            ]
            return figures.joined(separator: ", ") + refusals.map { "\n  refused: \($0)" }.joined()
                + faults.map { "\n  BROKEN \($0)" }.joined()
        }
    }

    private let graph: ChaosGraph
    private let messages: Int
    private let run: DisturbedRun
    private var dice: SeededDice
    private var counts = EdgeCounts()
    private var outcome: Outcome
    private var sourceSwaps = 0
    /// Frames that have to come before an endless run is ended: some of each new source's, too.
    private var wanted: Int
    private var isLonger = false

    /// Seconds that a run may take besides the time that its messages take.
    private static let grace = 120.0

    init(_ graph: ChaosGraph, seed: UInt64, messages: Int) throws {
        (self.graph, self.messages, wanted) = (graph, messages, messages)
        dice = SeededDice(seed: seed)
        outcome = Outcome(graph: graph.name, seed: seed)
        run = try DisturbedRun(graph.text(messages: messages))
    }

    func finish() throws -> Outcome {
        try run.connect()
        let first = graph.sinks[0]
        let limit = Double(messages) / first.rate * 3 + Self.grace
        let end = ContinuousClock.now + .seconds(limit)
        _ = run.wait { !run.arrivals(in: "\(first.name).txt").isEmpty }
        while run.isRunning {
            usleep(UInt32(Double.random(in: graph.pause, using: &dice) * 1e6))
            if graph.isEndless, sourceSwaps > 0 || !graph.swapsSources, sent >= wanted { break }
            guard ContinuousClock.now < end else {
                outcome.faults.append("not over after \(Int(limit)) s")
                break
            }
            try disturb()
        }
        if graph.isEndless || ContinuousClock.now >= end { run.interrupt() }
        if !run.isOver(within: 30) {
            outcome.faults.append("not over 30 s after Ctrl-C")
            run.abandon()
        }
        if !run.areNodesGone { outcome.faults.append("processes outlive the run") }
        judge()
        return outcome
    }

    /// The last frame that has come to the first sink.
    private var sent: Int {
        run.arrivals(in: "\(graph.sinks[0].name).txt").last.map { Int($0.frame) + 1 } ?? 0
    }

    // MARK: Disturbances

    private func disturb() throws {
        let chosen = graph.disturbances.randomElement(using: &dice)!
        // Drawn for every disturbance alike, so that a seed's order does not hang on replies.
        let (value, pause) = (
            Int.random(in: 0...11, using: &dice), Double.random(in: 0...1, using: &dice)
        )
        let victim = graph.nodes.randomElement(using: &dice)!
        guard let status = run.status, status.state == "running" else { return }
        counts.look(at: status)
        func process(_ name: String) -> Int32? {
            status.nodes.first { $0.name == name && $0.state != "ended" }?.pid
        }
        switch chosen {
        case .kill(let name):
            if let pid = process(name), kill(pid, SIGKILL) == 0 { outcome.kills += 1 }
        case .stall(let name):
            guard let pid = process(name), kill(pid, SIGSTOP) == 0 else { return }
            outcome.stalls += 1
            usleep(UInt32(20_000 + pause * 180_000))
            kill(pid, SIGCONT)
        case .swap(let name, let kind, let setting, let values):
            let settings = [setting: values[value % values.count]]
            if let refusal = run.replace(name, kind: kind, settings: settings) {
                return outcome.refuse(refusal)
            }
            outcome.swaps += 1
            guard kind == "test-source" else { return }
            sourceSwaps += 1
            wanted = max(wanted, sent + Int(graph.sinks[0].rate / 4))
        case .set(let name, let values):
            if let refusal = run.set([name: values[value % values.count]]) {
                return outcome.refuse(refusal)
            }
            outcome.sets += 1
        case .apply: try apply(killing: victim, after: pause * 0.15)
        }
    }

    /// A stage is put before the sink, or taken out again, and a node is killed meanwhile.
    private func apply(killing victim: String, after pause: Double) throws {
        let file = "\(run.folder)/other.yaml"
        let text = graph.text(messages: messages, isLonger: !isLonger)
        try Data(text.replacing("FOLDER", with: run.folder).utf8).write(
            to: URL(fileURLWithPath: file))
        let change = Change(file, of: run.name)
        usleep(UInt32(pause * 1e6))
        if let node = run.status?.nodes.first(where: { $0.name == victim }), node.state != "ended",
            kill(node.pid, SIGKILL) == 0
        {
            outcome.kills += 1
        }
        if let refusal = change.refusal { return outcome.refuse(refusal) }
        outcome.applies += 1
        isLonger.toggle()
    }

    /// A change that is asked for on a thread of its own, so that it can be disturbed.
    private final class Change: @unchecked Sendable {
        // Unchecked because the result is read after the thread has signalled its end.
        private let end = DispatchSemaphore(value: 0)
        private var reason: String?

        init(_ file: String, of run: String) {
            Thread.detachNewThread { [self] in
                reason = DisturbedRun.apply(file, to: run)
                end.signal()
            }
        }

        /// Waits for what comes of it: nil when it was made.
        var refusal: String? {
            end.wait()
            return reason
        }
    }

    // MARK: The oracle

    private func judge() {
        let (status, report) = run.finish()
        outcome.status = status
        let expected: Int32 = graph.isEndless ? 130 : 0
        if status != expected {
            outcome.faults.append("exit code \(status), not \(expected): \(run.errors.suffix(500))")
        }
        outcome.faults += counts.faults
        if outcome.kills + outcome.stalls + outcome.swaps + outcome.applies == 0 {
            outcome.faults.append("nothing was done to it: more --messages are needed")
        }
        let account = RunAccount(report)
        // Streams that end in a node, as at a switch, have no list, but a balance.
        for balance in account.balances where balance.unaccounted != 0 {
            outcome.faults.append(
                "\(balance.source) → \(balance.sink): \(balance.unaccounted) frames unaccounted")
        }
        for sink in graph.sinks {
            let arrivals = run.arrivals(in: "\(sink.name).txt")
            var oracle = ArrivalOracle(bytes: ChaosGraph.bytes)
            let limit = arrivals.map(\.frame).max().map { Int($0) + 1 } ?? 0
            let found = oracle.findings(arrivals, payloadsBelow: sink.isNumbered ? limit : nil)
            // All sources send for the same time.
            let ratio = Int(graph.sinks[0].rate / sink.rate)
            outcome.faults += found.faults(
                of: sink, expected: graph.isEndless ? nil : messages / ratio, swaps: sourceSwaps)
            outcome.faults += account.faults(
                of: sink, delivered: Set(arrivals.map(\.frame)),
                ends: outcome.kills + outcome.stalls + outcome.swaps)
            if let part = sink.share {
                let needed = Set(stride(from: part.first, to: messages, by: part.every).map { UInt64($0) })
                let wrong = needed.symmetricDifference(arrivals.map(\.frame)).count
                if wrong > 0 {
                    outcome.faults.append(
                        "\(sink.name): \(wrong) frames came that should not, or did not come")
                }
            }
            outcome.messages += found.count
            if sink.mayDrop {
                outcome.dropped += found.missing
            } else {
                outcome.lost += found.missing
            }
            outcome.twice += found.twice
            outcome.unordered += found.unordered
            outcome.damaged += found.damaged + found.mispaired
            outcome.longest_gap_periods = max(
                outcome.longest_gap_periods, found.longestGap * sink.rate)
        }
    }
}
