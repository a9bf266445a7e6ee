import CPosix
import CZeroMQ
import NodeKit
import Tensors

/// The consumer's sockets of a node: one dealer per input, all on the thread that polls.
///
/// Everything that comes in is checked against its port before it is used: a peer may be any program.
final class InputLinks {
    struct Link {
        let configuration: NodeConfiguration.Input
        let port: PortSpec
        /// What the input goes on with when this edge has ended.
        var successor: NodeConfiguration.Input?
        /// Whether the input is connected to nothing once this edge has ended.
        var isDropped = false
        /// Payloads in the producer's memory that are still read.
        var lent = 0
        var socket: ZMQSocketBox
        var endpoint: String
        /// Number that the next message must have at least: a gap is a drop, going back is a fault.
        var next: UInt64
        /// What is numbered below it will never be asked for again.
        var acknowledged: UInt64
        /// Tells the processes at both ends from those before them.
        var connection = nextConnection

        /// Grows; its lower half is never 0, which is what producers say that know of no connections.
        static var nextConnection: UInt64 { UInt64(posix_monotonic_ns()) | 1 }
        /// The producer's process is gone: until there is another, nothing that comes is whole.
        var isBroken = false
        /// By when the edge of that name must have ended, since its producer is done.
        var due: (edge: String, by: Int64)?
        /// Of an edge from another machine: what happens to its connection.
        var monitor: LinkMonitor?
        /// Whether both sides of that connection have known each other.
        var wasWelcome = false

        var isElsewhere: Bool { monitor != nil }
    }

    let exchange: Exchange
    private let context: ZMQContext
    private let name: String
    private let keys: CurveKeys?
    let clock: RunClock
    private let spec: NodeSpec
    let say: (ControlMessage) -> Void
    private var isLeaving = false
    var links: [Link]
    /// Edges that have ended, while something that came on them is still in use, or not in the journal.
    var formers: [Link] = []
    /// By edge, where an earlier process of this node ended.
    private let cursors: [String: UInt64]
    /// By port, what earlier processes of the node took in.
    private let past: [String: JournalRecord.Input]
    let slots = SlotView()
    var report: [NodeReport.Input]
    var ended: Set<Int> = []

    /// Whether nothing will come in any more.
    var haveEnded: Bool { ended.count == links.count }

    /// What was sent before a producer said that it is done comes within this time.
    private static let patience: Int64 = 1_000_000_000

    /// A producer says that it is done.
    func expectEnd(of producer: String) {
        let deadline = posix_monotonic_ns() + Self.patience
        for index in links.indices
        where links[index].configuration.producer == producer && !ended.contains(index) {
            links[index].due = (links[index].configuration.key, deadline)
        }
    }

    /// An edge that its producer left open would be waited for for ever.
    func failUnended(at now: Int64) {
        for index in links.indices {
            let edge = links[index].configuration
            guard let due = links[index].due, now > due.by else { continue }
            links[index].due = nil
            guard !ended.contains(index), due.edge == edge.key else { continue }
            exchange.fail(
                "it said 'done' without sending 'end' on its output '\(edge.producerPort)'",
                culprit: edge.producer)
        }
    }

    /// Connects every input and says hello to its producer.
    ///
    /// - Parameters:
    ///   - next: by edge, the number of the first message that is wanted.
    ///   - past: by port, what earlier processes of the node took in.
    init(
        _ configuration: NodeConfiguration, spec: NodeSpec, context: ZMQContext, clock: RunClock,
        exchange: Exchange, next: [String: UInt64], past: [String: JournalRecord.Input], say: @escaping (ControlMessage) -> Void
    ) throws {
        (self.exchange, self.context, self.clock) = (exchange, context, clock)
        (name, keys, self.say) = (configuration.name, configuration.keys, say)
        (self.spec, cursors, self.past) = (spec, next, past)
        (links, report) = ([], [])
        for input in configuration.inputs {
            links.append(try link(input))
            report.append(NodeReport.Input(port: input.port, pace: links[links.count - 1].port.pace))
        }
        let required = Set(spec.inputs.filter { !$0.isOptional }.map(\.name))
        exchange.connect(
            TickAssembler(
                inputs: links.map(input), required: required, oldest: configuration.oldest))
        links.indices.forEach { sendHello($0) }
    }

    func link(_ input: NodeConfiguration.Input) throws -> Link {
        let isOwn = !spec.takesAnything && input.condition == nil
        guard let port = isOwn ? spec.inputs.first(where: { $0.name == input.port }) : input.portSpec
        else {
            throw WireError("'\(spec.kind)' has no input '\(input.port)'")
        }
        let (socket, monitor) = try Self.socket(
            to: input.endpoint, for: input, as: input.identity(of: name), keys, context)
        let first = input.keep == .all ? cursors[input.key] ?? 0 : 0
        return Link(
            configuration: input, port: port, socket: socket, endpoint: input.endpoint,
            next: first, acknowledged: first, monitor: monitor)
    }

    func input(_ link: Link) -> TickAssembler.Input {
        let port = link.port.name
        return TickAssembler.Input(
            port: port, pace: link.port.pace, keep: link.configuration.keep,
            window: link.configuration.window, key: link.configuration.key, next: link.next,
            cursors: cursors.filter { $0.key.prefix { $0 != "~" } == port },
            past: past[port] ?? .init(), condition: link.configuration.condition)
    }

