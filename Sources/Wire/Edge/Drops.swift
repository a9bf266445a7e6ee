import NodeKit

/// Why a frame went no further. The raw values are members of a report.
package enum DropReason: String, CodingKey, CaseIterable, Sendable {
    /// A newer frame took its place while it waited for a credit.
    case superseded = "dropped"
    /// It was older than the latency budget allows.
    case late
    /// It was of an epoch that a flush ended.
    case flushed
    /// The consumer had ended, perhaps before it took what was under way.
    case unwanted
    /// It was under way when a connection broke, or when its consumer's process was replaced.
    case lost
    /// Its consumer's process was down.
    case away
    /// Its partner on another input never came.
    case unpaired
    /// The edge's 'every' or 'rate' leaves it out.
    case thinned
    /// The input's 'when' or 'unless' said no.
    case unmet
    /// Another input was chosen.
    case unchosen
}

/// The frames that one end of an edge did not pass on, by reason.
package struct Drops: Sendable, Equatable {
    private var frames: [DropReason: FrameSet] = [:]

    package init() {}

    package init(_ reason: DropReason, _ frames: FrameSet) { self[reason] = frames }

    package subscript(reason: DropReason) -> FrameSet {
        get { frames[reason] ?? FrameSet() }
        set { frames[reason] = newValue.isEmpty ? nil : newValue }
    }

    package var isEmpty: Bool { frames.isEmpty }

    mutating func insert(_ frame: UInt64, _ reason: DropReason) {
        frames[reason, default: FrameSet()].insert(frame)
    }

    mutating func add(_ other: Drops) {
        frames.merge(other.frames) { $0.union($1) }
    }
}

/// Each reason is a member beside those of the input or output that has it.
extension Drops: Codable {
    package func encode(to encoder: any Encoder) throws {
        var object = encoder.container(keyedBy: DropReason.self)
        for (reason, frames) in frames { try object.encode(frames, forKey: reason) }
    }

    package init(from decoder: any Decoder) throws {
        let object = try decoder.container(keyedBy: DropReason.self)
        for reason in DropReason.allCases {
            self[reason] = try object.decodeIfPresent(FrameSet.self, forKey: reason) ?? FrameSet()
        }
    }
}

extension Keep {
    /// Whether an edge may drop frames.
    package var mayDrop: Bool { self == .newest || self == .even }
}
