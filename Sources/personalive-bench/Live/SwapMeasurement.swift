import Foundation
import Launch

/// A stage that takes seconds to load replaces another in a running graph, again and again.
enum SwapMeasurement {
    private static func graph(frames: Int) -> String {
        """
        mode: live
        nodes:
          source:
            use: test-source
            with: { bytes: 786432, count: \(frames), rate: 30, numbered: true }
          decoder:
            use: test-stage
            in: { data: { from: source.data, keep: all } }
            with: { work: 15 }
          sink: { use: test-sink, in: { data: decoder.data }, with: { list: FOLDER/list.txt } }
        """
    }

    /// - Parameters:
    ///   - count: swaps, one after the other.
    ///   - load: milliseconds that each new process takes to load.
    static func measure(count: Int, load: Int) throws -> [String: Double] {
        let frames = 60 + count * (load * 30 / 1000 + 12)
        let run = try DisturbedRun(graph(frames: frames))
        try run.connect()
        _ = run.wait { run.arrivals().count > 15 }
        var swaps = 0
        var memory: [Double] = []
        for _ in 0..<count {
            let settings = ["work": "15", "load": "\(load)"]
            if run.replace("decoder", kind: "test-stage", settings: settings) == nil { swaps += 1 }
            usleep(200_000)
            guard let status = run.status else {
                throw MeasurementError("no answer: \(run.errors)")
            }
            memory.append(Double(Self.memory(of: status)) / 1e6)
        }
        let (status, _) = run.finish()
        guard status == 0 else { throw MeasurementError("the run failed: \(run.errors)") }
        let arrivals = run.arrivals()
        var seen: [UInt64: Int] = [:]
        for arrival in arrivals { seen[arrival.frame, default: 0] += 1 }
        let gaps = zip(arrivals, arrivals.dropFirst()).map { Double($1.time - $0.time) / 1e9 * 30 }
        return [
            "swaps": Double(swaps),
            "swap_memory_growth_mb": memory.last! - memory[min(30, memory.count - 1)],
            "swap_lost": Double(frames - seen.count),
            "swap_duplicated": Double(seen.values.count { $0 > 1 }),
            "swap_longest_gap_periods": gaps.dropFirst(10).max() ?? 0,
        ]
    }

    /// Bytes of this run alone: of all its processes, what they share counted once.
    private static func memory(of status: RunStatus) -> Int {
        ([status.pid] + status.nodes.map(\.pid)).reduce(0) { sum, pid in
            let text =
                (try? String(contentsOfFile: "/proc/\(pid)/smaps_rollup", encoding: .utf8)) ?? ""
            let line = text.split(separator: "\n").first { $0.hasPrefix("Pss:") }
            return sum + (line?.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0)
                << 10
        }
    }
}
