import Glibc

/// A line that a process of a run printed or sent.
struct PrintedLine: Equatable, Sendable {
    enum Stream: String, Codable, Sendable {
        case stdout, stderr
        /// A node's control message.
        case warning
        /// What the supervisor says of a process, or of the run.
        case note
    }

    let stream: Stream
    let text: String

    init(_ stream: Stream, _ text: String) { (self.stream, self.text) = (stream, text) }
}

/// What comes from one of a process's streams, cut into lines.
struct LineStream {
    let descriptor: Int32
    private(set) var hasEnded = false
    private let stream: PrintedLine.Stream
    private var partial: [UInt8] = []

    /// A program that never ends a line must not fill this one's memory.
    private static let longest = 64 << 10

    /// - Parameter descriptor: is read without blocking from now on.
    init(_ stream: PrintedLine.Stream, _ descriptor: Int32) {
        (self.stream, self.descriptor) = (stream, descriptor)
        _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
    }

    /// Complete lines since the last call; of a program that prints without a pause, the next 64
    /// KiB, so that others come to their turn.
    mutating func read() -> [PrintedLine] {
        guard !hasEnded else { return [] }
        var buffer = [UInt8](repeating: 0, count: 16 << 10)
        for _ in 0..<4 {
            let count = Glibc.read(descriptor, &buffer, buffer.count)
            if count == 0 { hasEnded = true }
            guard count > 0 else { break }
            partial += buffer[..<count]
        }
        var lines = partial.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        partial = Array(lines.removeLast())
        if !partial.isEmpty, hasEnded || partial.count > Self.longest {
            lines.append(partial[...])
            partial = []
        }
        return lines.map { PrintedLine(stream, String(decoding: $0, as: UTF8.self)) }
    }
}
