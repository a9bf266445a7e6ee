/// A set of frame numbers, small on the wire because frames mostly come in runs.
package struct FrameSet: Sendable, Equatable {
    /// Runs of consecutive numbers as first and last, ascending, apart from each other.
    package private(set) var runs: [[UInt64]] = []

    package init() {}

    package var count: Int { runs.reduce(0) { $0 + Int($1[1] - $1[0]) + 1 } }
    package var isEmpty: Bool { runs.isEmpty }

    package mutating func insert(_ frame: UInt64) {
        if let last = runs.last, frame == last[1] + 1 {
            runs[runs.count - 1][1] = frame
        } else if runs.last.map({ frame > $0[1] }) ?? true {
            runs.append([frame, frame])
        } else if !contains(frame) {
            insertInside(frame)
        }
    }

    package func contains(_ frame: UInt64) -> Bool {
        runs.contains { $0[0] <= frame && frame <= $0[1] }
    }

    package func union(_ other: FrameSet) -> FrameSet {
        var result = FrameSet()
        result.runs = Self.merged((runs + other.runs).sorted { $0[0] < $1[0] })
        return result
    }

    package func subtracting(_ other: FrameSet) -> FrameSet {
        // One pass over both: a long live run has many thousands of runs.
        var result = FrameSet()
        var next = 0
        for run in runs {
            var start = run[0]
            while next < other.runs.count, other.runs[next][1] < start { next += 1 }
            var hole = next
            while hole < other.runs.count, other.runs[hole][0] <= run[1] {
                if other.runs[hole][0] > start {
                    result.runs.append([start, other.runs[hole][0] - 1])
                }
                start = other.runs[hole][1] + 1
                hole += 1
            }
            if start <= run[1] { result.runs.append([start, run[1]]) }
        }
        return result
    }

    /// As a person reads it: `3, 7-12`, at most a few runs.
    package var text: String {
        let shown = runs.prefix(6).map { $0[0] == $0[1] ? "\($0[0])" : "\($0[0])-\($0[1])" }
        return shown.joined(separator: ", ") + (runs.count > 6 ? ", …" : "")
    }

    private mutating func insertInside(_ frame: UInt64) {
        runs = Self.merged((runs + [[frame, frame]]).sorted { $0[0] < $1[0] })
    }

    private static func merged(_ sorted: [[UInt64]]) -> [[UInt64]] {
        var merged: [[UInt64]] = []
        for run in sorted {
            if let last = merged.last, run[0] <= last[1] + 1 {
                merged[merged.count - 1][1] = max(last[1], run[1])
            } else {
                merged.append(run)
            }
        }
        return merged
    }
}

/// As JSON: `[[0, 6], [9, 9]]`, each run's first and last frame.
extension FrameSet: Codable {
    /// Far above any film, and far below where counting could overflow.
    private static let largest: UInt64 = 1 << 53

    package func encode(to encoder: any Encoder) throws {
        var value = encoder.singleValueContainer()
        try value.encode(runs)
    }

    package init(from decoder: any Decoder) throws {
        let value = try decoder.singleValueContainer()
        let found = try value.decode([[UInt64]].self)
        let areRuns = found.allSatisfy { $0.count == 2 && $0[0] <= $0[1] && $0[1] < Self.largest }
        guard areRuns, zip(found, found.dropFirst()).allSatisfy({ $0[1] < $1[0] }) else {
            throw DecodingError.dataCorruptedError(
                in: value, debugDescription: "frames are not ascending pairs of first and last")
        }
        runs = found
    }
}
