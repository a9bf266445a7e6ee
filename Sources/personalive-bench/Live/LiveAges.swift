import Foundation
import Glibc
import Launch
import NodeKit
import Wire

/// How old frames are when a stage receives them that is slower than their source.
enum LiveAges {
    /// 30 frames a second of 512 x 512 before a stage that takes 50 ms, over each transport.
    static func measure(_ seed: UInt64) throws -> [String: Double] {
        var found: [String: Double] = [:]
        for (name, isTCP) in [("ipc", false), ("tcp", true)] {
            let run = try LiveRun(rate: 30, seconds: Self.seconds("AGES_SECONDS", 12), isTCP: isTCP)
            let snapshot = try run.finish()
            let input = snapshot.nodes.last!.report.inputs[0]
            found["edge_age_p50_ms_\(name)"] = input.age.percentile(0.5)
            found["edge_age_p99_ms_\(name)"] = input.age.percentile(0.99)
            found["edge_frames_unaccounted_\(name)"] = Double(snapshot.unaccounted.count)
        }
        return found
    }

    private static func seconds(_ variable: String, _ usual: Int) -> Int {
        ProcessInfo.processInfo.environment[variable].flatMap { Int($0) } ?? usual
    }

    /// A camera six times faster than the graph: whether age or memory grow.
    ///
    /// A minute, or as many seconds as `OVERLOAD_SECONDS` says.
    static func overload(_ seed: UInt64) throws -> [String: Double] {
        let seconds = Self.seconds("OVERLOAD_SECONDS", 60)
        let run = try LiveRun(rate: 120, seconds: seconds, isTCP: false)
        let samples = Samples()
        let folder = run.folder
        let watcher = Thread { samples.collect(from: folder) }
        watcher.start()
        let snapshot = try run.finish()
        return [
            "overload_age_growth_ms_per_min": samples.slope(\.age) * 60,
            "overload_memory_growth_mb_per_min": samples.slope(\.megabytes) * 60,
            "overload_age_p99_ms": snapshot.nodes.last!.report.inputs[0].age.percentile(0.99) ?? 0,
            "overload_frames_dropped": Double(snapshot.lost),
            "overload_frames_unaccounted": Double(snapshot.unaccounted.count),
            "overload_seconds": Double(seconds),
        ]
    }

    /// Looks at a run once a second, from a thread of its own.
    private final class Samples: @unchecked Sendable {
        // Unchecked because the lock guards the samples.
        struct Sample {
            let time: Double
            /// Median age at receipt since the last look, ms.
            let age: Double
            /// Of both processes.
            let megabytes: Double
        }

        private let lock = NSLock()
        private var samples: [Sample] = []

        func collect(from folder: String) {
            var before: AgeHistogram?
            guard let client = try? RunClient(folder: folder) else { return }
            while let status = try? client.status(seconds: 3) {
                let ages = status.nodes.last?.report.inputs.first?.age ?? AgeHistogram()
                let memory = status.nodes.reduce(0) { $0 + Self.residentMegabytes($1.pid) }
                let age = ages.since(before ?? AgeHistogram()).percentile(0.5)
                // The first seconds are those of starting.
                if let age, status.seconds > 5 {
                    lock.withLock {
                        samples.append(
                            Sample(time: status.seconds, age: age, megabytes: memory))
                    }
                }
                before = ages
                Thread.sleep(forTimeInterval: 1)
            }
        }

        private static func residentMegabytes(_ pid: Int32) -> Double {
            let text = (try? String(contentsOfFile: "/proc/\(pid)/statm", encoding: .utf8)) ?? ""
            let pages = text.split(separator: " ").dropFirst().first.flatMap { Double($0) } ?? 0
            return pages * Double(sysconf(Int32(_SC_PAGESIZE))) / 1e6
        }

        /// Growth per second: the line with the least squares through all samples.
        func slope(_ value: (Sample) -> Double) -> Double {
            lock.withLock {
                let count = Double(samples.count)
                guard count > 2 else { return .nan }
                let time = samples.reduce(0) { $0 + $1.time } / count
                let mean = samples.reduce(0) { $0 + value($1) } / count
                let up = samples.reduce(0) { $0 + ($1.time - time) * (value($1) - mean) }
                let down = samples.reduce(0) { $0 + ($1.time - time) * ($1.time - time) }
                return up / down
            }
        }
    }
}

/// A source and a sink that takes 50 ms a frame, as two processes with a live edge between them.
private final class LiveRun {
    private let runFolder: RunFolder
    private let supervisor: Supervisor

    var folder: String { runFolder.path }

    init(rate: Int, seconds: Int, isTCP: Bool) throws {
        let folder = try RunFolder(for: .trial)
        let served =
            isTCP
            ? "tcp://127.0.0.1:\(try FreePort.find())"
            : NodeConfiguration.endpoint(of: "source", in: folder.path)
        var output = NodeConfiguration.Output(
            port: "data", consumer: "sink", consumerPort: "data", keep: .newest, window: 1)
        output.isInline = isTCP
        let input = NodeConfiguration.Input(
            port: "data", producer: "source", producerPort: "data", endpoint: served,
            keep: .newest, window: 1)
        let settings: [String: SettingValue] = [
            "bytes": .integer(786_432), "count": .integer(rate * seconds),
            "rate": .number(Double(rate)),
        ]
        var source = NodeConfiguration(
            name: "source", settings: Settings(settings), inputs: [], outputs: [output])
        if isTCP { source.listen = served }
        let sink = NodeConfiguration(
            name: "sink", settings: Settings(["work": .number(50)]), inputs: [input], outputs: [])
        let plan = RunPlan(
            name: "live", graph: "-",
            nodes: [
                .init(name: "source", kind: "test-source", configuration: source),
                .init(name: "sink", kind: "test-sink", configuration: sink),
            ], folder: folder.path)
        runFolder = folder
        supervisor = try Supervisor(
            plan, executable: try MeasuredProgram.path(), display: RunDisplay(quiet: true))
    }

    func finish() throws -> RunSnapshot {
        defer { runFolder.remove() }
        if case .failed(let failure) = supervisor.run() { throw failure }
        return supervisor.snapshot
    }
}
