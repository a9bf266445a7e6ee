/// When a driver's face was not to be seen, and what a person is told of it.
///
/// Each gap is said when it begins and when it ends, up to a number; at the end all are counted.
package struct FaceGaps: Equatable {
    /// The gap that goes on: its first frame, and how many it has had.
    private var current: (first: UInt64, count: Int)?
    /// Gaps that have ended, and the frames of all of them.
    private var gaps = 0, frames = 0
    /// Whether nothing could be held, as no face had been seen before.
    private var isEmpty = false

    /// Gaps that are said one by one.
    private static let mostSaid = 5

    package static func == (a: FaceGaps, b: FaceGaps) -> Bool { a.numbers == b.numbers }

    /// A frame without a face.
    package mutating func missed(_ frame: UInt64, isHeld: Bool) -> [String] {
        let isNew = current == nil
        current = (current?.first ?? frame, (current?.count ?? 0) + 1)
        isEmpty = !isHeld
        guard isNew, gaps < Self.mostSaid else { return [] }
        return [
            isHeld
                ? "no face in frame \(frame): the last pose is held"
                : "no face in frame \(frame): frames are dropped until there is one"
        ]
    }

    /// A frame with a face.
    package mutating func found(at frame: UInt64) -> [String] {
        guard let gap = current else { return [] }
        current = nil
        gaps += 1
        frames += gap.count
        guard gaps <= Self.mostSaid else { return [] }
        let rest = gaps == Self.mostSaid ? "; further gaps are counted and said at the end" : ""
        return ["the face is back at frame \(frame), after \(Self.count(gap.count))\(rest)"]
    }

    /// The stream is over.
    package mutating func end() -> [String] {
        var said: [String] = []
        if let gap = current {
            gaps += 1
            frames += gap.count
            said.append(
                isEmpty
                    ? "\(Self.count(gap.count)), which is all of them: a driver's face must be visible from "
                        + "the front, at least a twentieth of the picture's side"
                    : "\(Self.count(gap.count)) at the end, from frame \(gap.first) on")
            current = nil
        }
        if gaps > 1 { said.append("\(Self.count(frames)) in all, in \(gaps) gaps") }
        return said
    }

    private static func count(_ frames: Int) -> String {
        "\(frames) frame\(frames == 1 ? "" : "s") without a face"
    }

    /// For a successor.
    package var numbers: [Int] {
        [gaps, frames, isEmpty ? 1 : 0] + (current.map { [Int($0.first), $0.count] } ?? [])
    }

    package init() {}

    package init(numbers: [Int]) {
        guard numbers.count >= 3 else { return }
        (gaps, frames, isEmpty) = (numbers[0], numbers[1], numbers[2] != 0)
        if numbers.count == 5 { current = (UInt64(numbers[3]), numbers[4]) }
    }
}
