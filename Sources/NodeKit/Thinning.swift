/// Which frames of an output go over an edge, where not all do.
package enum Thinning: Sendable, Hashable, Codable {
    /// Those whose number leaves `offset` when it is divided by so many.
    case every(Int, offset: Int = 0)
    /// So many of those that are shown in a second, evenly.
    case rate(Double)

    /// Whether a frame goes over the edge. It follows from the frame's own stamp, so that a process that
    /// goes on for another decides as that one would have.
    ///
    /// - Parameter last: the slot of time of the frame before it on this edge, if this process saw one;
    ///   the frame's own from then on.
    package func takes(_ stamp: Stamp, after last: inout Int64?) -> Bool {
        switch self {
        case .every(let count, let offset): return Int(stamp.frame % UInt64(count)) == offset
        case .rate(let rate):
            let slot = Self.slot(stamp.presentation, rate)
            // The first frame that a process sees is the first of its slot if the one before it is not in
            // there, too.
            let before = last ?? (stamp.duration > 0
                ? Self.slot(stamp.presentation - stamp.duration, rate) : nil)
            last = slot
            return before != slot
        }
    }

    private static func slot(_ time: Int64, _ rate: Double) -> Int64 {
        // A frame that is due at the slot's very beginning must not miss it by rounding.
        Int64((Double(time) * rate / 1e9 + 1e-6).rounded(.down))
    }

    /// How many times as long it is from one frame to the next, of frames that come so often.
    package func stretch(ofInterval seconds: Double) -> Double {
        switch self {
        case .every(let count, _): Double(count)
        case .rate(let rate): max(1, 1 / (rate * max(seconds, 1e-9)))
        }
    }
}

extension Thinning: CustomStringConvertible {
    /// As the graph file has it.
    package var description: String {
        switch self {
        case .every(let count, 0): "every \(count)"
        case .every(let count, let offset): "every \(count) from \(offset)"
        case .rate(let rate): "\(Int(exactly: rate).map { "\($0)" } ?? "\(rate)")/s"
        }
    }
}
