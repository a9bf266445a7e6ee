import CPosix
import CZeroMQ
import Dataflow
import Glibc

/// The supervisor's line to one machine: starts an agent there, and speaks with it.
final class MachineLink {
    enum Event {
        case ready(MachineFacts)
        /// A process there was started.
        case started(RemoteProcess)
        /// A process there said something.
        case heard(RemoteProcess, [UInt8])
        /// Part of a node's journal; nil at its end.
        case journal(node: String, (offset: Int, bytes: [UInt8])?)
        case pong(sent: Int64, clock: Int64, received: Int64)
        case files([FileFacts])
        case tried(isWell: Bool, output: String)
        /// What the agent, or the way to it, says to people.
        case said(String)
        case lost(String)
    }

    let machine: Machine
    let launcher: any MachineLauncher
    /// What the agent said of its machine; nil while there is none.
    private(set) var facts: MachineFacts?
    /// What leads to the agent; nil while none is wanted, or its launcher is not ready for it.
    private var process: ChildProcess?
    private var stream: AgentStream?
    /// Whether an agent is wanted.
    private var isOpening = false
    private var processes: [String: RemoteProcess] = [:]
    /// What is said once the agent listens.
    private(set) var pending: [(message: AgentMessage, bytes: [UInt8])] = []
    private var words: [String] = []
    private var began: Int64 = 0
    private var pingAt: Int64 = 0
    /// When the agent's messages ended: what `ssh` prints about it may follow.
    private var endedAt: Int64?
    /// How long nothing had been heard before something was, since this was looked at last.
    private var longestGap: Int64 = 0

    private static let pingInterval: Int64 = 500_000_000
    /// A little more than the agent's own patience, so that its processes are gone before others
    /// take their places.
    private static let silence = Agent.silence + 3_000_000_000
    private static let lastWords: Int64 = 2_000_000_000

    init(_ machine: Machine, _ launcher: any MachineLauncher) {
        (self.machine, self.launcher) = (machine, launcher)
    }

    /// Whether nothing has been heard for longer than a life sign takes.
    var isSilent: Bool {
        guard let stream, facts != nil else { return false }
        return posix_monotonic_ns() - stream.heardAt > 2 * Self.pingInterval
    }

    /// Nanoseconds for which this machine's processes could not be heard, told once.
    func takeGap() -> Int64 {
        defer { longestGap = 0 }
        return longestGap
    }

    /// Other machines' silence was this process's own fault.
    func forgive(_ nanoseconds: Int64) { stream?.forgive(nanoseconds) }

    // MARK: Speaking

    /// Starts an agent, if there is none.
    func open() throws {
        guard process == nil, !isOpening else { return }
        (words, endedAt, began) = ([], nil, posix_monotonic_ns())
        try connect()
        isOpening = process == nil
    }

    private func connect() throws {
        guard let command = try launcher.command() else { return }
        let process = try ChildProcess(command, talks: true)
        self.process = process
        stream = AgentStream(input: process.answers, output: process.lifeline)
        isOpening = false
    }

    /// Starts a process of a node, as soon as there is an agent.
    func start(_ id: String, node: String, kind: String, command: [String]?) throws -> RemoteProcess
    {
        try open()
        let process = RemoteProcess(id, on: self)
        processes[id] = process
        send(.start(id: id, node: node, kind: kind, command: command))
        return process
    }

    /// A process that no agent has been told of is not wanted any more.
    func withdraw(_ id: String) {
        processes[id] = nil
        pending.removeAll { message, _ in
            switch message {
            case .start(let other, _, _, _), .tell(let other), .signal(let other, _, _): other == id
            default: false
            }
        }
    }

    func send(_ message: AgentMessage, _ bytes: [UInt8] = []) {
        guard facts != nil, let stream else { return pending.append((message, bytes)) }
        stream.send(message, bytes)
    }

    /// Lets the agent go: it ends when its standard input does.
    func close() {
        isOpening = false
        stream?.stopSending()
        process?.cutLifeline()
    }

    /// Whether nothing of it is left here.
    func isGone() -> Bool {
        guard let process else { return true }
        return process.status != nil || process.reap()
    }

    func kill() { process?.killGroup() }

    // MARK: Listening

