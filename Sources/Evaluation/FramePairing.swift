/// Which frame of another film belongs to each frame of a result, by the times at which they are shown.
package struct FramePairing {
    package struct Pair: Equatable, Sendable {
        package var result, other: Int
    }

    /// In the order of the result's frames. Frames without a partner are left out.
    package let pairs: [Pair]

    /// - Parameters:
    ///   - delay: by how many nanoseconds the result is late.
    ///   - tolerance: how far apart the times of two partners may be, nanoseconds.
    package init(_ result: [Int64], with others: [Int64], delay: Int64, tolerance: Int64) {
        var pairs: [Pair] = []
        var j = 0
        for (i, time) in result.enumerated() {
            let wanted = time - delay
            func off(_ index: Int) -> Int64 { abs(others[index] - wanted) }
            guard j < others.count else { break }
            while j + 1 < others.count, off(j + 1) <= off(j) { j += 1 }
            if off(j) <= tolerance { pairs.append(Pair(result: i, other: j)) }
        }
        self.pairs = pairs
    }

    /// Frames of two films; partners are at most 0.6 frames of the other film apart.
    init(_ result: FaceTrack, with other: FaceTrack, delay: Int64) {
        self.init(
            result.times, with: other.times, delay: delay, tolerance: other.interval * 6 / 10)
    }
}
