import CZeroMQ
import Glibc

/// What a socket needs before it binds or connects to TCP: the library copies the options then, so
/// an `ipc://` endpoint that was bound before stays as it is.
extension ZMQSocket {
    /// How long a peer may take to say who it is, in milliseconds: over a slow network a handshake is
    /// six messages, and a peer that only holds the connection open is cut soon.
    private static let handshake: Int32 = 5_000
    /// What was sent and not acknowledged by the other side's kernel for so long, or a silence that
    /// keep-alive probes do not break, is a cut cable; milliseconds.
    private static let silence: Int32 = 4_000
    /// A proxy on the way may acknowledge what it cannot deliver: then words must come. Longer than
    /// the largest message takes, since a heartbeat does not overtake one.
    private static let heartbeat: (interval: Int32, limit: Int32) = (2_000, 20_000)
    /// What a consumer says is a header.
    private static let largestWord: Int64 = 16 << 10
    /// The largest tensor that goes over a network in one message: what arrives before the other side
    /// has proved who it is cannot fill this machine's memory.
    static let largestPayload: Int64 = 512 << 20

    /// Why a payload does not go over a network; nil when it does. The other side's library would cut
    /// the connection, which would be made anew, and cut again, for ever.
    static func obstacle(to payload: Int, of output: NodeConfiguration.Output) -> String? {
        guard payload > largestPayload else { return nil }
        return "its output '\(output.port)' is to send \(payload) bytes to '\(output.consumer)."
            + "\(output.consumerPort)' on another machine, and \(largestPayload >> 20) MiB is the most that goes "
            + "over a link in one message: place both nodes on one machine, or send it in parts"
    }

    private func endureSilence() throws {
        try set(ZMQ_HANDSHAKE_IVL, Self.handshake)
        try set(ZMQ_HEARTBEAT_IVL, Self.heartbeat.interval)
        try set(ZMQ_HEARTBEAT_TIMEOUT, Self.heartbeat.limit)
        try set(ZMQ_TCP_MAXRT, Self.silence)
        try set(ZMQ_TCP_KEEPALIVE, 1)
        try set(ZMQ_TCP_KEEPALIVE_IDLE, 1)
        try set(ZMQ_TCP_KEEPALIVE_INTVL, 1)
        try set(ZMQ_TCP_KEEPALIVE_CNT, 3)
    }

    /// Prepares for `bind`: a peer must know this node's public key and have one that the ZAP
    /// handler admits.
    ///
    /// - Precondition: with keys, the context has its ``Doorkeeper``: this version of the library lets
    ///   every key in where there is no handler to ask.
    /// - Parameter keys: this node's; nil to listen without any protection.
    func serve(with keys: CurveKeys?) throws {
        try endureSilence()
        try limitMessages(to: Self.largestWord)
        try set(ZMQ_IPV6, 1)
        guard let keys else { return }
        try set(ZMQ_CURVE_SERVER, 1)
        try set(ZMQ_CURVE_SECRETKEY, keys.secretKey)
        try set(ZMQ_ZAP_DOMAIN, "personalive")
    }

    /// Prepares for `connect`: only who has the secret half of `serverKey` will be talked to.
    package func prepareToReach(_ serverKey: String?, with keys: CurveKeys?) throws {
        try endureSilence()
        try limitMessages(to: Self.largestPayload + Self.largestWord)
        try set(ZMQ_CONNECT_TIMEOUT, 2_000)
        try set(ZMQ_IPV6, 1)
        guard let serverKey, let keys else { return }
        try set(ZMQ_CURVE_SERVERKEY, serverKey)
        try set(ZMQ_CURVE_PUBLICKEY, keys.publicKey)
        try set(ZMQ_CURVE_SECRETKEY, keys.secretKey)
    }

    private func set(_ option: Int32, _ value: Int32) throws {
        var value = value
        guard zmq_setsockopt(pointer, option, &value, 4) == 0 else {
            throw WireError(call: "zmq_setsockopt", "\(option), \(value)")
        }
    }

    /// The one option that counts bytes is a wider number.
    private func limitMessages(to bytes: Int64) throws {
        var bytes = bytes
        guard zmq_setsockopt(pointer, ZMQ_MAXMSGSIZE, &bytes, 8) == 0 else {
            throw WireError(call: "zmq_setsockopt", "ZMQ_MAXMSGSIZE, \(bytes)")
        }
    }

    /// The value is in no error: it may be a secret.
    private func set(_ option: Int32, _ text: String) throws {
        guard zmq_setsockopt(pointer, option, text, text.utf8.count) == 0 else {
            throw WireError(call: "zmq_setsockopt", "\(option)")
        }
    }
}