    var pollItems: [zmq_pollitem_t] {
        guard let stream, let process else { return [] }
        return stream.pollItems + process.outputs.map { zmq_pollitem_t(readable: $0) }
    }

    /// Takes in what has come, and looks whether the machine is still there.
    func work() -> [Event] {
        if isOpening {
            do { try connect() } catch { return [lose("\(error)")] }
        }
        guard let stream, let process else { return [] }
        var events = process.readLines().map { Event.said($0.text) }
        for case .said(let line) in events { words = words.suffix(9) + [line] }
        let before = stream.heardAt
        for received in stream.receive() { events += take(received) }
        if facts != nil { longestGap = max(longestGap, stream.heardAt - before) }
        let now = posix_monotonic_ns()
        if facts != nil, now >= pingAt {
            pingAt = now + Self.pingInterval
            stream.send(.ping(sent: now))
        }
        stream.flush()
        _ = process.reap()
        if let fault = fault(stream, process, now) { events.append(lose(fault)) }
        return events
    }

    private func take(_ received: AgentStream.Received) -> [Event] {
        switch received.message {
        case .facts(let facts):
            guard facts.version == MachineFacts.currentProtocol else {
                return [
                    lose(
                        "its personalive is another version (\(facts.version), this one is "
                            + "\(MachineFacts.currentProtocol)): 'personalive doctor GRAPH --install' "
                            + "copies this one there")
                ]
            }
            self.facts = facts
            for (message, bytes) in pending { stream?.send(message, bytes) }
            pending = []
            return [.ready(facts)]
        case .started(let id, let pid):
            guard let process = processes[id] else { break }
            process.began(pid: pid)
            return [.started(process)]
        case .refused(let id, let reason): end(id, -SIGABRT, reason)
        case .printed(let id, let stream, let line):
            processes[id]?.printed(PrintedLine(stream, line))
        case .ended(let id, let status): end(id, status, nil)
        case .heard(let id): return processes[id].map { [.heard($0, received.bytes)] } ?? []
        case .pong(let sent, let clock):
            return [.pong(sent: sent, clock: clock, received: posix_monotonic_ns())]
        case .journal(let node, let offset): return [.journal(node: node, (offset, received.bytes))]
        case .journalEnd(let node): return [.journal(node: node, nil)]
        case .files(let files): return [.files(files)]
        case .tried(let isWell, let output): return [.tried(isWell: isWell, output: output)]
        default: break
        }
        return []
    }

    private func end(_ id: String, _ status: Int32, _ fault: String?) {
        processes.removeValue(forKey: id)?.end(status, fault)
    }

    // MARK: Losing it

    /// Why there is no machine any more; nil when there is, or the reason is still to come.
    private func fault(_ stream: AgentStream, _ process: ChildProcess, _ now: Int64) -> String? {
        if facts != nil, now - stream.heardAt > Self.silence {
            return "nothing was heard of it for \(Self.silence / 1_000_000_000) s"
        }
        if facts == nil, now - began > launcher.patience.nanoseconds {
            return "it did not answer within \(launcher.patience / .seconds(1)) s"
        }
        guard stream.ending != nil || process.status != nil else { return nil }
        endedAt = endedAt ?? now
        let saidAll = process.status != nil && process.outputHasEnded
        guard saidAll || now - endedAt! > Self.lastWords else { return nil }
        let end = process.status.map(NodeFailure.words) ?? "its output ended"
        let cause = stream.ending.flatMap { $0.isEmpty ? nil : $0 } ?? end
        let said = words.isEmpty ? "" : ": " + words.suffix(3).joined(separator: " / ")
        let advice = facts == nil ? launcher.advice(process.status, words) : ""
        return cause + said + (advice.isEmpty ? "" : "; " + advice)
    }

    private func lose(_ reason: String) -> Event {
        let verb = facts == nil ? "cannot be reached" : "was lost"
        let fault = "machine '\(machine.name)' (\(launcher.place)) \(verb): \(reason)"
        process?.killGroup()
        _ = process?.reap()
        (process, stream, facts, pending, isOpening) = (nil, nil, nil, [], false)
        let mayComeBack = !launcher.isOver(words)
        for process in processes.values {
            process.end(-SIGHUP, "its " + fault, isMachineLost: mayComeBack)
        }
        processes = [:]
        return .lost(fault)
    }
}
