import Dataflow
import Foundation
import Glibc
import Launch
import Tensors

/// A graph that runs in a process of its own, so that a measurement can disturb it.
final class DisturbedRun {
    /// One line of the list that its sink writes.
    struct Arrival: Equatable {
        let frame: UInt64
        let hash: Substring
        /// Nanoseconds of the monotonic clock.
        let time: Int64
    }

    let folder: String
    let name: String
    private let process = Process()

    /// Starts a graph; `FOLDER` in its text stands for a folder of its own.
    init(_ graph: String) throws {
        name = "bench-\(String(UInt32.random(in: 0 ... .max), radix: 36))"
        folder = "/tmp/personalive-\(name)"
        try FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: false)
        let file = "\(folder)/graph.yaml"
        try Data(graph.replacing("FOLDER", with: folder).utf8).write(to: URL(fileURLWithPath: file))
        process.executableURL = URL(fileURLWithPath: try MeasuredProgram.path())
        process.arguments = ["run", file, "--name", name, "--json"]
        // Files, since a pipe that nobody reads would hold up a run with much to say at its end.
        process.standardOutput = try Self.newFile("\(folder)/report.json")
        process.standardError = try Self.newFile("\(folder)/errors.txt")
        try process.run()
    }

    private static func newFile(_ path: String) throws -> FileHandle {
        let place = URL(fileURLWithPath: path)
        try Data().write(to: place)
        return try FileHandle(forWritingTo: place)
    }

    deinit {
        if process.isRunning { kill(process.processIdentifier, SIGKILL) }
        try? FileManager.default.removeItem(atPath: folder)
    }

    var isRunning: Bool { process.isRunning }
    var supervisor: Int32 { process.processIdentifier }

    /// What was said on standard error.
    var errors: String {
        (try? String(contentsOfFile: "\(folder)/errors.txt", encoding: .utf8)) ?? ""
    }

    /// A line to the run, once it answers.
    func client() throws -> RunClient {
        for _ in 0..<200 {
            if let client = try? RunClient(name) { return client }
            usleep(20_000)
        }
        throw MeasurementError("the run did not answer: \(errors)")
    }

    /// Waits until something is so; false when the run ended, or after a minute without.
    func wait(until condition: () throws -> Bool) rethrows -> Bool {
        for _ in 0..<6000 {
            if try condition() { return true }
            guard isRunning else { return try condition() }
            usleep(10_000)
        }
        return false
    }

    /// Waits for the end: the exit code and the JSON object that the run printed.
    func finish() -> (status: Int32, report: [String: Any]) {
        process.waitUntilExit()
        let data = FileManager.default.contents(atPath: "\(folder)/report.json") ?? Data()
        let report = try? JSONSerialization.jsonObject(with: data) as? [String: Any]
        return (process.terminationStatus, report ?? [:])
    }

    /// Everything that came to the sink whose list is at `FOLDER/list.txt`, in order.
    var arrivals: [Arrival] {
        let text =
            (try? String(contentsOfFile: Draft.newest(of: "\(folder)/list.txt"), encoding: .utf8))
            ?? ""
        return text.split(separator: "\n").compactMap { line in
            let words = line.split(separator: " ")
            guard words.count == 3, let frame = UInt64(words[0]), let time = Int64(words[2]) else {
                return nil
            }
            return Arrival(frame: frame, hash: words[1], time: time)
        }
    }
}

/// Random numbers that follow from a seed: SplitMix64 (Steele, Lea and Flood 2014).
struct SeededDice: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
