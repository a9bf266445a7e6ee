import CPosix
import CZeroMQ
import Foundation
import Glibc
import Wire

/// Messages over a pair of descriptors, neither of which ever blocks: `ssh` and `srun` give one.
///
/// After a line that says who speaks, so that a shell's greeting does no harm, come frames: length
/// of the message and of its bytes (four bytes each, little-endian), the message as JSON, the bytes,
/// and a line feed, without which `srun` would keep the end of a frame to itself.
final class AgentStream {
    struct Received {
        let message: AgentMessage
        let bytes: [UInt8]
    }

    private static let greeting = Array("personalive agent 1\n".utf8)
    private static let longestMessage = 16 << 20
    /// Of what comes with a message.
    static let longestBytes = 64 << 20
    /// What a shell may say before the agent does.
    private static let longestPreamble = 64 << 10

    private let input, output: Int32
    private var received: [UInt8] = []
    private var isGreeted = false
    private var unsent: [UInt8] = []
    private var sentCount = 0
    private var isSending = true
    /// Why nothing more will come; empty when the other end just went.
    private(set) var ending: String?
    /// When something came last.
    private(set) var heardAt = posix_monotonic_ns()

    init(input: Int32, output: Int32) {
        (self.input, self.output) = (input, output)
        for descriptor in [input, output] {
            _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK)
        }
        unsent = Self.greeting
    }

    /// Bytes that the other end has not taken yet.
    var backlog: Int { unsent.count - sentCount }

    /// The other end's silence up to now was this process's own fault.
    func forgive(_ nanoseconds: Int64) { heardAt += nanoseconds }

    /// The descriptor that was written to is about to be closed.
    func stopSending() { (isSending, unsent, sentCount) = (false, [], 0) }

    /// What to wait for.
    var pollItems: [zmq_pollitem_t] {
        let isBusy = backlog > 0 && ending == nil
        return [
            zmq_pollitem_t(readable: ending == nil ? input : -1),
            zmq_pollitem_t(
                socket: nil, fd: isBusy ? output : -1, events: Int16(ZMQ_POLLOUT), revents: 0),
        ]
    }

    // MARK: Sending

    func send(_ message: AgentMessage, _ bytes: [UInt8] = []) {
        guard ending == nil, isSending else { return }
        let text = message.jsonBytes
        unsent += Self.length(text.count) + Self.length(bytes.count) + text + bytes
        unsent.append(0x0A)
        flush()
    }

    /// Sends what the other end takes now.
    func flush() {
        while backlog > 0, ending == nil {
            let count = unsent.withUnsafeBytes {
                write(output, $0.baseAddress! + sentCount, $0.count - sentCount)
            }
            if count < 0 {
                if errno == EINTR { continue }
                if errno != EAGAIN { ending = "" }
                break
            }
            sentCount += count
        }
        // Moving the rest each time would take longer than sending it.
        if sentCount == unsent.count || sentCount > 1 << 20 {
            unsent.removeFirst(sentCount)
            sentCount = 0
        }
    }

    private static func length(_ count: Int) -> [UInt8] {
        withUnsafeBytes(of: UInt32(count).littleEndian) { Array($0) }
    }

    // MARK: Receiving

    /// Every message that has come.
    func receive() -> [Received] {
        fill()
        var messages: [Received] = []
        var start = isGreeted ? 0 : skipPreamble()
        while isGreeted, let (message, next) = frame(at: start) {
            if let message { messages.append(message) }
            start = next
        }
        received.removeFirst(min(start, received.count))
        return messages
    }

    private func fill() {
        var buffer = [UInt8](repeating: 0, count: 256 << 10)
        while ending == nil {
            let count = read(input, &buffer, buffer.count)
            if count > 0 {
                received += buffer[..<count]
                heardAt = posix_monotonic_ns()
                if received.count > Self.longestBytes { break }
            } else if count < 0, errno == EINTR {
                continue
            } else {
                if count == 0 || errno != EAGAIN { ending = "" }
                break
            }
        }
    }

    /// The place after the greeting, or 0 while it has not come.
    private func skipPreamble() -> Int {
        if let range = received.firstRange(of: Self.greeting) {
            isGreeted = true
            return range.upperBound
        }
        if received.count > Self.longestPreamble {
            ending = "it says other things than an agent: "
                + String(decoding: received.prefix(80), as: UTF8.self)
        }
        return 0
    }

    /// The message at a place, nil for one that this build does not know, and where it ends.
    private func frame(at start: Int) -> (Received?, Int)? {
        guard received.count >= start + 8 else { return nil }
        let counts = received.withUnsafeBytes { bytes in
            [start, start + 4].map {
                Int(UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: $0, as: UInt32.self)))
            }
        }
        guard counts[0] <= Self.longestMessage, counts[1] <= Self.longestBytes else {
            ending = "what it says is no message of an agent"
            return nil
        }
        let (text, bytes) = (start + 8, start + 8 + counts[0])
        let end = bytes + counts[1] + 1
        guard received.count >= end else { return nil }
        guard received[end - 1] == 0x0A else {
            ending = "what it says is no message of an agent"
            return nil
        }
        let message = try? JSONDecoder().decode(AgentMessage.self, from: Data(received[text..<bytes]))
        return (
            message.map { Received(message: $0, bytes: Array(received[bytes..<(end - 1)])) }, end
        )
    }
}
