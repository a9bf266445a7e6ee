import CZeroMQ
import Foundation
import Glibc
import NodeKit
import Tensors
import Wire

/// Looks on at one output of a running graph: nobody waits for whoever does, so nothing is held up.
package final class EdgeTap {
    /// What is seen.
    package enum Event {
        case message(Stamp, ElementType, [Int], ZMQFrame)
        /// The node has no more to say.
        case end
    }

    private let socket: ZMQSocketBox
    /// Messages that were sent while the window was full, told by the gaps in their numbers.
    package private(set) var missed: UInt64 = 0
    private var next: UInt64?

    /// Enough for a disk that hesitates; 32 frames of 786 KB are 25 MB.
    private static let window: UInt32 = 32

    /// - Parameters:
    ///   - port: the output's name.
    ///   - endpoint: where its node serves it.
    package init(port: String, endpoint: String) throws {
        let number = String(UInt32.random(in: 0 ... .max), radix: 36)
        socket = ZMQSocketBox(
            try ZMQSocket(
                .dealer, in: ZMQContext(), identity: "tap.\(port).\(getpid())-\(number)",
                linger: 200))
        try socket.socket.connect(endpoint)
        var hello = Envelope(.hello)
        hello.count = Self.window
        tell(hello)
    }

    deinit { tell(Envelope(.bye)) }

    private func tell(_ envelope: Envelope) {
        envelope.encoded().withUnsafeBytes { _ = socket.socket.send($0) }
    }

    /// The next event, or nil when none came within `milliseconds`.
    package func next(milliseconds: Int) throws -> Event? {
        var items = [socket.socket.pollItem]
        zmqPoll(&items, milliseconds: milliseconds)
        guard let frames = socket.socket.receive() else { return nil }
        let envelope = try frames[0].withBytes { try Envelope(decoding: $0) }
        switch envelope.kind {
        case .end:
            tell(Envelope(.bye))
            return .end
        case .data where frames.count == 2 && frames[1].count == envelope.payloadBytes:
            var grant = Envelope(.grant)
            grant.count = 1
            tell(grant)
            if let next, envelope.sequence > next { missed += envelope.sequence - next }
            next = envelope.sequence + 1
            return .message(envelope.stamp, envelope.elementType, envelope.shape, frames[1])
        default: return nil
        }
    }
}
