/// A set of frame numbers, small because frames mostly come in runs.
package struct FrameSet: Sendable, Equatable {
    /// First and last of each run, one after the other: a live graph that drops five of six frames
    /// adds a run with every frame that it keeps, and an array for each took four times the memory.
    private(set) var bounds: [UInt64] = []

    package init() {}

    /// Bounds of another set.
    init(bounds: [UInt64]) { self.bounds = bounds }

    /// Runs of consecutive numbers as first and last, ascending, apart from each other.
    package var runs: [[UInt64]] { indices.map { [first($0), last($0)] } }

    /// Runs are counted from 0.
    private var indices: Range<Int> { 0..<bounds.count / 2 }
    private func first(_ run: Int) -> UInt64 { bounds[2 * run] }
    private func last(_ run: Int) -> UInt64 { bounds[2 * run + 1] }

    package var count: Int { indices.reduce(0) { $0 + Int(last($1) - first($1)) + 1 } }
    package var isEmpty: Bool { bounds.isEmpty }

    /// Adds a frame; says whether it was not there yet.
    @discardableResult
    package mutating func insert(_ frame: UInt64) -> Bool {
        if let last = bounds.last, frame == last + 1 {
            bounds[bounds.count - 1] = frame
        } else if bounds.last.map({ frame > $0 }) ?? true {
            bounds += [frame, frame]
        } else if !contains(frame) {
            bounds = Self.merged((runs + [[frame, frame]]).sorted { $0[0] < $1[0] })
        } else {
            return false
        }
        return true
    }

    package func contains(_ frame: UInt64) -> Bool {
        var (low, high) = (0, bounds.count / 2)
        while low < high {
            let middle = (low + high) / 2
            if last(middle) < frame { low = middle + 1 } else { high = middle }
        }
        return low < bounds.count / 2 && first(low) <= frame
    }

    package func union(_ other: FrameSet) -> FrameSet {
        guard !other.isEmpty else { return self }
        guard !isEmpty else { return other }
        // One pass over both, without an array for each run: a supervisor does this with every report.
        var result = FrameSet()
        result.bounds.reserveCapacity(bounds.count + other.bounds.count)
        var (own, its) = (0, 0)
        while own < indices.count || its < other.indices.count {
            let isOwn = its == other.indices.count
                || own < indices.count && first(own) <= other.first(its)
            let run = isOwn ? (first(own), last(own)) : (other.first(its), other.last(its))
            if isOwn { own += 1 } else { its += 1 }
            if let end = result.bounds.last, run.0 <= end + 1 {
                result.bounds[result.bounds.count - 1] = max(end, run.1)
            } else {
                result.bounds += [run.0, run.1]
            }
        }
        return result
    }

    package func subtracting(_ other: FrameSet) -> FrameSet {
        // One pass over both: a long live run has many thousands of runs.
        var result = FrameSet()
        var next = 0
        for run in indices {
            var start = first(run)
            while next < other.indices.count, other.last(next) < start { next += 1 }
            var hole = next
            while hole < other.indices.count, other.first(hole) <= last(run) {
                if other.first(hole) > start {
                    result.bounds += [start, other.first(hole) - 1]
                }
                start = other.last(hole) + 1
                hole += 1
            }
            if start <= last(run) { result.bounds += [start, last(run)] }
        }
        return result
    }

    /// As a person reads it: `3, 7-12`, at most a few runs.
    package var text: String {
        let shown = runs.prefix(6).map { $0[0] == $0[1] ? "\($0[0])" : "\($0[0])-\($0[1])" }
        return shown.joined(separator: ", ") + (runs.count > 6 ? ", …" : "")
    }

    /// The bounds of runs that may touch or overlap.
    private static func merged(_ sorted: [[UInt64]]) -> [UInt64] {
        var merged: [UInt64] = []
        for run in sorted {
            if let last = merged.last, run[0] <= last + 1 {
                merged[merged.count - 1] = max(last, run[1])
            } else {
                merged += run
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
        bounds = found.flatMap { $0 }
    }
}
