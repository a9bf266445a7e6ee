import Dataflow
import Foundation
import Glibc
import Launch
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
        var frames_in = 0, frames_out = 0, frames_dropped = 0, frames_unaccounted = 0
        /// By process, and `run` for what belongs to none.
        var trends: [String: [Line]] = [:]
        var flat = false
        var status: Int32 = 0

        var isWhole: Bool { status == 0 && flat && frames_unaccounted == 0 }

        var text: String {
            var lines = [
                "\(minutes.formatted()) minutes, seed \(seed): \(swaps) swaps (\(swaps_refused) "
                    + "refused), \(kills) kills; \(frames_in) frames in = \(frames_out) out + "
                    + "\(frames_dropped) dropped, \(frames_unaccounted) unaccounted for"
            ]
            for (process, trends) in trends.sorted(by: { $0.key < $1.key }) {
                lines += trends.map { line in
                    "\(process) \(line.what): \(Self.short(line.mean)), per hour "
                        + "\(Self.short(line.per_hour)) ± \(Self.short(line.uncertainty))"
                        + (line.flat ? "" : "  GROWS")
                }
            }
            return lines.joined(separator: "\n")
        }

        private static func short(_ value: Double) -> String { String(format: "%.2f", value) }
    }

    /// What is looked at, and how much growth in an hour is none.
    private static let resolutions = [
        "descriptors": 1.0, "memory_mb": 1, "shared_memory_mb": 1, "dev_shm_mb": 1,
        "age_p50_ms": 1, "age_p99_ms": 1,
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
    private var work = 10

    init(minutes: Double, seed: UInt64, swapEvery: Double, killEvery: Double) throws {
        seconds = minutes * 60
        (self.swapEvery, self.killEvery) = (swapEvery, killEvery)
        dice = SeededDice(seed: seed)
        outcome = Outcome(seed: seed, minutes: minutes)
        disturbed = try DisturbedRun(Self.graph(frames: Int(seconds * 30)))
    }

    /// A camera, a decoder whose frames all arrive, and a preview that is too slow for them.
    private static func graph(frames: Int) -> String {
        """
        mode: live
        nodes:
          camera: { use: test-source, with: { bytes: 786432, count: \(frames), rate: 30 } }
          decoder:
            use: test-stage
            in: { data: { from: camera.data, keep: all } }
            with: { work: 10 }
          encoder: { use: test-sink, in: { data: { from: decoder.data, keep: all } } }
          preview:
            use: test-sink
            in: { data: { from: decoder.data, keep: newest } }
            with: { work: 50 }
        """
    }

    func run() throws -> Outcome {
        let client = try disturbed.client()
        let began = ContinuousClock.now
        var (nextSwap, nextKill) = (swapEvery, pauseUntilKill())
        while disturbed.isRunning {
            usleep(UInt32(Self.interval * 1e6))
            guard let status = try? client.status(seconds: 10), status.state == "running" else {
                continue
            }
            look(at: status)
            let now = (ContinuousClock.now - began) / .seconds(1)
            guard now < seconds - 5 else { continue }
            if swapEvery > 0, now > nextSwap {
                nextSwap += swapEvery
                swap(client)
            } else if killEvery > 0, now > nextKill {
                nextKill = now + pauseUntilKill()
                killOne(of: status.nodes)
            }
        }
        return conclude()
    }

    /// Kills come at random, like accidents do.
    private func pauseUntilKill() -> Double {
        -log(Double.random(in: 0.001...1, using: &dice)) * killEvery
    }

    private func swap(_ client: RunClient) {
        work = work == 10 ? 12 : 10
        let wanted = NodeReplacement(
            node: "decoder", kind: "test-stage", settings: ["work": "\(work)", "load": "1000"])
        if case .done? = try? client.ask(.change(.replace(wanted)), seconds: 30) {
            outcome.swaps += 1
        } else {
            outcome.swaps_refused += 1
        }
    }

    private func killOne(of nodes: [RunStatus.Node]) {
        let node = nodes.randomElement(using: &dice)!
        if node.state == "running", kill(node.pid, SIGKILL) == 0 { outcome.kills += 1 }
    }

    // MARK: Looking

    private func look(at status: RunStatus) {
        outcome.samples += 1
        var files: [UInt64: Int] = [:]
        for (name, pid) in [("supervisor", status.pid)] + status.nodes.map({ ($0.name, $0.pid) }) {
            guard let figures = ProcessFigures(of: pid) else { continue }
            note(name, "descriptors", Double(figures.descriptors), status.seconds)
            note(name, "memory_mb", Double(figures.ownMemory) / 1e6, status.seconds)
            files.merge(figures.memoryFiles) { $1 }
        }
        note("run", "shared_memory_mb", Double(files.values.reduce(0, +)) / 1e6, status.seconds)
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
        outcome.trends = series.mapValues { series in
            series.sorted { $0.key < $1.key }.compactMap { what, samples in
                guard let trend = Trend(samples) else { return nil }
                return .init(
                    what: what, mean: trend.mean, per_hour: trend.perHour,
                    uncertainty: trend.uncertainty,
                    flat: trend.isFlat(resolution: Self.resolutions[what]!))
            }
        }
        outcome.flat = outcome.trends.values.allSatisfy { $0.allSatisfy(\.flat) }
        if status != 0 {
            FileHandle.standardError.write(Data("the run failed:\n\(disturbed.errors)\n".utf8))
        }
        return outcome
    }
}
