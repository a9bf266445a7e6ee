import Foundation
import Glibc
import Launch

/// A stream on air for long, whose server is killed now and then.
final class Air {
    /// What came of it.
    struct Outcome: Codable {
        var minutes = 0.0
        /// How often the server was killed, and how long after its return each time pictures were sent again.
        var kills = 0
        var back_s: [Double] = []
        /// Looks at the stream, and by look the mean of how much later its sound is, ms.
        var offsets_ms: [Double] = []
        /// The least and the largest of all flashes.
        var least_offset_ms = 0.0, largest_offset_ms = 0.0
        /// The least and the largest of all flashes in the file beside the stream; empty when none was found.
        var recorded_offset_ms: [Double] = []
        var frames_in = 0, frames_sent = 0, frames_dropped_air = 0, frames_dropped_file = 0
        /// Of those that the file lacks, what was dropped behind the encoder: a busy machine passes over
        /// pictures before it.
        var frames_lost_file = 0
        var frames_unaccounted = 0, frames_recorded = 0
        var status: Int32 = 0
        /// By process: own memory in MB in the first and in the last tenth, and its growth in an hour.
        var memory_mb: [String: [Double]] = [:]
        var faults: [String] = []

        var text: String {
            var lines = [
                "\(minutes.formatted()) minutes, \(kills) kills; pictures went out again "
                    + back_s.map { Self.short($0) }.joined(separator: ", ") + " s after the server was back",
                "sound later than its picture at the server, ms, by look: "
                    + offsets_ms.map { Self.short($0) }.joined(separator: " "),
                "of all flashes: \(Self.short(least_offset_ms)) … \(Self.short(largest_offset_ms)) ms; in the "
                    + "file: " + recorded_offset_ms.map { Self.short($0) }.joined(separator: " … ") + " ms",
                "\(frames_in) frames in; to the server \(frames_sent) sent, \(frames_dropped_air) dropped; to "
                    + "the file \(frames_recorded), \(frames_dropped_file) dropped, \(frames_lost_file) of them "
                    + "behind the encoder; \(frames_unaccounted) unaccounted for",
            ]
            lines += memory_mb.sorted { $0.key < $1.key }.map { name, values in
                "\(name) memory_mb: " + values.map { Self.short($0) }.joined(separator: ", ")
            }
            return (lines + faults.map { "BROKEN \($0)" }).joined(separator: "\n")
        }

        private static func short(_ value: Double) -> String { String(format: "%.1f", value) }
    }

    /// Beyond it people notice (ITU-R BT.1359-1), ms.
    static let largestOffset = 40.0
    /// Megabytes in an hour that count as none.
    private static let growth = 2.0
    /// Seconds for which the server is away, and for which the stream is looked at.
    private static let absence = 10.0, look = 8.0

    private static let graph = """
        mode: live
        nodes:
          camera: { use: video-file, with: { path: FOLDER/flashes.mkv, realtime: true, loop: true } }
          stage: { use: test-delay, in: { frame: camera.frame } }
          encoder: { use: live-encoder, in: { frame: stage.frame, audio: camera.audio }, with: { preset: ultrafast } }
          air: { use: stream-out, in: { packet: encoder.packet }, with: { url: "ADDRESS", key-file: FOLDER/key } }
          file: { use: stream-out, in: { packet: encoder.packet }, with: { url: FOLDER/air.mkv } }
        """

    private let seconds: Double
    private let kills: Int
    private let folder: String
    private let server: AirServer
    private let disturbed: DisturbedRun
    private let note: (String) -> Void
    private var outcome = Outcome()
    private var memory: [String: [(time: Double, value: Double)]] = [:]
    private let began = ContinuousClock.now

