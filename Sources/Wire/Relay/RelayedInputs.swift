import CPosix
import CZeroMQ
import NodeKit
import Tensors

/// The edges to a plugin from producers on other machines: over TCP with the run's keys outside, over
/// a socket of this machine inside.
///
/// Words pass as they are, so credits, numbers and acknowledgements are the plugin's own, and nothing
/// is kept here. What the plugin is spared: clocks, half precision, and connections that break.
final class RelayedInputs {
    struct Link {
        let configuration: NodeConfiguration.Input
        /// What it takes; nil where it was not told.
        let port: PortSpec?
        /// Whether the producer is elsewhere; else the plugin reaches it by itself.
        var isRelayed: Bool
        /// Where the producer is found; nil while that is not known.
        var outer: String?
        /// Where the plugin finds this relay, and where it did before and may still come from.
        var inner: String
        var formerInners: [String] = []
        var socket: ZMQSocketBox?
        var monitor: LinkMonitor?
        var wasWelcome = false
        var connection: UInt64 = 0
        /// What the plugin's socket said first; nil before that.
        var hello: Envelope?
        /// Number that the next message must have at least.
        var next: UInt64 = 0
        /// Messages that the plugin has and is not done with, and how many of them came over a
        /// connection that is gone: their credits mean nothing to the producer.
        var inHand = 0, past = 0
        var isLeaving = false
        var late = FrameSet()
    }

    /// How an input calls itself, on either side.
    func identity(_ index: Int) -> String {
        "\(configuration.name).\(links[index].configuration.port)"
    }

    let configuration: NodeConfiguration
    private let folder: String
    private let context: ZMQContext
    let clock: RunClock
    let inlet: ZMQSocketBox
    var links: [Link]
    private var inlets = 0
    let say: (ControlMessage) -> Void

    /// - Parameter folder: of the sockets between this relay and the plugin.
    init(
        _ configuration: NodeConfiguration, folder: String, context: ZMQContext, clock: RunClock,
        say: @escaping (ControlMessage) -> Void
    ) throws {
        (self.configuration, self.folder, self.context) = (configuration, folder, context)
        (self.clock, self.say) = (clock, say)
        inlet = ZMQSocketBox(try ZMQSocket(.router, in: context))
        links = configuration.inputs.map { input in
            let isFound = input.endpoint.hasPrefix("tcp://")
            return Link(
                configuration: input, port: input.portSpec, isRelayed: input.isElsewhere || isFound,
                outer: isFound ? input.endpoint : nil, inner: "")
        }
        for index in links.indices { links[index].inner = try inletEndpoint() }
    }

    /// Another place where the plugin finds this relay: a new one makes it connect anew.
    private func inletEndpoint() throws -> String {
        inlets += 1
        let endpoint = "ipc://\(folder)/in\(inlets).sock"
        try inlet.socket.bind(endpoint)
        return endpoint
    }

    /// Where the plugin is to find each producer, in the configuration's order.
    var endpoints: [String] {
        links.map { $0.isRelayed ? $0.inner : $0.configuration.endpoint }
    }

    var pollItems: [zmq_pollitem_t] {
        [inlet.socket.pollItem] + links.compactMap { $0.socket?.socket.pollItem }
            + links.compactMap { $0.monitor?.pollItem }
    }

    func work() throws {
        try hearPlugin()
        for index in links.indices {
            hearProducer(index)
            while let event = links[index].monitor?.next() { try note(event, index) }
        }
    }

    /// By input, frames that came too late to be worth passing on.
    var late: [(port: String, frames: FrameSet)] {
        links.map { ($0.configuration.port, $0.late) }.filter { !$0.1.isEmpty }
    }

    // MARK: Finding the producers

    /// The producer of an input is served elsewhere now.
    ///
    /// - Returns: where the plugin is to connect to; nil when it need not.
    func reconnect(_ port: String, to endpoint: String) throws -> String? {
        guard let index = links.firstIndex(where: { $0.configuration.port == port }) else {
            return endpoint
        }
        guard endpoint.hasPrefix("tcp://") else {
            // It has come to this machine.
            close(index)
            (links[index].isRelayed, links[index].outer, links[index].hello) = (false, nil, nil)
            return endpoint
        }
        guard links[index].outer != endpoint || !links[index].isRelayed else { return nil }
        links[index].outer = endpoint
        // A plugin that has not come yet finds the right producer when it does.
        guard links[index].hello != nil || !links[index].isRelayed else { return nil }
        close(index)
        (links[index].hello, links[index].isRelayed) = (nil, true)
        links[index].formerInners.append(links[index].inner)
        links[index].inner = try inletEndpoint()
        return links[index].inner
    }

    /// The plugin has come to the new place: no peer is left at the old ones.
    func leaveFormerInlets(_ index: Int) {
        links[index].formerInners.forEach { inlet.socket.unbind($0) }
        links[index].formerInners = []
    }

    private func close(_ index: Int) {
        // What it has not sent yet is for a connection that is gone.
        links[index].socket?.socket.forgetUnsent()
        (links[index].socket, links[index].monitor) = (nil, nil)
    }

    /// Connects to the producer.
    func open(_ index: Int, _ endpoint: String) throws {
        close(index)
        let input = links[index].configuration
        let socket = ZMQSocketBox(
            try ZMQSocket(.dealer, in: context, identity: identity(index)))
        try socket.socket.prepareToReach(input.producerKey, with: configuration.keys)
        links[index].monitor = try LinkMonitor(of: socket, in: context)
        try socket.socket.connect(endpoint)
        links[index].socket = socket
        links[index].connection = UInt64(posix_monotonic_ns()) | 1
        links[index].wasWelcome = false
    }

    private func note(_ event: LinkMonitor.Event, _ index: Int) throws {
        let input = links[index].configuration
        switch event {
        case .welcomed: links[index].wasWelcome = true
        // A producer that was let go is over before the plugin is.
        case .closed where links[index].isLeaving: close(index)
        case .closed: if links[index].wasWelcome { try renew(index) }
        case .refused(let reason):
            say(
                .warning(
                    "'\(input.producer)' at \(links[index].outer ?? "?") is not let in: \(reason)"))
        case .accepted: break
        }
    }

    /// The connection broke: what came is with the plugin, and what did not come is asked for again,
    /// where the edge sends anything twice.
    private func renew(_ index: Int) throws {
        guard let endpoint = links[index].outer, var hello = links[index].hello else { return }
        try open(index, endpoint)
        links[index].past = links[index].inHand
        (hello.isAgain, hello.sequence) = (true, links[index].next)
        hello.count = UInt32(links[index].configuration.window)
        tell(index, hello)
    }

    func tell(_ index: Int, _ envelope: Envelope) {
        var envelope = envelope
        envelope.stamp.frame = links[index].connection
        envelope.encoded().withUnsafeBytes { _ = links[index].socket?.socket.send($0) }
    }
}
