import CPosix
import Foundation
import Glibc
import Wire

/// A local process of the run, with its output and a line that ends when the supervisor does.
final class ChildProcess: NodeProcess {
    let pid: pid_t
    /// Its standard output, if that is a protocol rather than text for people; else -1.
    let answers: Int32
    /// The child's standard input: it ends when this process ends, however it ends.
    private(set) var lifeline: Int32
    /// What it prints for people.
    private var streams: [LineStream]
    var fault: String? { nil }
    var isMachineLost: Bool { false }
    /// Nil while it runs; an exit code, or minus a signal.
    private(set) var status: Int32?

    /// Starts a program. Call from a thread that lives as long as the process: the kernel ends the
    /// child when the thread that started it ends.
    ///
    /// - Parameters:
    ///   - journal: what the node's processes hand on to each other.
    ///   - talks: whether its standard output is not for people.
    ///   - environment: what it has besides this process's.
    init(
        _ arguments: [String], journal: Int32 = -1, talks: Bool = false,
        environment more: [String: String] = [:]
    ) throws {
        let (input, lifeline) = try Self.pipe()
        let (output, childOutput) = try Self.pipe()
        let (errors, childErrors) = try Self.pipe()
        defer { for descriptor in [input, childOutput, childErrors] { close(descriptor) } }
        let argv = arguments.map { strdup($0) } + [nil]
        // Several nodes share the cores: threads of the mathematics that spin while they wait for each
        // other take them from nodes that have work: the demo on two busy cores made 1.3 frames a second
        // with two spinning threads in one node, and 4.3 with one.
        let defaults = ["OMP_WAIT_POLICY": "passive"]
        let own = journal < 0 ? [:] : [Journal.variable: String(journal)]
        let environment = ProcessInfo.processInfo.environment
            .merging(defaults) { own, _ in own }.merging(own) { $1 }.merging(more) { $1 }
            .map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer { (argv + environment).forEach { free($0) } }
        // A write to a program that has ended is an error, and not the end of this process.
        if talks { Glibc.signal(SIGPIPE, SIG_IGN) }
        pid = posix_start(
            arguments[0], argv, environment, input, childOutput, childErrors, journal, SIGTERM, 1)
        self.lifeline = lifeline
        answers = talks ? output : -1
        // Errors last: what is printed before a fault is read before it.
        streams = (talks ? [] : [LineStream(.stdout, output)]) + [LineStream(.stderr, errors)]
        guard pid > 0 else {
            for descriptor in [output, errors, lifeline] { close(descriptor) }
            throw LaunchError.cannotStart(
                program: arguments[0], reason: String(cString: strerror(-pid)))
        }
    }

    deinit {
        if pid > 0 {
            streams.forEach { close($0.descriptor) }
            if answers >= 0 { close(answers) }
            cutLifeline()
        }
    }

    var outputs: [Int32] { streams.filter { !$0.hasEnded }.map(\.descriptor) }
    var outputHasEnded: Bool { streams.allSatisfy(\.hasEnded) }

    /// Ends the child's standard input, as the death of this process would.
    func cutLifeline() {
        if lifeline >= 0 { close(lifeline) }
        lifeline = -1
    }

    func signal(_ signal: Int32) { if status == nil { kill(pid, signal) } }

    /// Ends the process and whatever it started itself, at once.
    func killGroup() { kill(-pid, SIGKILL) }

    /// Looks whether the process has ended; true once.
    func reap() -> Bool {
        guard status == nil else { return false }
        var code: Int32 = 0
        guard posix_reap(pid, &code) == 1 else { return false }
        status = code
        return true
    }

    func readLines() -> [PrintedLine] { streams.indices.flatMap { streams[$0].read() } }

    /// A program of the search path, as `execve` needs it.
    static func find(_ name: String) throws -> String {
        if name.contains("/") { return name }
        let search = (ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin")
        let paths = search.split(separator: ":").map { "\($0)/\(name)" }
        guard let path = paths.first(where: { access($0, X_OK) == 0 }) else {
            throw LaunchError.cannotStart(
                program: name, reason: "it is in no folder of PATH (\(search)): install it")
        }
        return path
    }

    private static func pipe() throws -> (read: Int32, write: Int32) {
        var (readEnd, writeEnd): (Int32, Int32) = (0, 0)
        let code = posix_pipe(&readEnd, &writeEnd)
        guard code == 0 else {
            throw LaunchError.system(call: "pipe2", reason: String(cString: strerror(-code)))
        }
        return (readEnd, writeEnd)
    }
}
