import CZeroMQ
import Glibc
import Synchronization

/// What happens to a socket's connections, which the library does by itself: it connects, shakes
/// hands, loses and finds again.
final class LinkMonitor {
    enum Event {
        /// A peer has connected, over the connection with that descriptor.
        case accepted(descriptor: Int32)
        /// Both sides know each other.
        case welcomed
        /// A peer's key is wrong, or it does not follow the protocol.
        case refused(reason: String)
        /// A connection is over.
        case closed(descriptor: Int32)
    }

    private static let count = Atomic<Int>(0)
    private let events: ZMQSocketBox
    private let watched: ZMQSocketBox
    private let transport: String

    /// - Parameter transport: what connections have to be made of to be told of.
    init(of watched: ZMQSocketBox, in context: ZMQContext, over transport: String = "tcp") throws {
        (self.watched, self.transport) = (watched, transport)
        let number = Self.count.wrappingAdd(1, ordering: .relaxed).newValue
        let endpoint = "inproc://monitor-\(number)"
        guard zmq_socket_monitor(watched.socket.pointer, endpoint, Self.interesting) == 0 else {
            throw WireError(call: "zmq_socket_monitor", endpoint)
        }
        events = ZMQSocketBox(try ZMQSocket(.pair, in: context, linger: 0))
        try events.socket.connect(endpoint)
    }

    /// The library would wait for ever for its events to be read.
    deinit { zmq_socket_monitor(watched.socket.pointer, nil, 0) }

    private static let interesting =
        ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_DISCONNECTED
        | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL
        | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH

    var pollItem: zmq_pollitem_t { events.socket.pollItem }

    /// The next thing that happened to a connection, or nil.
    func next() -> Event? {
        while let frames = events.socket.receive() {
            guard frames.count == 2, frames[0].count == 6,
                frames[1].text.hasPrefix("\(transport)://")
            else { continue }
            // In the machine's own byte order: the message stays in this process.
            let (kind, value) = frames[0].withBytes {
                (
                    $0.loadUnaligned(as: UInt16.self),
                    $0.loadUnaligned(fromByteOffset: 2, as: UInt32.self)
                )
            }
            if let event = Self.event(Int32(kind), Int32(bitPattern: value)) { return event }
        }
        return nil
    }

    private static func event(_ kind: Int32, _ value: Int32) -> Event? {
        switch kind {
        case ZMQ_EVENT_ACCEPTED: .accepted(descriptor: value)
        case ZMQ_EVENT_HANDSHAKE_SUCCEEDED: .welcomed
        case ZMQ_EVENT_DISCONNECTED: .closed(descriptor: value)
        case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH: .refused(reason: "its key is not one of this run's")
        case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL: .refused(reason: reason(of: value))
        case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL:
            .refused(reason: "it left, or was too slow, before it had said who it is")
        default: nil
        }
    }

    private static func reason(of code: Int32) -> String {
        switch code {
        case ZMQ_PROTOCOL_ERROR_ZMTP_CRYPTOGRAPHIC:
            "it does not have this node's public key, or repeats another peer's messages"
        case ZMQ_PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH: "it does not speak CURVE"
        default: "it does not follow the protocol (0x\(String(code, radix: 16)))"
        }
    }
}
