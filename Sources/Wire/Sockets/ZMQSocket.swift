import CZeroMQ
import Glibc

/// A failed call of the ZeroMQ library, with its argument and the library's own words.
public struct WireError: Error, CustomStringConvertible {
    /// What happened, as one line.
    public let description: String

    init(_ description: String) { self.description = description }

    init(call: String, _ argument: String) {
        description = "\(call)(\(argument)): \(String(cString: zmq_strerror(zmq_errno())))"
    }
}

/// The library's threads and queues; one per process, shared by all of its sockets.
package final class ZMQContext: @unchecked Sendable {
    // Unchecked because a ZeroMQ context may be used from any thread (zmq_ctx_new's promise).
    let pointer: UnsafeMutableRawPointer

    package init() {
        pointer = zmq_ctx_new()
        // The payload of a large local edge goes through shared memory: one thread is enough.
        zmq_ctx_set(pointer, ZMQ_IO_THREADS, 1)
    }

    deinit { zmq_ctx_term(pointer) }
}

/// One received frame of a multipart message, freed with its last user.
package final class ZMQFrame: @unchecked Sendable {
    // Unchecked because the frame is constant once received.
    private let message: UnsafeMutablePointer<zmq_msg_t>

    init() {
        message = .allocate(capacity: 1)
        zmq_msg_init(message)
    }

    deinit {
        zmq_msg_close(message)
        message.deallocate()
    }

    package var count: Int { zmq_msg_size(message) }

    /// Lends the bytes: small frames lie inside the message's own structure, which must not go first.
    package func withBytes<Result>(
        _ body: (UnsafeRawBufferPointer) throws -> Result
    ) rethrows -> Result {
        try withExtendedLifetime(self) {
            try body(UnsafeRawBufferPointer(start: zmq_msg_data(message), count: count))
        }
    }

    /// The frame as text; broken UTF-8 is repaired.
    package var text: String { withBytes { String(decoding: $0, as: UTF8.self) } }

    /// The node that the ZAP handler says the sender is; nil where there is no handler.
    fileprivate var user: String? { zmq_msg_gets(message, "User-Id").map { String(cString: $0) } }

    /// The connection that the message came over; -1 if it is not known.
    fileprivate var descriptor: Int32 { zmq_msg_get(message, ZMQ_SRCFD) }

    fileprivate func receive(from socket: UnsafeMutableRawPointer) -> Bool {
        while zmq_msg_recv(message, socket, ZMQ_DONTWAIT) < 0 {
            guard zmq_errno() == EINTR else { return false }
        }
        return true
    }

    fileprivate var hasMore: Bool { zmq_msg_more(message) != 0 }
}

/// A message that a router got, which begins with how its sender calls himself. That frame is the
/// library's own, and knows nothing of the connection as a rule: what came over it is asked instead.
extension [ZMQFrame] {
    /// The node that the ZAP handler says the sender is; nil where there is no handler.
    var user: String? { last?.user.flatMap { $0.isEmpty ? nil : $0 } }

    /// The connection that it came over; -1 if it is not known.
    package var descriptor: Int32 { last?.descriptor ?? -1 }

    /// Whether the sender names an input of the node that its key says: a peer from elsewhere may
    /// only call himself what that is.
    var isGenuine: Bool { user.map { self[0].text.prefix { $0 != "." } == $0 } ?? true }
}

