import CPosix
import Dataflow
import Foundation
import Glibc
import Launch
import Synchronization

/// The runs of this user as the studio sees them, and those it started itself.
package final class Runs: Sendable {
    /// One line of the list.
    struct Line: Codable, Sendable {
        var name, graph, state, folder: String
        var seconds: Double
        var pid: Int32
        /// Whether this studio started it.
        var own: Bool
    }

    private let executable: String
    private let most: Int
    private let launcher: [String]
    private let started = Mutex<[Process]>([])
    /// Why there is no room for another run of a graph, beside so many.
    package typealias Refusal = @Sendable (_ graph: String, _ settings: [String: String], _ count: Int)
        -> String?
    private let refusal: Refusal
    /// One start at a time, so that the number of runs is known. With it, which run each browser has.
    private let browsers = Mutex<[String: Int32]>([:])
    /// Seconds in which a run that is started has to answer: the next start waits for it.
    private static let patience = 600

    /// - Parameters:
    ///   - executable: this program.
    ///   - most: runs of one graph that there may be.
    ///   - launcher: a program and its first arguments, which becomes the command that follows.
    package init(
        executable: String, most: Int, launcher: [String] = [],
        refusal: @escaping Refusal = { _, _, _ in nil }
    ) {
        (self.executable, self.most, self.launcher) = (executable, most, launcher)
        self.refusal = refusal
    }

    /// Process numbers of runs that this studio started and that live. Those that ended are forgotten:
    /// the system may give their numbers to other processes.
    package var own: [Int32] {
        started.withLock { started in
            started.removeAll { !$0.isRunning }
            return started.map(\.processIdentifier)
        }
    }

    func list() -> [Line] {
        let own = Set(self.own)
        return RunClient.runs().map {
            Line(
                name: $0.name, graph: $0.graph, state: $0.state, folder: $0.folder,
                seconds: $0.seconds, pid: $0.pid, own: own.contains($0.pid))
        }
    }

    /// A run's folder by its name; `-` for the only one, or the last that began.
    ///
    /// - Throws: ``StudioError/missing(_:)``.
    func folder(_ name: String) throws -> String {
        let runs = RunClient.runs()
        guard name != "-" else {
            guard let first = runs.first else { throw StudioError.missing("no graph is running") }
            return first.folder
        }
        guard let run = runs.first(where: { $0.name == name }) else {
            let names = runs.map(\.name).joined(separator: ", ")
            throw StudioError.missing(
                "no run is called '\(name)'" + (names.isEmpty ? "" : "; running: \(names)"))
        }
        return run.folder
    }

    /// Starts a run, and waits until it answers.
    ///
    /// It is no part of this process: it goes on when the studio is killed.
    ///
    /// - Returns: what it is called.
    /// - Throws: ``StudioError/refused(_:)`` with what `personalive run` printed.
    package func start(_ graph: String, settings: [String: String], name: String? = nil) throws
        -> String
    {
        try browsers.withLock { _ in try launch(graph, settings: settings, name: name) }
    }

    /// The run that a browser has; where it has none, one that no browser has, or another one that is
    /// started. A browser keeps its run until that ends, also when its pages are closed.
    ///
    /// - Parameters:
    ///   - browser: what it calls itself.
    ///   - last: the run that it had, as a studio before this one may have given it.
    /// - Returns: what the run is called, and whether it was started now.
    /// - Throws: ``StudioError/refused(_:)`` when there is no room for another one.
    func session(of browser: String, last: String?, graph: String, settings: [String: String]) throws
        -> (name: String, isNew: Bool)
    {
        try browsers.withLock { browsers in
            let runs = Self.runs(of: graph)
            browsers = browsers.filter { entry in runs.contains { $0.pid == entry.value } }
            let own = runs.first { $0.pid == browsers[browser] }
            let free = runs.filter { run in !browsers.values.contains(run.pid) }
            if let run = own ?? free.first(where: { $0.name == last }) ?? free.last {
                browsers[browser] = run.pid
                return (run.name, false)
            }
            let name = try launch(graph, settings: settings, name: nil)
            browsers[browser] = Self.runs(of: graph).first { $0.name == name }?.pid
            return (name, true)
        }
    }

    private static func runs(of graph: String) -> [RunStatus] {
        let place = URL(fileURLWithPath: graph).path
        return RunClient.runs().filter { URL(fileURLWithPath: $0.graph).path == place }
    }

    private func launch(_ graph: String, settings: [String: String], name: String?) throws -> String {
        let count = Self.runs(of: graph).count
        guard count < most else {
            throw StudioError.refused(
                "\(count) \(count == 1 ? "session" : "sessions") of this graph run, and \(most) may: stop one, "
                    + "or start the studio with --sessions \(most + 1)")
        }
        if let reason = refusal(graph, settings, count) {
            throw StudioError.refused(
                reason.replacing("error: ", with: "").trimmingCharacters(in: .whitespacesAndNewlines))
        }
        let errors = posix_anonymous_file("personalive-run", 0)
        guard errors >= 0 else { throw StudioError.refused("no memory for the run's messages") }
        let file = FileHandle(fileDescriptor: errors, closeOnDealloc: true)
        let process = Process()
        let values = settings.sorted { $0.key < $1.key }.flatMap { ["--set", "\($0.key)=\($0.value)"] }
        let command = launcher + [executable, "run", graph, "--quiet"] + values
            + (name.map { ["--name", $0] } ?? [])
        process.executableURL = URL(fileURLWithPath: command[0])
        process.arguments = Array(command.dropFirst())
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        process.standardError = file
        try process.run()
        started.withLock { $0.append(process) }
        let deadline = ContinuousClock.now + .seconds(Self.patience)
        while process.isRunning {
            if let run = RunClient.runs().first(where: { $0.pid == process.processIdentifier }) {
                return run.name
            }
            guard ContinuousClock.now < deadline else {
                process.terminate()
                throw StudioError.refused("the run did not answer within \(Self.patience) s, and was ended")
            }
            usleep(50_000)
        }
        lseek(errors, 0, SEEK_SET)
        let text = String(decoding: (try? file.readToEnd()) ?? Data(), as: UTF8.self)
        throw StudioError.refused(text.trimmingCharacters(in: .whitespacesAndNewlines))
    }

    /// Ends the runs that this studio started, as Ctrl-C does, and waits a minute for them at most.
    ///
    /// - Returns: process numbers of those that still live.
    @discardableResult
    package func stopOwn() -> [Int32] {
        for run in list() where run.own {
            _ = try? RunClient(folder: run.folder).ask(.stop)
        }
        let deadline = ContinuousClock.now + .seconds(60)
        while !own.isEmpty, ContinuousClock.now < deadline { usleep(20_000) }
        return own
    }
}
