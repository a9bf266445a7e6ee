import Dataflow
import Foundation
import Glibc
import Launch
import Tensors

/// A graph that runs in a process of its own, so that a measurement can disturb it.
final class DisturbedRun {
    let folder: String
    let name: String
    private let process = Process()
    private var client: RunClient?

    /// Starts a graph; `FOLDER` in its text stands for a folder of its own.
    ///
    /// - Parameter plugins: a folder in which further kinds of node are looked for.
    init(_ graph: String, plugins: String? = nil) throws {
        name = "bench-\(String(UInt32.random(in: 0 ... .max), radix: 36))"
        folder = "/tmp/personalive-\(name)"
        try FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: false)
        let file = "\(folder)/graph.yaml"
        try Data(graph.replacing("FOLDER", with: folder).utf8).write(to: URL(fileURLWithPath: file))
        process.executableURL = URL(fileURLWithPath: try MeasuredProgram.path())
        process.arguments = ["run", file, "--name", name, "--json"]
        if let plugins {
            var environment = ProcessInfo.processInfo.environment
            environment["PERSONALIVE_PLUGINS"] = plugins
            process.environment = environment
        }
        // Files, since a pipe that is not read would hold up a run with much to say at its end.
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
        if isRunning { abandon() }
        try? FileManager.default.removeItem(atPath: folder)
    }

    /// Asks the kernel: `Process` takes a supervisor for alive while a child of it is.
    var isRunning: Bool {
        var info = siginfo_t()
        let flags = WEXITED | WNOHANG | WNOWAIT
        // Without a process there is nothing to wait for, and nothing is written.
        return waitid(P_PID, id_t(supervisor), &info, flags) == 0 && info.si_signo == 0
    }

    var supervisor: Int32 { process.processIdentifier }

    /// What was printed on standard error.
    var errors: String {
        (try? String(contentsOfFile: "\(folder)/errors.txt", encoding: .utf8)) ?? ""
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

    // MARK: Requests

    /// Waits until the run answers.
    func connect() throws {
        for _ in 0..<200 {
            if let client = try? RunClient(name) {
                self.client = client
                return
            }
            usleep(20_000)
        }
        throw MeasurementError("the run did not answer: \(errors)")
    }

    /// How the run stands; nil when it does not answer.
    var status: RunStatus? { try? client?.status(seconds: 10) }

    /// Puts another node in one's place; why not, when the run refuses.
    func replace(_ node: String, kind: String, settings: [String: String]) -> String? {
        let wanted = NodeReplacement(node: node, kind: kind, settings: settings)
        return Self.refusal(try client?.ask(.change(.replace(wanted)), seconds: 60))
    }

    /// Gives settings other values, by `node.setting`; why not, when the run refuses.
    func set(_ settings: [String: String]) -> String? {
        Self.refusal(try client?.ask(.change(.settings(settings)), seconds: 60))
    }

    /// Applies another graph on a connection of its own, from any thread; why not, when the run refuses.
    static func apply(_ file: String, to run: String) -> String? {
        refusal(try RunClient(run).ask(.change(.file(path: file)), seconds: 60))
    }

    private static func refusal(_ reply: @autoclosure () throws -> RunReply?) -> String? {
        do {
            switch try reply() {
            case .done?: return nil
            case .refused(let reason)?: return reason
            default: return "no reply"
            }
        } catch {
            return "\(error)"
        }
    }

    /// Ctrl-C.
    func interrupt() { kill(supervisor, SIGINT) }

    // MARK: The end

    /// Waits for the end: the exit code and the JSON object that the run printed.
    func finish() -> (status: Int32, report: [String: Any]) {
        while isRunning { usleep(10_000) }
        let orphans = leftovers
        orphans.forEach { kill($0, SIGKILL) }
        process.waitUntilExit()
        let data = FileManager.default.contents(atPath: "\(folder)/report.json") ?? Data()
        let report = try? JSONSerialization.jsonObject(with: data) as? [String: Any]
        return (process.terminationStatus, report ?? [:])
    }

    /// Waits for the end for so long; false when the run goes on.
    func isOver(within seconds: Double) -> Bool {
        let end = ContinuousClock.now + .seconds(seconds)
        while isRunning, ContinuousClock.now < end { usleep(10_000) }
        return !isRunning
    }

    /// Ends the run's supervisor at once, and what would outlive it.
    func abandon() {
        kill(supervisor, SIGKILL)
        leftovers.forEach { kill($0, SIGKILL) }
    }

    /// Whether no node outlives the run: the kernel may take a moment.
    var areNodesGone: Bool {
        for _ in 0..<100 {
            if leftovers.isEmpty { return true }
            usleep(20_000)
        }
        return false
    }

    /// Processes of the run's nodes: the folder of its sockets begins with the supervisor's number.
    var leftovers: [Int32] {
        let entries = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        return entries.compactMap { Int32($0) }.filter { pid in
            guard let data = FileManager.default.contents(atPath: "/proc/\(pid)/cmdline") else {
                return false
            }
            let words = data.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
            guard let option = words.firstIndex(of: "--folder"), option + 1 < words.count else {
                return false
            }
            return words[option + 1].contains("/\(supervisor)-")
        }
    }

    /// Everything that came to a sink, in order, as its list says.
    func arrivals(in list: String = "list.txt") -> [Arrival] {
        let path = Draft.newest(of: "\(folder)/\(list)")
        return Arrival.list((try? String(contentsOfFile: path, encoding: .utf8)) ?? "")
    }
}