    /// - Parameter note: is told how far it is.
    init(minutes: Double, kills: Int, note: @escaping (String) -> Void) throws {
        (seconds, self.kills, self.note) = (minutes * 60, kills, note)
        outcome.minutes = minutes
        folder = "/tmp/personalive-air-\(String(UInt32.random(in: 0 ... .max), radix: 36))"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
        do {
            server = try AirServer(in: folder)
            try FlashFilm.write(to: "\(folder)/flashes.mkv")
            try Data("stream\n".utf8).write(to: URL(fileURLWithPath: "\(folder)/key"))
            try server.start()
            disturbed = try DisturbedRun(
                Self.graph.replacing("FOLDER", with: folder).replacing("ADDRESS", with: server.address))
        } catch {
            try? FileManager.default.removeItem(atPath: folder)
            throw error
        }
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    private var elapsed: Double { (ContinuousClock.now - began) / .seconds(1) }

    func run() throws -> Outcome {
        try disturbed.connect()
        guard disturbed.wait(until: { sent > 25 }) else {
            throw MeasurementError("nothing was sent: \(disturbed.errors)")
        }
        var done = 0
        while disturbed.isRunning, elapsed < seconds {
            try readStream()
            measureMemory()
            let next = seconds * (Double(done) + 0.5) / Double(max(kills, 1))
            if done < kills, elapsed > next {
                done += 1
                try killServer()
            }
            usleep(UInt32(min(max(seconds - elapsed, 0), max(seconds / 120 - Self.look, 0)) * 1e6))
        }
        return conclude()
    }

    private func figure(_ name: String) -> Double {
        disturbed.status?.nodes.first { $0.name == "air" }?.report.figures[name] ?? 0
    }

    private var sent: Double { figure("sent_pictures") }

    private func readStream() throws {
        let offsets = try FlashFilm.read("\(server.address)/stream", seconds: Self.look).offsets
        guard offsets.count > 2 else {
            outcome.faults.append("\(offsets.count) flashes were seen after \(Int(elapsed)) s")
            return
        }
        if outcome.offsets_ms.isEmpty { outcome.least_offset_ms = .infinity; outcome.largest_offset_ms = -.infinity }
        let mean = offsets.reduce(0, +) / Double(offsets.count)
        outcome.offsets_ms.append(mean)
        outcome.least_offset_ms = min(outcome.least_offset_ms, offsets.min()!)
        outcome.largest_offset_ms = max(outcome.largest_offset_ms, offsets.max()!)
        note("\(Int(elapsed)) s: \(Int(sent)) pictures sent, sound \(String(format: "%.1f", mean)) ms later")
    }

    private func killServer() throws {
        server.kill()
        outcome.kills += 1
        usleep(UInt32(Self.absence * 1e6))
        let before = sent
        try server.start()
        let back = ContinuousClock.now
        guard disturbed.wait(until: { sent > before }) else {
            outcome.faults.append("nothing was sent for a minute after the server was back")
            return
        }
        outcome.back_s.append((ContinuousClock.now - back) / .seconds(1))
        note("\(Int(elapsed)) s: the server was killed; sending again after \(outcome.back_s.last!) s")
    }

    private func measureMemory() {
        guard let status = disturbed.status else { return }
        for (name, pid) in [("supervisor", status.pid)] + status.nodes.map({ ($0.name, $0.pid) }) {
            guard let figures = ProcessFigures(of: pid) else { continue }
            memory[name, default: []].append((elapsed, Double(figures.ownMemory) / 1e6))
        }
    }

    private func conclude() -> Outcome {
        disturbed.interrupt()
        if !disturbed.isOver(within: 30) {
            outcome.faults.append("not over 30 s after Ctrl-C")
            disturbed.abandon()
        }
        let (status, report) = disturbed.finish()
        outcome.status = status
        outcome.frames_in = report["frames_in"] as? Int ?? -1
        for stream in report["streams"] as? [[String: Any]] ?? [] {
            func count(_ name: String) -> Int { stream[name] as? Int ?? -1 }
            outcome.frames_unaccounted += count("frames_unaccounted")
            if stream["sink"] as? String == "air" {
                (outcome.frames_sent, outcome.frames_dropped_air) = (count("frames_out"), count("frames_dropped"))
            } else {
                (outcome.frames_recorded, outcome.frames_dropped_file) = (count("frames_out"), count("frames_dropped"))
                outcome.frames_lost_file = Self.lostBehindEncoder(stream)
            }
        }
        let recorded = (try? FlashFilm.read("\(folder)/air.mkv").offsets) ?? []
        if let least = recorded.min(), let largest = recorded.max() {
            outcome.recorded_offset_ms = [least, largest]
        } else {
            outcome.faults.append("no flash was found in the file")
        }
        for (name, samples) in memory {
            let tenth = max(samples.count / 10, 1)
            func mean(_ part: ArraySlice<(time: Double, value: Double)>) -> Double {
                part.map(\.value).reduce(0, +) / Double(part.count)
            }
            // The first minutes fill caches and pools.
            let trend = Trend(Array(samples.dropFirst(tenth)))
            outcome.memory_mb[name] = [mean(samples.prefix(tenth)), mean(samples.suffix(tenth))]
                + (trend.map { [$0.perHour] } ?? [])
            if let trend, !trend.isFlat(resolution: Self.growth) {
                outcome.faults.append("\(name) grows by \(trend.perHour) MB in an hour")
            }
        }
        judge()
        return outcome
    }

    /// How many frames a sink lost behind the encoder, or itself.
    static func lostBehindEncoder(_ stream: [String: Any]) -> Int {
        let losses = stream["dropped"] as? [[String: Any]] ?? []
        return losses.reduce(0) { sum, loss in
            let place = loss["place"] as? String ?? ""
            let isBehind = place.hasPrefix("encoder") || place == stream["sink"] as? String
            return sum + (isBehind ? loss["count"] as? Int ?? 0 : 0)
        }
    }

    private func judge() {
        if outcome.status != 130 {
            outcome.faults.append("exit code \(outcome.status), not 130: \(disturbed.errors.suffix(500))")
        }
        let all = [outcome.least_offset_ms, outcome.largest_offset_ms] + outcome.recorded_offset_ms
        if !all.allSatisfy({ abs($0) < Self.largestOffset }) {
            outcome.faults.append("sound and picture are \(all) ms apart, and \(Self.largestOffset) is allowed")
        }
        if outcome.frames_lost_file != 0 { outcome.faults.append("frames are missing in the file") }
        if outcome.frames_unaccounted != 0 { outcome.faults.append("frames are unaccounted for") }
    }
}