/// A ZeroMQ socket. It belongs to the thread that made it: it can neither be copied nor sent.
package struct ZMQSocket: ~Copyable {
    package enum Role {
        /// Talks to one peer.
        case dealer
        /// Talks to many peers, each known by its identity.
        case router
        /// Talks to one other socket of this process.
        case pair
    }

    let pointer: UnsafeMutableRawPointer
    /// Ending the context waits for its sockets, so each socket keeps it until it is closed.
    private let context: ZMQContext

    /// - Parameters:
    ///   - linger: how long unsent messages outlive the socket, in milliseconds.
    ///   - mostReceived: messages of one peer that wait here at most; 0 for any number.
    package init(
        _ role: Role, in context: ZMQContext, identity: String? = nil, linger: Int32 = 2000,
        mostReceived: Int32 = 0
    ) throws {
        let type =
            switch role {
            case .dealer: ZMQ_DEALER
            case .router: ZMQ_ROUTER
            case .pair: ZMQ_PAIR
            }
        guard let pointer = zmq_socket(context.pointer, type) else {
            throw WireError(call: "zmq_socket", "\(role)")
        }
        self.pointer = pointer
        self.context = context
        // Credits bound what is in flight; the library's own marks would drop silently.
        set(ZMQ_SNDHWM, 0)
        set(ZMQ_RCVHWM, mostReceived)
        set(ZMQ_LINGER, linger)
        set(ZMQ_RECONNECT_IVL, 10)
        set(ZMQ_RECONNECT_IVL_MAX, 500)
        if role == .router {
            set(ZMQ_ROUTER_MANDATORY, 1)
            set(ZMQ_ROUTER_HANDOVER, 1)
        }
        if let identity {
            zmq_setsockopt(pointer, ZMQ_ROUTING_ID, identity, identity.utf8.count)
        }
    }

    deinit { zmq_close(pointer) }

    private func set(_ option: Int32, _ value: Int32) {
        var value = value
        zmq_setsockopt(pointer, option, &value, MemoryLayout<Int32>.size)
    }

    /// What is not sent when the socket closes need not be.
    package func forgetUnsent() { set(ZMQ_LINGER, 0) }

    package func bind(_ endpoint: String) throws {
        guard zmq_bind(pointer, endpoint) == 0 else { throw WireError(call: "zmq_bind", endpoint) }
    }

    /// Accepts no connections there any more, and closes those that there are.
    func unbind(_ endpoint: String) {
        zmq_unbind(pointer, endpoint)
        // The library leaves the place of a socket behind.
        if endpoint.hasPrefix("ipc://") { unlink(String(endpoint.dropFirst("ipc://".count))) }
    }

    package func connect(_ endpoint: String) throws {
        guard zmq_connect(pointer, endpoint) == 0 else {
            throw WireError(call: "zmq_connect", endpoint)
        }
    }

    /// Where the socket is bound, with the port that `tcp://…:0` became.
    package var endpoint: String {
        var text = [CChar](repeating: 0, count: 256)
        var length = text.count
        zmq_getsockopt(pointer, ZMQ_LAST_ENDPOINT, &text, &length)
        return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// The connection is not made again when it is lost.
    func staysLost() { set(ZMQ_RECONNECT_IVL, -1) }

    /// Sends the frames as one message; false when the peer is not there (any more).
    @discardableResult
    package func send(_ frames: UnsafeRawBufferPointer...) -> Bool {
        for (index, frame) in frames.enumerated() {
            let flags = index + 1 < frames.count ? ZMQ_SNDMORE : 0
            // Nothing is ever full here: only a lost peer would be waited for.
            while zmq_send(pointer, frame.baseAddress, frame.count, flags | ZMQ_DONTWAIT) < 0 {
                guard zmq_errno() == EINTR else { return false }
            }
        }
        return true
    }

    /// Sends any number of frames.
    @discardableResult
    package func send(_ frames: [[UInt8]]) -> Bool {
        for (index, frame) in frames.enumerated() {
            let flags = index + 1 < frames.count ? ZMQ_SNDMORE : 0
            while frame.withUnsafeBytes({ zmq_send(pointer, $0.baseAddress, $0.count, flags) }) < 0 {
                guard zmq_errno() == EINTR else { return false }
            }
        }
        return true
    }

    /// The next message's frames, or nil when none is waiting.
    package func receive() -> [ZMQFrame]? {
        var frames: [ZMQFrame] = []
        repeat {
            let frame = ZMQFrame()
            guard frame.receive(from: pointer) else { return nil }
            frames.append(frame)
        } while frames[frames.count - 1].hasMore
        return frames
    }

    /// What `zmq_poll` needs to wait for something to receive.
    package var pollItem: zmq_pollitem_t {
        zmq_pollitem_t(socket: pointer, fd: 0, events: Int16(ZMQ_POLLIN), revents: 0)
    }
}

/// A socket where only copyable things may stand, such as arrays.
package final class ZMQSocketBox {
    package let socket: ZMQSocket
    package init(_ socket: consuming ZMQSocket) { self.socket = socket }
}

extension zmq_pollitem_t {
    /// Waits for a file descriptor to become readable.
    package init(readable descriptor: Int32) {
        self.init(socket: nil, fd: descriptor, events: Int16(ZMQ_POLLIN), revents: 0)
    }

    package var isReady: Bool { revents != 0 }
}

/// Waits until one of the items is ready or `milliseconds` have passed.
package func zmqPoll(_ items: inout [zmq_pollitem_t], milliseconds: Int) {
    if zmq_poll(&items, Int32(items.count), milliseconds) < 0 {
        for index in items.indices { items[index].revents = 0 }
    }
}
