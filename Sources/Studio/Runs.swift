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

    /// - Parameters:
    ///   - executable: this program.
    ///   - most: runs of one graph that there may be.
    ///   - launcher: a program and its first arguments, which becomes the command that follows.
    package init(executable: String, most: Int, launcher: [String] = []) {
        (self.executable, self.most, self.launcher) = (executable, most, launcher)
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
        let place = URL(fileURLWithPath: graph).path
        let count = RunClient.runs().count { URL(fileURLWithPath: $0.graph).path == place }
        guard count < most else {
            throw StudioError.refused(
                "\(count) \(count == 1 ? "session" : "sessions") of this graph run, and \(most) may: stop one, "
                    + "or start the studio with --sessions \(most + 1)")
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
        while process.isRunning {
            if let run = RunClient.runs().first(where: { $0.pid == process.processIdentifier }) {
                return run.name
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
