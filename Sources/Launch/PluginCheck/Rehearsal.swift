import CPosix
import CZeroMQ
import Dataflow
import Foundation
import Glibc
import NodeKit
import Wire

/// One life of a plugin's process, alone: all others of a run are played by the caller's script.
///
/// What the process does wrong on the way is collected in ``complaints``; what makes going on
/// senseless is thrown.
final class Rehearsal {
    /// Something that the plugin did, and what `Plugins/README.md` says that it should have done.
    struct Complaint: Error, Equatable {
        let found: String
        let needed: String

        init(_ found: String, _ needed: String) {
            self.found = found
            self.needed = needed
        }
    }

    /// What the graph would call the node.
    static let node = "checked"

    let plugin: Plugin
    let spec: NodeSpec
    let settings: Settings
    let patience: Duration
    let sizes: RehearsalSizes
    private(set) var feeds: [RehearsalFeed] = []
    private(set) var takers: [RehearsalTaker] = []
    private(set) var complaints: [Complaint] = []
    /// Words on the control connection so far, by type.
    private(set) var said: [String: Int] = [:]
    private(set) var lastReport: NodeReport?
    /// Whether its hello said that live settings can change, and what it answered when they did.
    private(set) var canSet = false
    private(set) var applied: [(edition: Int, frame: UInt64?)] = []
    private(set) var log: [String] = []
    /// Gets each line that it prints, and its warnings, as they come.
    var show: (String) -> Void = { _ in }
    /// The reason that it gave itself for going no further.
    private(set) var failedReason: String?
    private let context = ZMQContext()
    private let control: ZMQSocketBox
    private let child: ChildProcess
    let folder: RunFolder

    /// - Parameters:
    ///   - inputs: names of those that are connected; nil for all.
    ///   - isInline: whether its consumers get what it makes in the message, where they can keep it.
    ///   - journal: what processes of the node hand on to each other.
    init(
        _ plugin: Plugin, _ settings: Settings, sizes: RehearsalSizes, window: Int = 2,
        inputs: Set<String>? = nil, isInline: Bool = false, journal: Int32 = -1,
        patience: Duration, executable: String
    ) throws {
        self.plugin = plugin
        self.settings = settings
        self.sizes = sizes
        self.patience = patience
        spec = plugin.spec.resolved(with: settings)
        folder = try RunFolder(for: .trial)
        control = ZMQSocketBox(try ZMQSocket(.router, in: context))
        control.socket.forgetUnsent()
        try control.socket.bind(NodeConfiguration.controlEndpoint(in: folder.path))
        let program = try NodeProgram(plugin.command, executable: executable)
        child = try ChildProcess(
            program.words + [Self.node, "--kind", plugin.spec.kind, "--folder", folder.path],
            journal: journal, environment: program.environment)
        for port in spec.inputs where inputs?.contains(port.name) ?? true {
            feeds.append(
                try RehearsalFeed(port, window: window, in: folder.path, context: context))
        }
        let endpoint = NodeConfiguration.endpoint(of: Self.node, in: folder.path)
        for port in spec.outputs {
            takers.append(try RehearsalTaker(
                    port, sizes, isInline: isInline, endpoint: endpoint, context: context))
        }
    }

    deinit {
        child.killGroup()
        _ = child.reap()
        folder.remove()
    }

    func complain(_ found: String, _ needed: String) {
        let complaint = Complaint(found, needed)
        if !complaints.contains(complaint) { complaints.append(complaint) }
    }

    // MARK: Waiting

