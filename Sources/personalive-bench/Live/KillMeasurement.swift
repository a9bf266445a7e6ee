import Foundation
import Glibc
import Launch

/// Processes are killed while a graph runs.
enum KillMeasurement {
    /// An offline run that is killed, stopped and swapped at random: whether its frames are those of
    /// one that is left alone.
    static func offline(seed: UInt64, messages: Int) throws -> [String: Double] {
        let outcome = try ChaosRun(.chain(200), seed: seed, messages: messages).finish()
        return ["kills": Double(outcome.kills), "kill_hashes_equal": outcome.isWhole ? 1 : 0]
    }

    private static let graph = """
        mode: live
        nodes:
          source: { use: test-source, with: { bytes: 786432, count: 300, rate: 30 } }
          decoder: { use: test-stage, in: { data: source.data }, with: { work: 15 } }
          sink: { use: test-sink, in: { data: decoder.data }, with: { list: FOLDER/list.txt } }
        """

    /// A live run whose decoder is killed: how long the sink waits for the next frame, at worst.
    static func live() throws -> [String: Double] {
        let run = try DisturbedRun(graph)
        try run.connect()
        var worst = 0.0
        for _ in 0..<4 {
            let before = run.arrivals().count
            guard run.wait(until: { run.arrivals().count > before + 20 }) else { break }
            guard let node = run.status?.nodes.first(where: { $0.name == "decoder" }) else {
                break
            }
            let killed = MonotonicTime.now
            kill(node.pid, SIGKILL)
            _ = run.wait { run.arrivals().last.map { $0.time > killed + 100_000_000 } ?? false }
            let next = run.arrivals().first { $0.time > killed + 60_000_000 }
            worst = max(worst, Double((next?.time ?? .max) - killed) / 1e9)
        }
        _ = run.finish()
        return ["live_recovery_s": worst]
    }
}

private enum MonotonicTime {
    static var now: Int64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }
}
