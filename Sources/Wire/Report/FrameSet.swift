import Foundation

/// A set of frame numbers, small because frames mostly come in runs.
package struct FrameSet: Sendable {
    /// All runs but the newest. A live graph that drops five of six frames adds a run with every frame
    /// that it keeps, and a node writes its sets down with every tick: packed, a run takes 2 bytes and
    /// not 16, and a day of them 0.9 MB.
    private(set) var old = PackedRuns()
    /// First and last of each of the newest runs, one after the other.
    private(set) var recent: [UInt64] = []

    private static let mostRecent = 64

    package init() {}

    /// The set of these runs, first and last of each, ascending and apart from each other.
    init(bounds: [UInt64]) {
        recent = bounds
        pack()
    }

    /// All but the newest runs stay packed.
    init(_ packed: PackedRuns) {
        var older = packed
        recent = older.removeNewest(Self.mostRecent)
        old = older
    }

    /// Parts of another set.
    init(old: PackedRuns, recent: [UInt64]) { (self.old, self.recent) = (old, recent) }

    /// First and last of each run, one after the other.
    var bounds: [UInt64] { old.bounds + recent }

    /// Runs of consecutive numbers as first and last, ascending, apart from each other.
    package var runs: [[UInt64]] {
        let bounds = bounds
        return stride(from: 0, to: bounds.count, by: 2).map { [bounds[$0], bounds[$0 + 1]] }
    }

    package var count: Int {
        let bounds = bounds
        return stride(from: 0, to: bounds.count, by: 2).reduce(0) { count, at in
            count + Int(bounds[at + 1] - bounds[at]) + 1
        }
    }
    package var isEmpty: Bool { recent.isEmpty }
    /// The largest frame.
    package var last: UInt64? { recent.last }

    /// Adds a frame; says whether it was not there yet.
    @discardableResult
    package mutating func insert(_ frame: UInt64) -> Bool {
        if let last = recent.last, frame == last + 1 {
            recent[recent.count - 1] = frame
        } else if recent.last.map({ frame > $0 }) ?? true {
            recent += [frame, frame]
            if recent.count > 4 * Self.mostRecent { pack() }
        } else if contains(frame) {
            return false
        } else if frame > old.end {
            // Late by a few frames: what is packed stays as it is.
            var runs = stride(from: 0, to: recent.count, by: 2).map { [recent[$0], recent[$0 + 1]] }
            runs.insert([frame, frame], at: runs.firstIndex { $0[0] > frame } ?? runs.count)
            recent = Self.merged(runs)
        } else {
            let sorted = (runs + [[frame, frame]]).sorted { $0[0] < $1[0] }
            self = FrameSet(bounds: Self.merged(sorted))
        }
        return true
    }

    /// Leaves so many of the newest runs as they are.
    private mutating func pack() {
        let packed = recent.count - 2 * Self.mostRecent
        guard packed > 0 else { return }
        for at in stride(from: 0, to: packed, by: 2) {
            old.append(first: recent[at], last: recent[at + 1])
        }
        // A new array: the old one's room is that of all runs, and a supervisor keeps its sets for days.
        recent = Array(recent[packed...])
    }

    package func contains(_ frame: UInt64) -> Bool {
        let bounds = frame < old.end ? old.bounds : recent
        var (low, high) = (0, bounds.count / 2)
        while low < high {
            let middle = (low + high) / 2
            if bounds[2 * middle + 1] < frame { low = middle + 1 } else { high = middle }
        }
        return low < bounds.count / 2 && bounds[2 * low] <= frame
    }

    package func union(_ other: FrameSet) -> FrameSet {
        guard !other.isEmpty else { return self }
        guard !isEmpty else { return other }
        // One pass over both: a supervisor does this with every report, and a long run has many runs.
        let (a, b) = (bounds, other.bounds)
        var result: [UInt64] = []
        result.reserveCapacity(a.count + b.count)
        var (own, its) = (0, 0)
        while own < a.count || its < b.count {
            let isOwn = its == b.count || own < a.count && a[own] <= b[its]
            let run = isOwn ? (a[own], a[own + 1]) : (b[its], b[its + 1])
            if isOwn { own += 2 } else { its += 2 }
            if let end = result.last, run.0 <= end + 1 {
                result[result.count - 1] = max(end, run.1)
            } else {
                result += [run.0, run.1]
            }
        }
        return FrameSet(bounds: result)
    }

    package func subtracting(_ other: FrameSet) -> FrameSet {
        guard !isEmpty, !other.isEmpty else { return self }
        let (a, b) = (bounds, other.bounds)
        var result: [UInt64] = []
        var next = 0
        for run in stride(from: 0, to: a.count, by: 2) {
            var start = a[run]
            while next < b.count, b[next + 1] < start { next += 2 }
            var hole = next
            while hole < b.count, b[hole] <= a[run + 1] {
                if b[hole] > start { result += [start, b[hole] - 1] }
                start = b[hole + 1] + 1
                hole += 2
            }
            if start <= a[run + 1] { result += [start, a[run + 1]] }
        }
        return FrameSet(bounds: result)
    }

    package func intersection(_ other: FrameSet) -> FrameSet { subtracting(subtracting(other)) }

    /// Those from `first` on and below `end`.
    package func within(_ first: UInt64, _ end: UInt64) -> FrameSet {
        guard first > 0 || end < .max else { return self }
        guard first < end else { return FrameSet() }
        return FrameSet(
            bounds: runs.filter { $0[1] >= first && $0[0] < end }
                .flatMap { [max($0[0], first), min($0[1], end - 1)] })
    }

    /// As a person reads it: `3, 7-12`, at most a few runs.
    package var text: String {
        let bounds = bounds
        let shown = stride(from: 0, to: min(bounds.count, 12), by: 2).map { at in
            bounds[at] == bounds[at + 1] ? "\(bounds[at])" : "\(bounds[at])-\(bounds[at + 1])"
        }
        return shown.joined(separator: ", ") + (bounds.count > 12 ? ", …" : "")
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

/// By what is in them: how much of it is packed is of no account.
extension FrameSet: Equatable {
    package static func == (one: FrameSet, other: FrameSet) -> Bool { one.bounds == other.bounds }
}

/// As JSON a text: ``PackedRuns`` in base64. `[[0, 6], [9, 9]]`, each run's first and last frame, is
/// understood as well, and is what programs of others send. A decoder takes 600 bytes of memory for such a
/// pair, which a supervisor of a graph that drops a third of its frames then keeps: 12 to 18 MB more with
/// every hour.
extension FrameSet: Codable {
    /// Far above any film, and far below where counting could overflow.
    static let largest: UInt64 = 1 << 53

    package func encode(to encoder: any Encoder) throws {
        var packed = old
        for at in stride(from: 0, to: recent.count, by: 2) {
            packed.append(first: recent[at], last: recent[at + 1])
        }
        var value = encoder.singleValueContainer()
        try value.encode(Data(packed.bytes))
    }

    package init(from decoder: any Decoder) throws {
        let value = try decoder.singleValueContainer()
        func damaged(_ text: String) -> DecodingError {
            .dataCorruptedError(in: value, debugDescription: text)
        }
        if let text = try? value.decode(String.self) {
            guard let data = Data(base64Encoded: text),
                let packed = PackedRuns(checking: Array(data), below: Self.largest)
            else { throw damaged("frames are not packed runs in base64") }
            self.init(packed)
            return
        }
        let found = try value.decode([[UInt64]].self)
        let areRuns = found.allSatisfy { $0.count == 2 && $0[0] <= $0[1] && $0[1] < Self.largest }
        guard areRuns, zip(found, found.dropFirst()).allSatisfy({ $0[1] < $1[0] }) else {
            throw damaged("frames are not ascending pairs of first and last")
        }
        self.init(bounds: found.flatMap { $0 })
    }
}
