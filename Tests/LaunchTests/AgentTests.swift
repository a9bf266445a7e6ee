import Dataflow
import Foundation
import Glibc
import Synchronization
import Testing
import Wire

@testable import Launch

/// An agent in this process, spoken to as a supervisor does.
@Suite struct AgentTests {
    private final class Line {
        private let stream: AgentStream
        private let ends: [Int32]
        private var waiting: [AgentMessage] = []

        /// - Parameter program: what starts in place of a node, as a shell's script.
        init(
            program: String = "exit 0",
            checksum: @escaping @Sendable (String) -> String? = { _ in nil }
        ) throws {
            let executable = "/tmp/pl-agent-\(String(UInt32.random(in: 0 ... .max), radix: 36))"
            try Data("#!/bin/sh\n\(program)\n".utf8).write(to: URL(fileURLWithPath: executable))
            chmod(executable, 0o755)
            var (down, up): ([Int32], [Int32]) = ([0, 0], [0, 0])
            #expect(pipe(&down) == 0 && pipe(&up) == 0)
            let (input, output) = (down[0], up[1])
            Thread {
                let agent = try? Agent(
                    input: input, output: output, executable: executable, checksum: checksum)
                agent?.run()
                unlink(executable)
                close(output)
            }.start()
            stream = AgentStream(input: up[0], output: down[1])
            ends = [down[0], down[1], up[0]]
        }

        deinit {
            stream.stopSending()
            close(ends[1])
        }

        func send(_ message: AgentMessage, _ bytes: [UInt8] = []) { stream.send(message, bytes) }

        /// Everything up to a message, or what came within so many seconds.
        func hear(seconds: Double = 10, until isLast: (AgentMessage) -> Bool) -> [AgentMessage] {
            var all: [AgentMessage] = []
            let deadline = Date(timeIntervalSinceNow: seconds)
            while Date() < deadline {
                stream.flush()
                waiting += stream.receive().map(\.message)
                while !waiting.isEmpty {
                    all.append(waiting.removeFirst())
                    if isLast(all[all.count - 1]) { return all }
                }
                usleep(5_000)
            }
            return all
        }

        var facts: MachineFacts? {
            for case .facts(let facts) in hear(until: {
                if case .facts = $0 { true } else { false }
            }) {
                return facts
            }
            return nil
        }
    }