    /// Waits until something is so.
    ///
    /// - Parameter what: completes "it did not … within 5 s" and "it ended before it …".
    func wait(
        for what: String, needed: String, upTo limit: Duration? = nil, until isSo: () -> Bool
    ) throws(Complaint) {
        let limit = limit ?? patience
        var deadline = ContinuousClock.now + limit
        var hasEnded = false
        while !isSo() {
            pump()
            if isSo() { return }
            if let failedReason {
                throw Complaint("it gave up before it \(what): \(failedReason)", needed)
            }
            if !hasEnded, child.status != nil, child.outputHasEnded {
                // Its last words may still be on their way.
                hasEnded = true
                deadline = min(deadline, ContinuousClock.now + .milliseconds(250))
            }
            if let status = child.status, hasEnded, ContinuousClock.now >= deadline {
                let words = NodeFailure.words(for: status)
                throw Complaint("it ended with \(words) before it \(what)\(lastLines)", needed)
            }
            guard ContinuousClock.now < deadline else {
                throw Complaint(
                    "within \(limit / .seconds(1)) s there was nothing of this: it \(what)", needed)
            }
        }
    }

    /// Listens for a while, whatever comes.
    func listen(for time: Duration) {
        let deadline = ContinuousClock.now + time
        while ContinuousClock.now < deadline { pump() }
    }

    /// How it gave up or ended; nil while it goes on.
    var ending: String? { failedReason ?? status.map(NodeFailure.words) }

    /// Hears what is still on its way from a process that gave up or has ended.
    func hearTheRest() {
        let deadline = ContinuousClock.now + .seconds(5)
        while status == nil, ContinuousClock.now < deadline { pump() }
        pump()
    }

    /// Exit code, or minus a signal; nil while it runs.
    var status: Int32? {
        _ = child.reap()
        return child.status
    }

    var lastLines: String {
        log.isEmpty ? "" : "; its last lines: " + log.suffix(4).joined(separator: " | ")
    }

    private func pump() {
        var items = [control.socket.pollItem]
        items += child.outputs.map { zmq_pollitem_t(readable: $0) }
        items += feeds.map(\.pollItem)
        items += takers.map(\.pollItem)
        zmqPoll(&items, milliseconds: 20)
        let lines = child.readLines().map(\.text)
        lines.forEach(show)
        log += lines
        if log.count > 40 { log.removeFirst(log.count - 40) }
        hearControl()
        for feed in feeds { feed.read().forEach { complain($0.found, $0.needed) } }
        for taker in takers { taker.read().forEach { complain($0.found, $0.needed) } }
        _ = child.reap()
    }

    // MARK: The control connection

    func tell(_ message: ControlMessage) { tell(message.encoded()) }

    func tell(_ bytes: [UInt8]) {
        Array(Self.node.utf8).withUnsafeBytes { name in
            bytes.withUnsafeBytes { _ = control.socket.send(name, $0) }
        }
    }

    private func hearControl() {
        while let frames = control.socket.receive() {
            guard frames.count == 2, frames[0].text == Self.node else {
                complain(
                    "its control socket calls itself '\(frames[0].text.prefix(40))'",
                    "the DEALER to control.sock has the identity NAME, here '\(Self.node)', and "
                        + "sends one frame a message")
                continue
            }
            hear(frames[1])
        }
    }

    private func hear(_ frame: ZMQFrame) {
        guard let message = frame.withBytes(ControlMessage.init(decoding:)) else {
            return complain(
                "its control message cannot be read: \(frame.text.prefix(80))",
                "a control message is a JSON object with a 'type' of the table 'From the node'")
        }
        switch message {
        case .hello(_, _, _, let sets):
            said["hello", default: 0] += 1
            canSet = sets
        case .applied(let edition, let frame): applied.append((edition, frame))
        case .ready: said["ready", default: 0] += 1
        case .progress(let report):
            said["progress", default: 0] += 1
            lastReport = report
        case .warning(let text):
            said["warning", default: 0] += 1
            show("warning: \(text)")
        case .failed(let reason, _): failedReason = reason
        case .done(let report):
            said["done", default: 0] += 1
            lastReport = report
        default:
            complain(
                "it sent a message that only a supervisor sends: \(frame.text.prefix(80))",
                "the table 'From the node' has what a node says")
        }
    }

    // MARK: Disturbing it

    /// Ends its standard input, as the death of the supervisor does.
    func cutLifeline() { child.cutLifeline() }

    func signal(_ number: Int32) { child.signal(number) }
}
