import Foundation
import Glibc
import Launch
import Tensors
import Wire

/// One long live run, looked at and disturbed.
final class Soak {
    /// What came of it.
    struct Outcome: Codable {
        struct Line: Codable {
            let what: String
            let mean, per_hour, uncertainty: Double
            let flat: Bool
        }

        var seed: UInt64
        var minutes = 0.0
        var samples = 0, swaps = 0, swaps_refused = 0, kills = 0
        /// Of the swaps, those of the source.
        var source_swaps = 0
        var frames_in = 0, frames_out = 0, frames_dropped = 0, frames_unaccounted = 0
        /// By process, and `run` for what belongs to none.
        var trends: [String: [Line]] = [:]
        var flat = false
        var status: Int32 = 0
        /// What is not as it has to be in lists, report and counts, in words.
        var faults: [String] = []

        var isWhole: Bool { flat && faults.isEmpty }

        var text: String {
            var lines = [
                "\(minutes.formatted()) minutes, seed \(seed): \(swaps) swaps (\(source_swaps) of the "
                    + "source; \(swaps_refused) refused), \(kills) kills; \(frames_in) frames in = "
                    + "\(frames_out) out + \(frames_dropped) dropped, \(frames_unaccounted) "
                    + "unaccounted for"
            ]
            for (process, trends) in trends.sorted(by: { $0.key < $1.key }) {
                lines += trends.map { line in
                    "\(process) \(line.what): \(Self.short(line.mean)), per hour "
                        + "\(Self.short(line.per_hour)) ± \(Self.short(line.uncertainty))"
                        + (line.flat ? "" : "  GROWS")
                }
            }
            lines += faults.map { "BROKEN \($0)" }
            return lines.joined(separator: "\n")
        }

        private static func short(_ value: Double) -> String { String(format: "%.2f", value) }
    }

    /// What is looked at, and how much growth in an hour is none.
    private static let resolutions = [
        "descriptors": 1.0, "memory_mb": 1, "shared_memory_mb": 1, "dev_shm_mb": 1,
        "age_p50_ms": 1, "age_p99_ms": 1, "log_mb": 1,
    ]
    /// Seconds between two looks, and what the first minute of a long run does not count for.
    private static let interval = 2.0
    private static let warmUp = 60.0

    private let seconds, swapEvery, killEvery: Double
    private var dice: SeededDice
    private let disturbed: DisturbedRun
    private var series: [String: [String: [(time: Double, value: Double)]]] = [:]
    private var ages: [String: AgeHistogram] = [:]
    private var outcome: Outcome
    private var counts = EdgeCounts()
    private var turn = 0

    init(minutes: Double, seed: UInt64, swapEvery: Double, killEvery: Double) throws {
        seconds = minutes * 60
        (self.swapEvery, self.killEvery) = (swapEvery, killEvery)
        dice = SeededDice(seed: seed)
        outcome = Outcome(seed: seed, minutes: minutes)
        disturbed = try DisturbedRun(Self.graph)
    }

    /// A camera, a decoder that is too slow for it on the way that is counted, and a preview that is
    /// too slow for the decoder beside it. The camera has no end: one that replaces it begins to count
    /// anew.
    private static let graph = """
        mode: live
        nodes:
          camera:
            use: test-source
            with: { bytes: 786432, count: 1000000000, rate: 30, numbered: true }
          decoder:
            use: test-stage
            in: { data: { from: camera.data, keep: newest } }
            with: { work: 40 }
          encoder:
            use: test-sink
            in: { data: { from: decoder.data, keep: all } }
            with: { list: FOLDER/list.txt }
          preview:
            use: test-sink
            in: { data: { from: decoder.data, keep: newest } }
            with: { work: 60 }
        """
    private static let bytes = 786_432
    private static let sink = ChaosGraph.Sink(
        name: "encoder", source: "camera", rate: 30, mayDrop: true)

    func run() throws -> Outcome {
        try disturbed.connect()
        let began = ContinuousClock.now
        var (nextSwap, nextKill) = (swapEvery, pauseUntilKill())
        while disturbed.isRunning {
            usleep(UInt32(Self.interval * 1e6))
            let now = (ContinuousClock.now - began) / .seconds(1)
            if now > seconds { break }
            guard let status = disturbed.status, status.state == "running" else { continue }
            look(at: status)
            guard now < seconds - 5 else { continue }
            if swapEvery > 0, now > nextSwap {
                nextSwap += swapEvery
                swap()
            } else if killEvery > 0, now > nextKill {
                nextKill = now + pauseUntilKill()
                killOne(of: status.nodes)
            }
        }
        disturbed.interrupt()
        if !disturbed.isOver(within: 30) {
            outcome.faults.append("not over 30 s after Ctrl-C")
            disturbed.abandon()
        }
        return conclude()
    }

