import CPosix
import CZeroMQ
import Glibc

/// Watches who comes to a node's TCP port: admits this run's nodes by their keys, and tells of
/// everyone else.
///
/// The library asks over ZAP (ZeroMQ RFC 27) about each client that has proved to have some secret
/// key and to know this node's public one; all others are turned away before. What is kept of
/// unknown peers is bounded: connections that have not said a word for which a key is needed are cut when
/// they are too many, oldest first.
final class Doorkeeper {
    private struct Visitor {
        let address: String
        /// Of the connection, to tell it from a later one with the same number.
        let inode: UInt64
    }

    private let requests: ZMQSocketBox
    private let monitor: LinkMonitor
    private let warn: (String) -> Void
    /// Who has which key.
    private var names: [String: String] = [:]
    /// Addresses, without ports, that nodes of this run have come from.
    private var friends: Set<String> = []
    /// By descriptor, connections that no message has come over.
    private var unknown: [Int32: Visitor] = [:]
    private var order: [Int32] = []
    private var reason: String?
    /// How many have been turned away.
    private(set) var refusedCount = 0
    private var untold = 0
    private var lastGone = ""
    private static let gone = "a peer that was gone at once"
    private var toldAt: Int64 = 0

    /// Connections of unknown peers at a time: a run has far fewer consumers that connect at once.
    private static let mostUnknown = 64
    /// So many are told of one by one; then once in so many nanoseconds how many there were.
    private static let toldSingly = 8
    private static let pause: Int64 = 10_000_000_000

    /// Lets a node's consumers on other machines in at an endpoint.
    ///
    /// With keys, only this run's consumers are admitted; without, the endpoint has to be
    /// on the loopback, unless the run is insecure by its author's wish.
    ///
    /// - Returns: who watches over them; nil without keys.
    static func open(
        _ router: ZMQSocketBox, at endpoint: String, _ configuration: NodeConfiguration,
        in context: ZMQContext, warn: @escaping (String) -> Void
    ) throws -> Doorkeeper? {
        let keys = configuration.keys
        let isLoopback = ["127.", "[::1]", "localhost"].contains { endpoint.hasPrefix("tcp://\($0)") }
        guard keys != nil || configuration.isInsecure || isLoopback else {
            throw WireError(
                "\(endpoint) would serve '\(configuration.name)' to every peer: without keys a node "
                    + "listens on this machine's loopback only")
        }
        let door = try keys.map { _ in try Doorkeeper(of: router, in: context, warn: warn) }
        for output in configuration.outputs {
            guard let key = output.consumerKey else { continue }
            door?.admit(output.consumer, key: key)
        }
        if endpoint.hasPrefix("tcp://") { try router.socket.serve(with: keys) }
        try router.socket.bind(endpoint)
        return door
    }

    /// Asked for by every CURVE server of the context: make it before one binds.
    init(
        of router: ZMQSocketBox, in context: ZMQContext, warn: @escaping (String) -> Void
    ) throws {
        self.warn = warn
        requests = ZMQSocketBox(try ZMQSocket(.router, in: context, linger: 0))
        try requests.socket.bind("inproc://zeromq.zap.01")
        monitor = try LinkMonitor(of: router, in: context)
    }

    /// A peer with this key is that node.
    func admit(_ name: String, key: String) { names[key] = name }

    var pollItems: [zmq_pollitem_t] { [requests.socket.pollItem, monitor.pollItem] }

    /// A message came over this connection: its peer is known.
    func recognise(_ descriptor: Int32) {
        // That it has come is said before its first message is there.
        while let event = monitor.next() { note(event) }
        if unknown.removeValue(forKey: descriptor) != nil { order.removeAll { $0 == descriptor } }
    }

    /// Answers the library and looks at what happened.
    func work() {
        while let frames = requests.socket.receive() { answer(frames) }
        while let event = monitor.next() { note(event) }
        if untold > 0, posix_monotonic_ns() - toldAt > Self.pause { tellCount() }
    }

    // MARK: ZAP

