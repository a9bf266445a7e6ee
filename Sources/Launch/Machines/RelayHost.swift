import CPosix
import Foundation
import Glibc
import Wire

/// A plugin's process together with its ``PluginRelay``, which it is the child of: to the supervisor,
/// which starts and ends processes, the two are one.
package final class RelayHost {
    private let relay: PluginRelay
    private let inner: RunFolder
    private let signals: Int32
    /// Where its neighbours on this machine, and those who look on, find the plugin.
    private let socket: String
    private let folder: String
    private let plugin: pid_t
    /// The plugin's standard input, which ends with this process's own.
    private var lifeline: Int32
    private var supervisorIsGone = false

    private static let lastMessages: Int64 = 1_000_000_000

    /// Starts a plugin and serves until its end. Call from the main thread: the kernel ends the plugin
    /// when that one ends.
    ///
    /// - Parameters:
    ///   - command: the plugin's program and first arguments.
    ///   - name: what the process calls itself.
    ///   - folder: of the run's sockets.
    /// - Returns: its exit code, or minus the signal that ended it.
    package static func run(
        _ command: [String], name: String, kind: String, folder: String
    ) throws -> Int32 {
        // What is still on its way is sent when the sockets are closed, which is before this returns.
        try RelayHost(command, name: name, kind: kind, folder: folder).run()
    }

    private init(_ command: [String], name: String, kind: String, folder: String) throws {
        self.folder = folder
        signals = posix_signals([SIGTERM, SIGINT, SIGHUP, SIGCHLD], 4)
        inner = try RunFolder(for: .relay)
        relay = try PluginRelay(name, run: folder, folder: inner.path)
        socket = "\(folder)/\(name).sock"
        unlink(socket)
        guard symlink("\(inner.path)/\(name).sock", socket) == 0 else {
            throw LaunchError.system(
                call: "symlink(\(socket))", reason: String(cString: strerror(errno)))
        }
        let arguments = try Self.found(command) + [name, "--kind", kind, "--folder", inner.path]
        (plugin, lifeline) = try Self.start(arguments)
    }

    /// What is started for a node, up to its name.
    ///
    /// - Parameters:
    ///   - plugin: its program and first arguments; nil for the tool's own kinds.
    ///   - relayed: whether it can have neighbours on other machines.
    static func command(for plugin: [String]?, relayed: Bool, _ executable: String) -> [String] {
        guard let plugin else { return [executable, "node"] }
        guard relayed else { return plugin }
        return [executable, "relay", "--command", String(decoding: plugin.jsonBytes, as: UTF8.self)]
    }

    /// The same command for another machine: files below this folder are below that one's.
    static func portable(_ command: [String]) -> [String] {
        let here = FileManager.default.currentDirectoryPath + "/"
        return command.map { $0.hasPrefix(here) ? "./" + $0.dropFirst(here.count) : $0 }
    }

    /// A program that is not where it is on the supervisor's machine is looked for in `PATH`.
    private static func found(_ command: [String]) throws -> [String] {
        if access(command[0], X_OK) == 0 { return command }
        let name = URL(fileURLWithPath: command[0]).lastPathComponent
        guard let path = try? ChildProcess.find(name) else {
            throw LaunchError.cannotStart(
                program: command[0],
                reason: "it is not on this machine, and no '\(name)' is in its PATH")
        }
        return [path] + command.dropFirst()
    }

    private static func start(_ arguments: [String]) throws -> (pid_t, lifeline: Int32) {
        let variables = ProcessInfo.processInfo.environment
        let journal = variables[Journal.variable].flatMap { Int32($0) } ?? -1
        var (input, lifeline): (Int32, Int32) = (0, 0)
        let code = posix_pipe(&input, &lifeline)
        guard code == 0 else {
            throw LaunchError.system(call: "pipe2", reason: String(cString: strerror(-code)))
        }
        defer { close(input) }
        let argv = arguments.map { strdup($0) } + [nil]
        let environment = variables.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer { (argv + environment).forEach { free($0) } }
        // In this process's group, so that what ends that ends both; what it prints goes where this
        // one's output goes.
        let pid = posix_start(arguments[0], argv, environment, input, 1, 2, journal, SIGKILL, 0)
        guard pid > 0 else {
            throw LaunchError.cannotStart(
                program: arguments[0], reason: String(cString: strerror(-pid)))
        }
        return (pid, lifeline)
    }

    private func run() -> Int32 {
        var status: Int32 = 0
        while posix_reap(plugin, &status) == 0 {
            let ready = relay.poll(
                milliseconds: 50, besides: [signals, supervisorIsGone ? -1 : 0])
            if ready[0] { obeySignals() }
            if ready[1] { readStandardInput() }
        }
        // Its last messages may still be under way when its exit is noticed.
        let deadline = posix_monotonic_ns() + Self.lastMessages
        relay.work()
        while status == 0, !relay.hasPassedAll, posix_monotonic_ns() < deadline {
            _ = relay.poll(milliseconds: 10, besides: [])
        }
        removeTraces()
        return status
    }

    private func obeySignals() {
        while case let signal = posix_next_signal(signals), signal != 0 {
            if signal != SIGCHLD { kill(plugin, SIGTERM) }
        }
    }

    private func readStandardInput() {
        var byte: UInt8 = 0
        guard !supervisorIsGone, read(0, &byte, 1) == 0 else { return }
        supervisorIsGone = true
        close(lifeline)
    }

    private func removeTraces() {
        unlink(socket)
        inner.remove()
        guard supervisorIsGone else { return }
        // The supervisor cannot any more: the last node out removes the folder.
        unlink("\(folder)/control.sock")
        unlink(NodeConfiguration.nameFile(in: folder))
        rmdir(folder)
    }
}