    /// Kills come at random, like accidents do.
    private func pauseUntilKill() -> Double {
        -log(Double.random(in: 0.001...1, using: &dice)) * killEvery
    }

    /// Decoder and camera take turns.
    private func swap() {
        turn += 1
        let isSource = turn % 2 == 0
        let refusal =
            isSource
            ? disturbed.replace(
                "camera", kind: "test-source", settings: ["rate": turn % 4 == 0 ? "30" : "30.5"])
            : disturbed.replace(
                "decoder", kind: "test-stage",
                settings: ["work": turn % 4 == 1 ? "42" : "40", "load": "1000"])
        guard refusal == nil else {
            outcome.swaps_refused += 1
            return
        }
        outcome.swaps += 1
        if isSource { outcome.source_swaps += 1 }
    }

    private func killOne(of nodes: [RunStatus.Node]) {
        let node = nodes.randomElement(using: &dice)!
        if node.state == "running", kill(node.pid, SIGKILL) == 0 { outcome.kills += 1 }
    }

    // MARK: Looking

    private func look(at status: RunStatus) {
        outcome.samples += 1
        counts.look(at: status)
        var files: [UInt64: Int] = [:]
        for (name, pid) in [("supervisor", status.pid)] + status.nodes.map({ ($0.name, $0.pid) }) {
            guard let figures = ProcessFigures(of: pid) else { continue }
            note(name, "descriptors", Double(figures.descriptors), status.seconds)
            note(name, "memory_mb", Double(figures.ownMemory) / 1e6, status.seconds)
            files.merge(figures.memoryFiles) { $1 }
        }
        note("run", "shared_memory_mb", Double(files.values.reduce(0, +)) / 1e6, status.seconds)
        note("run", "log_mb", Double(printed?.size ?? 0) / 1e6, status.seconds)
        note("run", "dev_shm_mb", Double(ProcessFigures.sharedFolder) / 1e6, status.seconds)
        for node in status.nodes where !["camera", "decoder"].contains(node.name) {
            let recent = node.report.age.since(ages[node.name] ?? AgeHistogram())
            ages[node.name] = node.report.age
            guard let half = recent.percentile(0.5), let most = recent.percentile(0.99) else {
                continue
            }
            note(node.name, "age_p50_ms", half, status.seconds)
            note(node.name, "age_p99_ms", most, status.seconds)
        }
    }

    /// What the run and its nodes have printed.
    private lazy var printed = LogFolder.all.first { $0.name == disturbed.name }

    private func note(_ process: String, _ what: String, _ value: Double, _ time: Double) {
        guard time > min(Self.warmUp, seconds / 4) else { return }
        series[process, default: [:]][what, default: []].append((time, value))
    }

    private func conclude() -> Outcome {
        let (status, report) = disturbed.finish()
        outcome.status = status
        func count(_ name: String) -> Int { report[name] as? Int ?? -1 }
        (outcome.frames_in, outcome.frames_out) = (count("frames_in"), count("frames_out"))
        (outcome.frames_dropped, outcome.frames_unaccounted) = (
            count("frames_dropped"), count("frames_unaccounted")
        )
        judge(RunAccount(report))
        outcome.trends = series.mapValues { series in
            series.sorted { $0.key < $1.key }.compactMap { what, samples in
                guard let trend = Trend(samples) else { return nil }
                return .init(
                    what: what, mean: trend.mean, per_hour: trend.perHour,
                    uncertainty: trend.uncertainty,
                    flat: trend.isFlat(resolution: Self.resolutions[what]!))
            }
        }
        for (process, series) in series {
            for (what, samples) in series where Trend(samples) == nil {
                outcome.faults.append("\(process): too few samples of \(what) for a line through them")
            }
        }
        if series.isEmpty { outcome.faults.append("nothing was looked at after the warm-up") }
        outcome.flat = outcome.trends.values.allSatisfy { $0.allSatisfy(\.flat) }
        return outcome
    }

    /// By the encoder's own list, by the run's report, and by what `status` has counted.
    private func judge(_ account: RunAccount) {
        if outcome.status != 130 {
            outcome.faults.append(
                "exit code \(outcome.status), not 130: \(disturbed.errors.suffix(500))")
        }
        let arrivals = disturbed.arrivals()
        var oracle = ArrivalOracle(bytes: Self.bytes)
        let limit = arrivals.map(\.frame).max().map { Int($0) + 1 } ?? 0
        let found = oracle.findings(arrivals, payloadsBelow: limit)
        outcome.faults += found.faults(of: Self.sink, expected: nil, swaps: outcome.source_swaps)
        outcome.faults += account.faults(
            of: Self.sink, delivered: Set(arrivals.map(\.frame)),
            ends: outcome.kills + outcome.swaps)
        outcome.faults += counts.faults
    }
}