    private static func socket(
        to endpoint: String, for input: NodeConfiguration.Input, as identity: String,
        _ keys: CurveKeys?, _ context: ZMQContext
    ) throws -> (ZMQSocketBox, LinkMonitor?) {
        let socket = ZMQSocketBox(try ZMQSocket(.dealer, in: context, identity: identity))
        var monitor: LinkMonitor?
        if endpoint.hasPrefix("tcp://") {
            try socket.socket.prepareToReach(input.producerKey, with: keys)
            monitor = try LinkMonitor(of: socket, in: context)
        }
        try socket.socket.connect(endpoint)
        return (socket, monitor)
    }

    func sendHello(_ index: Int, again: Bool = false) {
        var hello = Envelope(.hello)
        hello.isElsewhere = links[index].isElsewhere
        hello.isAgain = again
        hello.count = UInt32(links[index].configuration.window)
        hello.sequence = links[index].next
        hello.acknowledges = true
        tell(index, hello)
    }

    /// The node has all that it wants.
    func sendBye() {
        isLeaving = true
        for index in links.indices { tell(index, Envelope(.bye)) }
        formers.forEach { Self.tell($0, Envelope(.bye)) }
    }

    /// A payload in a producer's memory is not read any more.
    ///
    /// - Returns: whether the producer of the input is to be told with its next credits.
    func release(_ slot: UInt64, of connection: UInt64, _ input: Int) -> Bool {
        if links[input].connection == connection {
            links[input].lent -= 1
            return true
        }
        if let index = formers.firstIndex(where: { $0.connection == connection }) {
            formers[index].lent -= 1
            releaseFormers()
        }
        return false
    }

    /// The producer of an input is served elsewhere now: what has not been used up is asked for again.
    ///
    /// - Parameters:
    ///   - key: name of the edge.
    ///   - isFresh: whether the new process counts from 0, knowing nothing of its predecessor.
    func reconnect(_ key: String, to endpoint: String, isFresh: Bool) throws {
        if let index = links.firstIndex(where: { $0.successor?.key == key }) {
            links[index].successor!.endpoint = endpoint
        }
        try reconnectFormer(key, to: endpoint)
        guard let index = links.firstIndex(where: { $0.configuration.key == key }),
            links[index].endpoint != endpoint
        else { return }
        // What the old process has sent is not sent again by one that knows nothing of it.
        if isFresh { read(index) }
        let resends = !isFresh && links[index].configuration.keep == .all
        let next = exchange.reconnect(index, resends: resends)
        try connect(index, to: endpoint)
        links[index].next = resends ? next : 0
        if isFresh { links[index].acknowledged = 0 }
        sendHello(index)
    }

    /// The producer is the same, but the connection to its machine broke: what came is here, and what
    /// did not come is asked for again, where the edge sends anything twice.
    private func renew(_ index: Int) throws {
        _ = exchange.reconnect(index, resends: false)
        try connect(index, to: links[index].endpoint)
        sendHello(index, again: true)
    }

    private func connect(_ index: Int, to endpoint: String) throws {
        try connect(&links[index], to: endpoint)
        ended.remove(index)
        links[index].due = nil
    }

    func connect(_ link: inout Link, to endpoint: String) throws {
        // What it has not sent yet is for a connection that is gone.
        link.socket.socket.forgetUnsent()
        (link.socket, link.monitor) = try Self.socket(
            to: endpoint, for: link.configuration, as: link.configuration.identity(of: name), keys, context)
        link.endpoint = endpoint
        link.connection = Link.nextConnection
        link.lent = 0
        (link.isBroken, link.wasWelcome) = (false, false)
    }

    /// Looks after the connections to other machines.
    func watch() {
        for index in links.indices {
            while let event = links[index].monitor?.next() { note(event, index) }
        }
    }

    private func note(_ event: LinkMonitor.Event, _ index: Int) {
        let input = links[index].configuration
        switch event {
        case .welcomed: links[index].wasWelcome = true
        case .closed:
            guard links[index].wasWelcome, !isLeaving else { return }
            do { try renew(index) } catch { exchange.fail("\(error)") }
        case .refused(let reason):
            say(.warning("'\(input.producer)' at \(links[index].endpoint) is not let in: \(reason)"))
        case .accepted: break
        }
    }

    /// By edge, what is numbered below will not be asked for again.
    ///
    /// - Returns: the inputs whose producers have to be told.
    func acknowledge(_ next: [String: UInt64]) -> [Int] {
        for index in formers.indices {
            formers[index].acknowledged = next[formers[index].configuration.key] ?? 0
        }
        releaseFormers()
        return links.indices.filter { index in
            guard let next = next[links[index].configuration.key],
                links[index].configuration.keep == .all, next > links[index].acknowledged
            else { return false }
            links[index].acknowledged = next
            return true
        }
    }

    var pollItems: [zmq_pollitem_t] { links.map { $0.socket.socket.pollItem } }
    /// What ``watch()`` looks after.
    var monitorItems: [zmq_pollitem_t] { links.compactMap { $0.monitor?.pollItem } }

    /// Sends credits, or gives back slots, to an input's producer.
    func tell(_ input: Int, _ envelope: Envelope) { Self.tell(links[input], envelope) }

    static func tell(_ link: Link, _ envelope: Envelope) {
        var envelope = envelope
        envelope.stamp.frame = link.connection
        if envelope.kind == .grant { envelope.sequence = link.acknowledged }
        envelope.encoded().withUnsafeBytes { _ = link.socket.socket.send($0) }
    }
}