    /// Waits until a process has ended, reaped or not.
    private static func waitUntilEnded(_ pid: Int32) -> Bool {
        for _ in 0..<5000 {
            let state = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8)
            // "12 (sh) Z …": Z for one that nobody has reaped.
            guard let state, state.split(separator: ")").last?.hasPrefix(" Z") == false else {
                return true
            }
            usleep(2_000)
        }
        return false
    }

    @Test func `an agent answers while it hashes, and looks at no file twice`() throws {
        let gate = DispatchSemaphore(value: 0), hashed = Mutex<[String]>([])
        let line = try Line { path in
            hashed.withLock { $0.append(path) }
            gate.wait()
            return "sum"
        }
        line.send(.inspect(paths: ["/etc/passwd", "/etc/passwd", "/etc/nothing"]))
        line.send(.ping(sent: 7))

        let before = line.hear { if case .pong(sent: 7, _) = $0 { true } else { false } }
        gate.signal()
        let after = line.hear { if case .files = $0 { true } else { false } }

        #expect(before.contains { if case .pong = $0 { true } else { false } })
        #expect(!before.contains { if case .files = $0 { true } else { false } })
        guard case .files(let files)? = after.last else {
            Issue.record("no files: \(after)")
            return
        }
        #expect(files.map(\.path) == ["/etc/passwd", "/etc/nothing"])
        #expect(files.map(\.checksum) == ["sum", nil])
        #expect(hashed.withLock { $0 } == ["/etc/passwd"])
    }

    @Test func `last words are passed on though the process has ended before they came`() throws {
        let line = try Line()
        let folder = try #require(line.facts).runFolder
        line.send(.start(id: "node", node: "node", kind: "kind", command: nil))
        let started = line.hear { if case .started = $0 { true } else { false } }
        guard case .started(_, let pid)? = started.last else {
            Issue.record("nothing was started: \(started)")
            return
        }
        #expect(Self.waitUntilEnded(pid))

        let socket = ZMQSocketBox(try ZMQSocket(.dealer, in: ZMQContext(), identity: "node"))
        try socket.socket.connect(NodeConfiguration.controlEndpoint(in: folder))
        ControlMessage.done(NodeReport()).encoded().withUnsafeBytes { _ = socket.socket.send($0) }
        let said = line.hear { if case .ended = $0 { true } else { false } }

        #expect(said.contains(.heard(id: "node")), "\(said)")
        #expect(said.last == .ended(id: "node", status: 0), "\(said)")
    }

    @Test
    func `a process that says nothing at its end is waited for a second, one that crashed not`()
        throws
    {
        for (program, limits) in [("exit 0", 0.9...5.0), ("exit 3", 0.0...0.8)] {
            let line = try Line(program: program)
            _ = line.facts
            line.send(.start(id: "node", node: "node", kind: "kind", command: nil))
            _ = line.hear { if case .started = $0 { true } else { false } }
            let began = Date()

            let said = line.hear { if case .ended = $0 { true } else { false } }

            #expect(said.last == .ended(id: "node", status: program == "exit 0" ? 0 : 3), "\(said)")
            #expect(limits.contains(Date().timeIntervalSince(began)), "\(program)")
        }
    }

    @Test func `what a process prints keeps its stream`() throws {
        let line = try Line(program: "echo out; echo err >&2; exit 3")
        _ = line.facts
        line.send(.start(id: "node", node: "node", kind: "kind", command: nil))

        let said = line.hear { if case .ended = $0 { true } else { false } }

        #expect(said.contains(.printed(id: "node", stream: .stdout, line: "out")), "\(said)")
        #expect(said.contains(.printed(id: "node", stream: .stderr, line: "err")), "\(said)")
    }

    @Test func `what a node sends waits while the supervisor does not read, and none of it is lost`() throws {
        let line = try Line(program: "exec cat >/dev/null")
        let folder = try #require(line.facts).runFolder
        line.send(.start(id: "node", node: "node", kind: "kind", command: nil))
        _ = line.hear { if case .started = $0 { true } else { false } }
        let socket = ZMQSocketBox(try ZMQSocket(.dealer, in: ZMQContext(), identity: "node"))
        try socket.socket.connect(NodeConfiguration.controlEndpoint(in: folder))

        // More than the agent keeps.
        let message = [UInt8](repeating: 32, count: 64 << 10), count = 2000
        for _ in 0..<count { message.withUnsafeBytes { _ = socket.socket.send($0) } }
        var heard = 0
        _ = line.hear(seconds: 240) {
            if case .heard = $0 { heard += 1 }
            return heard == count
        }

        #expect(heard == count)
    }

    @Test func `what a node left is nobody's once it is forgotten`() throws {
        let line = try Line()
        line.send(.journal(node: "node", offset: 0))
        line.send(.journal(node: "node", offset: 4096), [1, 2, 3])
        line.send(.giveJournal(node: "node"))
        line.send(.forgetJournal(node: "node"))
        line.send(.giveJournal(node: "node"))

        func parts() -> Int {
            line.hear { if case .journalEnd = $0 { true } else { false } }
                .filter { if case .journal = $0 { true } else { false } }.count
        }

        #expect(parts() == 2)
        #expect(parts() == 0)
    }

    // MARK: Lines that are not there yet

    /// A machine that never says anything.
    private struct Silent: MachineLauncher {
        var place: String { "nowhere" }
        var patience: Duration { .seconds(60) }
        func command() throws -> [String]? { ["/bin/cat"] }
        func advice(_ status: Int32?, _ words: [String]) -> String { "" }
    }

    @Test func `a process that is given up before its agent speaks is never started`() throws {
        let machine = Machine(name: "far", launcher: .ssh(host: "far", options: [:]))
        let link = MachineLink(machine, Silent())
        let (first, second) = (
            try link.start("first", node: "first", kind: "kind", command: nil),
            try link.start("second", node: "second", kind: "kind", command: nil)
        )

        first.killGroup()

        #expect(first.status == -SIGKILL)
        #expect(second.status == nil)
        #expect(
            link.pending.map(\.message) == [
                .start(id: "second", node: "second", kind: "kind", command: nil)
            ])
        link.kill()
    }

    @Test func `a program that does not read what it is sent does not end its sender`() throws {
        signal(SIGPIPE, SIG_DFL)
        let path = "/tmp/pl-pipe-\(String(UInt32.random(in: 0 ... .max), radix: 36))"
        defer { unlink(path) }
        try Data(repeating: 1, count: 1 << 20).write(to: URL(fileURLWithPath: path))
        let input = open(path, O_RDONLY)
        defer { close(input) }

        let outcome = try ShortCommand.run(
            ["/bin/sh", "-c", "exec <&-; sleep 1; exit 3"], input: input, seconds: 10)

        #expect(outcome.status == 3)
    }
}
