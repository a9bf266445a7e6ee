import NodeKit

/// Puts the frames of one stream in order that come on several inputs, each in its own order.
///
/// A pure value. Frames take turns by their number: with a stride of 1 and three inputs, frame 7 is due on the
/// second. Where one is missing, those behind it go on when the input that it was due on has passed it by, or
/// when they have waited for a while.
package struct FrameOrder {
    /// What becomes of messages, in order.
    package struct Passed {
        package var sent: [(port: String, message: Message)] = []
        /// Frames that came when a later one had gone already.
        package var late: [Stamp] = []
    }

    private let inputs: Int
    private let stride: UInt64
    /// Nanoseconds that a frame is held for an earlier one; nil for as long as it takes.
    private let patience: Int64?
    /// By input, the newest frame that came.
    package private(set) var newest: [UInt64?]
    /// The last frame that went.
    package private(set) var last: UInt64?
    package private(set) var waiting: [(port: String, message: Message, since: Int64)] = []

    package init(inputs: Int, stride: Int, patience: Int64?) {
        (self.inputs, self.stride, self.patience) = (inputs, UInt64(stride), patience)
        newest = Array(repeating: nil, count: inputs)
    }

    /// Goes on where another process ended.
    package mutating func resume(
        newest: [UInt64?], last: UInt64?, waiting: [(port: String, message: Message, since: Int64)]
    ) {
        (self.newest, self.last, self.waiting) = (newest, last, waiting)
    }

    /// A frame has come.
    ///
    /// - Parameters:
    ///   - port: the output that it is for.
    ///   - now: nanoseconds.
    package mutating func take(
        _ message: Message, on port: String, from input: Int, at now: Int64
    ) -> Passed {
        let frame = message.stamp.frame
        newest[input] = max(newest[input] ?? 0, frame)
        if let last, frame <= last { return Passed(late: [message.stamp]) }
        let place = waiting.firstIndex { $0.message.stamp.frame > frame } ?? waiting.count
        waiting.insert((port, message, now), at: place)
        return advance(at: now)
    }

    /// What can go now.
    package mutating func advance(at now: Int64) -> Passed {
        var passed = Passed()
        while let first = waiting.first {
            let isOverdue = patience.map { now - first.since >= $0 } ?? false
            guard isOverdue || isNext(first.message.stamp.frame) else { break }
            last = first.message.stamp.frame
            passed.sent.append((first.port, first.message))
            waiting.removeFirst()
        }
        return passed
    }

    /// No more will come: what waits goes.
    package mutating func finish() -> Passed {
        defer { waiting = [] }
        return Passed(sent: waiting.map { ($0.port, $0.message) })
    }

    /// When the first of those that wait goes whatever is missing; nil where it waits without end.
    package var due: Int64? { patience.flatMap { patience in waiting.first.map { $0.since + patience } } }

    /// Whether no frame before this one can still come.
    private func isNext(_ frame: UInt64) -> Bool {
        let turn = frame / stride
        for back in 1..<UInt64(max(inputs, 1)) where back <= turn {
            let missing = (turn - back) * stride
            if let last, missing <= last { return true }
            let input = Int((turn - back) % UInt64(inputs))
            guard let newest = newest[input], newest >= missing else { return false }
        }
        return true
    }
}
