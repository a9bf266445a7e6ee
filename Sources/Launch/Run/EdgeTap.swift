import CPosix
import CZeroMQ
import Foundation
import Glibc
import NodeKit
import Tensors
import Wire

/// Looks on at one output of a running graph, wherever its node runs: nobody waits for whoever does,
/// so nothing is held up.
package final class EdgeTap {
    /// What is seen.
    package enum Event {
        /// Times are by the supervisor's clock.
        case message(Stamp, AnyTensor)
        /// The node has no more to say.
        case end
    }

    private enum Way {
        case here(LocalTap)
        case elsewhere(DistantTap)
    }

    private let way: Way
    private let clockOffset: Int64
    /// Messages that were sent while the window was full, told by the gaps in their numbers.
    package private(set) var missed: UInt64 = 0
    private var next: UInt64?

    /// - Parameter window: messages that may be under way: many for what a file must have all of, few
    ///   for who wants the newest. It counts on this machine; an agent elsewhere has its own.
    /// - Throws: ``LaunchError`` when the way to the node's machine cannot be begun.
    package init(_ place: EdgePlace, window: UInt32 = LocalTap.window) throws {
        clockOffset = place.clockOffset
        if let command = place.command {
            way = .elsewhere(try DistantTap(place, command))
        } else {
            way = .here(try LocalTap(port: place.port, endpoint: place.endpoint, window: window))
        }
    }

    /// The next event, or nil when none came within `milliseconds`.
    ///
    /// - Throws: ``MachineFault`` when the way to the node's machine ends.
    package func next(milliseconds: Int) throws -> Event? {
        let found: LocalTap.Message? =
            switch way {
            case .here(let tap): try tap.next(milliseconds: milliseconds)
            case .elsewhere(let tap): try tap.next(milliseconds: milliseconds)
            }
        guard let (envelope, payload) = found else { return nil }
        guard envelope.kind == .data else { return .end }
        if let next, envelope.sequence > next { missed += envelope.sequence - next }
        next = envelope.sequence + 1
        var stamp = envelope.stamp
        stamp.captured = max(0, stamp.captured + clockOffset)
        let memory = TensorMemory(byteCount: payload.count)
        payload.withUnsafeBytes {
            UnsafeMutableRawBufferPointer(start: memory.base, count: $0.count).copyMemory(from: $0)
        }
        return .message(
            stamp,
            AnyTensor(elementType: envelope.elementType, shape: envelope.shape, memory: memory))
    }
}

/// Looks on at an output of this machine.
package final class LocalTap {
    /// A header of kind `data` with its payload, or of kind `end`.
    typealias Message = (header: Envelope, payload: [UInt8])

    /// The output's name.
    let port: String
    private let socket: ZMQSocketBox

    /// Enough for a disk that hesitates; 32 frames of 786 KB are 25 MB.
    package static let window: UInt32 = 32

    /// - Parameters:
    ///   - port: the output's name.
    ///   - endpoint: where its node serves it.
    ///   - window: messages that may be under way.
    init(port: String, endpoint: String, window: UInt32 = LocalTap.window) throws {
        self.port = port
        let number = String(UInt32.random(in: 0 ... .max), radix: 36)
        socket = ZMQSocketBox(
            try ZMQSocket(
                .dealer, in: ZMQContext(), identity: "tap.\(port).\(getpid())-\(number)",
                linger: 200))
        try socket.socket.connect(endpoint)
        var hello = Envelope(.hello)
        hello.count = window
        tell(hello)
    }

    deinit { tell(Envelope(.bye)) }

    var pollItem: zmq_pollitem_t { socket.socket.pollItem }

    private func tell(_ envelope: Envelope) {
        envelope.encoded().withUnsafeBytes { _ = socket.socket.send($0) }
    }

    func next(milliseconds: Int) throws -> Message? {
        var items = [pollItem]
        zmqPoll(&items, milliseconds: milliseconds)
        return try receive()
    }

    /// What has come, which the node may send another for.
    func receive() throws -> Message? {
        guard let frames = socket.socket.receive() else { return nil }
        let envelope = try frames[0].withBytes { try Envelope(decoding: $0) }
        switch envelope.kind {
        case .end: return (envelope, [])
        case .data where frames.count == 2 && frames[1].count == envelope.payloadBytes:
            var grant = Envelope(.grant)
            grant.count = 1
            tell(grant)
            return (envelope, frames[1].withBytes { Array($0) })
        default: return nil
        }
    }
}

/// Looks on at an output of another machine, through an agent of its own there: the run's own
/// connection to that machine is left alone, and what is seen is as safe on the way as `ssh` is.
final class DistantTap {
    private let process: ChildProcess
    private let stream: AgentStream
    private let place: EdgePlace
    private var waiting: [LocalTap.Message] = []
    private var words: [String] = []
    private var pingAt: Int64 = 0
    private static let pingInterval: Int64 = 1_000_000_000

    init(_ place: EdgePlace, _ command: [String]) throws {
        self.place = place
        process = try ChildProcess(command, talks: true)
        stream = AgentStream(input: process.answers, output: process.lifeline)
    }

    deinit {
        stream.stopSending()
        process.cutLifeline()
        // The agent ends when its standard input does.
        for _ in 0..<200 where process.status == nil && !process.reap() { usleep(10_000) }
        process.killGroup()
    }

    func next(milliseconds: Int) throws -> LocalTap.Message? {
        if waiting.isEmpty {
            var items = stream.pollItems
            zmqPoll(&items, milliseconds: milliseconds)
            try work()
        }
        return waiting.isEmpty ? nil : waiting.removeFirst()
    }

    private func work() throws {
        words = (words + process.readLines().map(\.text)).suffix(3)
        for received in stream.receive() { try take(received) }
        let now = posix_monotonic_ns()
        if now >= pingAt {
            pingAt = now + Self.pingInterval
            stream.send(.ping(sent: now))
        }
        stream.flush()
        guard waiting.isEmpty, stream.ending != nil || process.reap() else { return }
        throw MachineFault(
            description: "the way to the node's machine ended: "
                + (words.isEmpty ? process.status.map(NodeFailure.words) ?? "no reason was given"
                    : words.joined(separator: " / ")))
    }

    private func take(_ received: AgentStream.Received) throws {
        switch received.message {
        case .facts: stream.send(.tap(port: place.port, endpoint: place.endpoint))
        case .tapped(let count):
            let header = try received.bytes.withUnsafeBytes {
                try Envelope(decoding: UnsafeRawBufferPointer(rebasing: $0.prefix(count)))
            }
            waiting.append((header, Array(received.bytes.dropFirst(count))))
        case .refused(_, let reason): throw MachineFault(description: reason)
        default: break
        }
    }
}