    /// Frames of a request: whose it is, empty, version, number, domain, address, identity,
    /// mechanism, and for CURVE the client's key.
    private func answer(_ frames: [ZMQFrame]) {
        guard frames.count >= 8, frames[2].text == "1.0" else { return }
        let isCurve = frames.count == 9 && frames[7].text == "CURVE"
        let key = isCurve ? frames[8].withBytes(CurveKeys.text(of:)) : nil
        let name = key.flatMap { names[$0] }
        if name != nil { friends.insert(Self.plain(frames[5].text)) }
        if name == nil { reason = "its key \(key ?? "(none)") is not one of this run's" }
        let number = frames[3].withBytes { Array($0) }
        let words = [
            Array("1.0".utf8), number, Array((name == nil ? "400" : "200").utf8),
            Array((name == nil ? "not of this run" : "OK").utf8), Array((name ?? "").utf8), [],
        ]
        _ = requests.socket.send([frames[0].withBytes { Array($0) }, []] + words)
    }

    // MARK: Unknown peers

    private func note(_ event: LinkMonitor.Event) {
        switch event {
        case .accepted(let descriptor):
            var address = Self.peer(of: descriptor)
            // The number may be that of a later connection by now.
            if unknown.values.contains(where: { $0.address == address }) || lastGone == address {
                address = Self.gone
            }
            unknown[descriptor] = Visitor(address: address, inode: Self.inode(of: descriptor))
            order.removeAll { $0 == descriptor }
            order.append(descriptor)
            if order.count > Self.mostUnknown { cutOldest() }
        case .refused(let reason): self.reason = self.reason ?? reason
        case .closed(let descriptor):
            guard let visitor = unknown.removeValue(forKey: descriptor) else { break }
            order.removeAll { $0 == descriptor }
            lastGone = visitor.address
            // A node whose connection breaks before the handshake is over will come again.
            let host = visitor.address.split(separator: ":").dropLast().joined(separator: ":")
            if reason != nil || !friends.contains(host) {
                turnedAway(visitor, reason ?? "it left without a word, or does not speak CURVE")
            }
            reason = nil
        case .welcomed: break
        }
    }

    private func turnedAway(_ visitor: Visitor, _ reason: String) {
        refusedCount += 1
        if refusedCount <= Self.toldSingly {
            warn("turned away \(visitor.address): \(reason)")
            toldAt = posix_monotonic_ns()
        } else {
            untold += 1
        }
    }

    private func tellCount() {
        warn("turned away \(untold) more connections, \(refusedCount) in all")
        untold = 0
        toldAt = posix_monotonic_ns()
    }

    /// The library finds its end and cleans up.
    private func cutOldest() {
        let descriptor = order.removeFirst()
        guard let visitor = unknown.removeValue(forKey: descriptor) else { return }
        turnedAway(visitor, "\(Self.mostUnknown) others wait, too, and have not said who they are")
        if visitor.inode != 0, Self.inode(of: descriptor) == visitor.inode {
            shutdown(descriptor, Int32(SHUT_RDWR))
        }
    }

    private static func inode(of descriptor: Int32) -> UInt64 {
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFSOCK else { return 0 }
        return UInt64(status.st_ino)
    }

    /// An IPv4 address that came in over IPv6 is one.
    private static func plain(_ address: String) -> String {
        address.replacing("::ffff:", with: "")
    }

    /// The other end's address and port, or what is known of it.
    private static func peer(of descriptor: Int32) -> String {
        var address = sockaddr_storage()
        var size = socklen_t(MemoryLayout<sockaddr_storage>.size)
        var (host, port) = (
            [CChar](repeating: 0, count: 64), [CChar](repeating: 0, count: 16)
        )
        let found = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                getpeername(descriptor, address, &size) == 0
                    && getnameinfo(
                        address, size, &host, socklen_t(host.count), &port,
                        socklen_t(port.count), NI_NUMERICHOST | NI_NUMERICSERV) == 0
            }
        }
        guard found else { return gone }
        func text(_ characters: [CChar]) -> String {
            String(
                decoding: characters.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) },
                as: UTF8.self)
        }
        return "\(plain(text(host))):\(text(port))"
    }
}
