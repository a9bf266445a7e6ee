import Foundation
import Glibc
import Tensors

/// The tool as a program of its own, with a folder of its own for its runs.
final class Tool {
    struct Outcome {
        let status: Int32
        let output: String
        let errors: String

        /// The JSON object that the tool prints with `--json`; empty of anything else.
        var object: [String: Any] {
            let object = try? JSONSerialization.jsonObject(with: Data(output.utf8))
            return object as? [String: Any] ?? [:]
        }

        /// A number in that object.
        func number(_ key: String) -> Int? { object[key] as? Int }
    }

    let process = Process()
    /// The tool itself.
    let program: URL
    /// Where files of this run go; its runs' sockets are in there too.
    let folder: String
    private let output = Pipe()
    private var early = Data()
    private let errors: URL

    /// Prepares `personalive` with a graph in a file.
    init(_ command: String, graph: String, _ arguments: String...) throws {
        folder = "/tmp/pl-\(String(UInt32.random(in: 0 ... .max), radix: 36))"
        try FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: false)
        let file = "\(folder)/graph.yaml"
        try Data(graph.replacing("FOLDER", with: folder).utf8).write(to: URL(fileURLWithPath: file))
        errors = URL(fileURLWithPath: "\(folder)/errors.txt")
        try Data().write(to: errors)
        // The tool is built beside the test's own program.
        let own = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        program = URL(fileURLWithPath: own).deletingLastPathComponent()
            .appendingPathComponent("personalive")
        process.executableURL = program
        process.arguments = [command, file] + arguments
        var environment = ProcessInfo.processInfo.environment
        environment["XDG_RUNTIME_DIR"] = folder
        environment["XDG_STATE_HOME"] = "\(folder)/state"
        environment["PERSONALIVE_KEYS"] = "\(folder)/keys"
        process.environment = environment
        process.standardOutput = output
        process.standardError = try FileHandle(forWritingTo: errors)
    }

    /// Prepares `personalive` with these arguments and no graph.
    convenience init(arguments: [String]) throws {
        try self.init("", graph: "")
        process.arguments = arguments
    }

    /// Prepares `personalive-bench`, which is built beside it.
    convenience init(bench arguments: [String]) throws {
        try self.init(arguments: arguments)
        process.executableURL = program.deletingLastPathComponent()
            .appendingPathComponent("personalive-bench")
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    /// Folders in which plugins are looked for, besides the usual ones.
    var plugins: [String] = [] {
        didSet {
            process.environment?["PERSONALIVE_PLUGINS"] = plugins.joined(separator: ":")
        }
    }

    func start() throws { try process.run() }

    /// Waits for the end.
    func finish() -> Outcome {
        let data = early + output.fileHandleForReading.readAll()
        process.waitUntilExit()
        let text = (try? String(contentsOf: errors, encoding: .utf8)) ?? ""
        return Outcome(
            status: process.terminationReason == .exit
                ? process.terminationStatus : -process.terminationStatus,
            output: String(decoding: data, as: UTF8.self), errors: text)
    }

    func run() throws -> Outcome {
        try start()
        return finish()
    }

    /// Asks something about, or of, the run that goes on: another command of the tool.
    func ask(_ arguments: String...) throws -> Outcome { try ask(arguments) }

    func ask(_ arguments: [String]) throws -> Outcome {
        let asking = Process(), output = Pipe(), errors = Pipe()
        asking.executableURL = program
        asking.arguments = arguments
        asking.environment = process.environment
        asking.standardOutput = output
        asking.standardError = errors
        try asking.run()
        let printed = output.fileHandleForReading.readAll()
        let complaints = errors.fileHandleForReading.readAll()
        asking.waitUntilExit()
        return Outcome(
            status: asking.terminationStatus, output: String(decoding: printed, as: UTF8.self),
            errors: String(decoding: complaints, as: UTF8.self))
    }

    /// What it has printed to its standard error.
    var errorsSoFar: String { (try? String(contentsOf: errors, encoding: .utf8)) ?? "" }

    /// The processes of this run's nodes by node name; those that nobody has buried do not count.
    var nodes: [String: Int32] {
        var nodes: [String: Int32] = [:]
        for entry in (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? [] {
            guard let pid = Int32(entry),
                let data = FileManager.default.contents(atPath: "/proc/\(pid)/cmdline")
            else { continue }
            let words = data.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
            guard let kind = words.firstIndex(of: "--kind"), kind > 0,
                words.contains(where: hasFolder)
            else { continue }
            // The second process of a node is called `name~2`.
            nodes[String(words[kind - 1].prefix { $0 != "~" })] = pid
        }
        return nodes
    }

    /// Sends a node's process a signal, and says which it was.
    @discardableResult
    func kill(_ node: String, _ signal: Int32 = SIGKILL) -> Int32? {
        guard let pid = nodes[node] else { return nil }
        _ = Glibc.kill(pid, signal)
        return pid
    }

    /// What the tool has printed so far; ``finish()`` gives it again.
    var printed: String {
        let descriptor = output.fileHandleForReading.fileDescriptor
        var count: Int32 = 0, buffer = [UInt8](repeating: 0, count: 1 << 16)
        _ = ioctl(descriptor, UInt(FIONREAD), &count)
        if count > 0 { early += buffer[..<max(read(descriptor, &buffer, buffer.count), 0)] }
        return String(decoding: early, as: UTF8.self)
    }

    /// Processes of this tool that a process has started, by their subcommand.
    static func children(of parent: Int32) -> [String: Int32] {
        let path = "/proc/\(parent)/task"
        let threads = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
        let children = threads.compactMap {
            try? String(contentsOfFile: "\(path)/\($0)/children", encoding: .utf8)
        }
        var found: [String: Int32] = [:]
        for pid in children.joined(separator: " ").split(separator: " ").compactMap({ Int32($0) }) {
            let words = (FileManager.default.contents(atPath: "/proc/\(pid)/cmdline") ?? Data())
                .split(separator: 0)
            if words.count > 1 { found[String(decoding: words[1], as: UTF8.self)] = pid }
        }
        return found
    }

    /// Sockets and folders of runs that are still there.
    var traces: [String] {
        (try? FileManager.default.subpathsOfDirectory(atPath: "\(folder)/personalive")) ?? []
    }

    /// Waits until something is so, up to half a minute: a machine under load is slow.
    func waitUntil(_ condition: () -> Bool) -> Bool {
        for _ in 0..<3000 {
            if condition() { return true }
            usleep(10_000)
        }
        return false
    }

    /// Where a file of the run is: in its draft while it is made, then in its place.
    func path(of name: String) -> String { Draft.newest(of: "\(folder)/\(name)") }

    /// What is in the folder of what was not finished.
    var drafts: [String] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        return names.filter { $0.contains(".partial-") }.sorted()
    }

    /// Waits until a file of the run, or its draft, has grown to some size.
    func waitForFile(_ name: String, bytes: Int) -> Bool {
        waitUntil {
            let attributes = try? FileManager.default.attributesOfItem(atPath: path(of: name))
            return (attributes?[.size] as? Int ?? 0) >= bytes
        }
    }

    private func hasFolder(_ word: String) -> Bool { word.hasPrefix("\(folder)/") }
}

extension FileHandle {
    /// All that comes until the end; a signal does not end it, as it does Foundation's own call.
    func readAll() -> Data {
        var (data, buffer) = (Data(), [UInt8](repeating: 0, count: 1 << 16))
        while true {
            let count = Glibc.read(fileDescriptor, &buffer, buffer.count)
            if count > 0 { data.append(contentsOf: buffer[..<count]) }
            if count == 0 || count < 0 && errno != EINTR { return data }
        }
    }
}
