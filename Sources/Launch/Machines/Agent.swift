import CPosix
import CZeroMQ
import Foundation
import Glibc
import Wire

/// Acts for the supervisor on another machine: starts processes of nodes there, and passes messages on.
///
/// Its standard input and output lead to the supervisor, through `ssh` or `srun`. When they end, or
/// nothing is heard for a while, it ends its processes and itself: nothing outlives the supervisor.
package final class Agent {
    private let stream: AgentStream
    private let executable: String
    private let checksum: @Sendable (String) -> String?
    private let folder: RunFolder
    private let control: ZMQSocketBox
    private let signals: Int32
    private var children: [String: ChildProcess] = [:]
    /// Processes that have exited, while their last messages may be under way.
    private var ended: [String: (status: Int32, at: Int64)] = [:]
    /// Those whose final message has come.
    private var areComplete: Set<String> = []
    /// What processes of a node hand on to each other, by node.
    private var journals: [String: Int32] = [:]
    /// Outputs of this machine's nodes that the other end looks on at.
    private var taps: [LocalTap] = []
    /// What is being looked at, one after the other.
    private var inspections: [FileInspection] = []
    /// Runs of `devices`, and looks for requirements, that have not ended, one after the other.
    private var trials: [ShortCommand] = []
    /// When the end was seen to have come.
    private var endingSince: Int64?

    /// Without a life sign for so long, the supervisor or the way to it is taken for dead.
    static let silence: Int64 = 12_000_000_000
    /// Time that nodes get to close their files after that.
    private static let grace: Int64 = 12_000_000_000
    /// How long a node's last messages may take after its exit.
    private static let lastMessages: Int64 = 1_000_000_000
    /// What nodes print is not kept for a supervisor that does not read, and what they send waits in
    /// their processes.
    private static let mostWaiting = 64 << 20
    /// Control messages that are passed on before others come to their turn.
    private static let messagesPerRound = 500
    /// Of what is looked on at so much is on its way at most; the rest the node drops.
    private static let mostTapped = 8 << 20

    /// - Parameters:
    ///   - input: where the supervisor's messages come from.
    ///   - output: where they are answered.
    ///   - executable: the program whose `node` subcommand hosts a node.
    ///   - checksum: SHA-256 of the file at a path; nil when it cannot be read.
    package init(
        input: Int32, output: Int32, executable: String,
        checksum: @escaping @Sendable (String) -> String?
    ) throws {
        (self.executable, self.checksum) = (executable, checksum)
        signals = posix_signals([SIGINT, SIGTERM, SIGHUP, SIGCHLD], 4)
        folder = try RunFolder(for: .agent)
        // What a node sends beyond that waits in its own process.
        control = ZMQSocketBox(try ZMQSocket(.router, in: ZMQContext(), mostReceived: 1000))
        try control.socket.bind(NodeConfiguration.controlEndpoint(in: folder.path))
        stream = AgentStream(input: input, output: output)
    }

    deinit { journals.values.forEach { close($0) } }

    /// Serves until the supervisor is gone. Call from the main thread: the kernel ends the processes
    /// when the thread that started them ends.
    package func run() {
        stream.send(.facts(MachineFacts(runFolder: folder.path, executable: executable)))
        while endingSince == nil || !children.isEmpty || !ended.isEmpty {
            poll()
            let now = posix_monotonic_ns()
            if stream.ending != nil || now - stream.heardAt > Self.silence { beginToEnd() }
            if let endingSince, now - endingSince > Self.grace {
                children.values.forEach { $0.killGroup() }
            }
        }
        control.socket.forgetUnsent()
        folder.remove()
    }

    /// Nodes see their standard input end, as they would if a supervisor of their own machine died.
    private func beginToEnd() {
        guard endingSince == nil else { return }
        endingSince = posix_monotonic_ns()
        children.values.forEach { $0.cutLifeline() }
    }

    // MARK: Waiting

    private func poll() {
        let printing = children.filter { !$0.value.outputHasEnded }
        var items = [zmq_pollitem_t(readable: signals)] + stream.pollItems
        if isHeard { items.append(control.socket.pollItem) }
        items += printing.flatMap(\.value.outputs).map { zmq_pollitem_t(readable: $0) }
        if stream.backlog < Self.mostTapped { items += taps.map(\.pollItem) }
        let began = posix_monotonic_ns()
        zmqPoll(&items, milliseconds: 100)
        // After this process was stopped for a while itself, the supervisor has not been silent.
        let asleep = posix_monotonic_ns() - began - 1_000_000_000
        if asleep > 0 { stream.forgive(asleep) }
        if items[0].isReady { obeySignals() }
        for received in stream.receive() { obey(received) }
        for (id, child) in printing { pass(child.readLines(), of: id) }
        passControl()
        passTapped()
        reap()
        reportExits()
        passInspected()
        passTried()
        stream.flush()
    }

    private func obeySignals() {
        while case let signal = posix_next_signal(signals), signal != 0 {
            if signal != SIGCHLD { beginToEnd() }
        }
    }

    /// Whether the supervisor takes what it is sent.
    private var isHeard: Bool { stream.backlog < Self.mostWaiting }

    private func passControl() {
        for _ in 0..<Self.messagesPerRound {
            guard isHeard, let frames = control.socket.receive() else { return }
            let id = frames[0].text
            guard frames.count == 2, children[id] != nil || ended[id] != nil else { continue }
            stream.send(.heard(id: id), frames[1].withBytes { Array($0) })
            let isLast = frames[1].withBytes(ControlMessage.init(decoding:))?.isLast ?? false
            if isLast { areComplete.insert(id) }
        }
    }

    private func pass(_ lines: [PrintedLine], of id: String) {
        guard isHeard else { return }
        for line in lines { stream.send(.printed(id: id, stream: line.stream, line: line.text)) }
    }

    private func reap() {
        for (id, child) in children where child.reap() {
            pass(child.readLines(), of: id)
            child.killGroup()
            unlink("\(folder.path)/\(id).sock")
            children[id] = nil
            ended[id] = (child.status ?? 0, posix_monotonic_ns())
        }
    }

    /// Reports exits when no more messages are to come: they may still be under way when an exit in good
    /// order is noticed, and the supervisor does not wait for them after the report.
    private func reportExits() {
        guard !ended.isEmpty, isHeard else { return }
        passControl()
        let now = posix_monotonic_ns()
        for (id, end) in ended
        where end.status != 0 || areComplete.contains(id) || now - end.at > Self.lastMessages {
            ended[id] = nil
            areComplete.remove(id)
            stream.send(.ended(id: id, status: end.status))
        }
    }

    // MARK: Obeying

    private func obey(_ received: AgentStream.Received) {
        switch received.message {
        case .start(let id, let node, let kind, let command):
            start(id, node, kind, command)
        case .signal(let id, let number, let isForGroup):
            guard let child = children[id] else { return }
            if isForGroup { child.killGroup() } else { child.signal(number) }
        case .tell(let id):
            Array(id.utf8).withUnsafeBytes { name in
                received.bytes.withUnsafeBytes { _ = control.socket.send(name, $0) }
            }
        case .ping(let sent): stream.send(.pong(sent: sent, clock: posix_monotonic_ns()))
        case .giveJournal(let node): giveJournal(of: node)
        case .forgetJournal(let node): journals.removeValue(forKey: node).map { _ = close($0) }
        case .journal(let node, let offset): takeJournal(of: node, received.bytes, at: offset)
        case .tap(let port, let endpoint): look(port, endpoint)
        case .inspect(let paths): inspections.append(FileInspection(paths, checksum))
        case .tryDevices(let devices):
            begin { try ShortCommand(MachineCheck.trial(of: devices, executable), seconds: 120) }
        case .lookForRequirements(let command, let installs):
            begin { try PluginRequirements.look(command, installs: installs, executable: executable) }
        default: break
        }
    }

    private func start(_ id: String, _ node: String, _ kind: String, _ command: [String]?) {
        guard endingSince == nil else { return }
        do {
            let program = try NodeProgram(command, executable: executable)
            let child = try ChildProcess(
                program.words + [id, "--kind", kind, "--folder", folder.path],
                journal: try journal(of: node), environment: program.environment)
            children[id] = child
            stream.send(.started(id: id, pid: child.pid))
        } catch {
            stream.send(.refused(id: id, reason: "\(error)"))
        }
    }

    private func journal(of node: String) throws -> Int32 {
        if let journal = journals[node] { return journal }
        let journal = try Journal.create()
        journals[node] = journal
        return journal
    }

    // MARK: Looking on

    private func look(_ port: String, _ endpoint: String) {
        do {
            taps.append(try LocalTap(port: port, endpoint: endpoint))
        } catch { stream.send(.refused(id: port, reason: "\(error)")) }
    }

    private func passTapped() {
        for tap in taps {
            while stream.backlog < Self.mostTapped, let (header, payload) = try? tap.receive() {
                let bytes = header.encoded()
                guard bytes.count + payload.count <= AgentStream.longestBytes else {
                    refuse(tap, payload.count)
                    break
                }
                stream.send(.tapped(header: bytes.count), bytes + payload)
            }
        }
    }

    private func refuse(_ tap: LocalTap, _ size: Int) {
        taps.removeAll { $0 === tap }
        stream.send(
            .refused(
                id: tap.port,
                reason:
                    "output '\(tap.port)' sends messages of \(size) bytes, and what is looked on at "
                    + "from another machine has \(AgentStream.longestBytes >> 20) MiB at most: look on "
                    + "where its node runs"))
    }

    // MARK: Journals

    private func giveJournal(of node: String) {
        if let journal = journals[node] {
            JournalCopy.read(journal) { offset, bytes in
                stream.send(.journal(node: node, offset: offset), bytes)
            }
        }
        stream.send(.journalEnd(node: node))
    }

    private func takeJournal(of node: String, _ bytes: [UInt8], at offset: Int) {
        guard let journal = try? journal(of: node) else { return }
        JournalCopy.write(bytes, at: offset, to: journal)
    }

    // MARK: Files

    private func passInspected() {
        while let found = inspections.first?.found {
            inspections.removeFirst()
            stream.send(.files(found))
        }
    }

    // MARK: Trials

    private func begin(_ trial: () throws -> ShortCommand) {
        do { trials.append(try trial()) } catch {
            stream.send(.tried(isWell: false, output: "\(error)"))
        }
    }

    private func passTried() {
        guard let trial = trials.first else { return }
        do {
            guard let outcome = try trial.poll() else { return }
            stream.send(.tried(isWell: outcome.status == 0, output: outcome.output + outcome.errors))
        } catch {
            stream.send(.tried(isWell: false, output: "\(error)"))
        }
        trials.removeFirst()
    }
}
