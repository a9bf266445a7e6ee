/// By how much a result is late behind its driver.
///
/// For every shift the curves of head and face (``FaceCurve/pacing``) are correlated, and the mean of the
/// correlations counts; the shift with the largest one is the delay. A figure that compares frames without it
/// would punish a live system for being live.
package struct FollowingDelay: Sendable {
    package struct Score: Sendable {
        /// The shift in frames of the result; above 0 the result is late.
        package var frames: Int
        package var correlation: Double
    }

    /// What every shift that was tried gives, the earliest first; empty where there are too few frames.
    package let scores: [Score]
    /// The best one; nil where the result does not follow the driver well enough to tell.
    package let best: Score?
    /// The usual time between two frames of the result, nanoseconds.
    package let interval: Int64

    /// The delay that is taken out, 0 where none was found.
    package var frames: Int { best?.frames ?? 0 }
    package var nanoseconds: Int64 { Int64(frames) * interval }

    /// The least mean correlation that counts. Of 300 pairs of films that have nothing to do with each other
    /// (sums of sines of 0.2 to 1.2 Hz) the best of a hundred shifts had less than 1.1 / √seconds in 99 of 100
    /// cases, whether they were 8, 12 or 30 s long.
    private static func leastCorrelation(seconds: Double) -> Double {
        1.2 / max(seconds, 1e-9).squareRoot()
    }
    /// A shift leaves at least this many pairs of frames.
    static let leastPairs = 10

    /// - Parameter most: the longest delay that is looked for, nanoseconds; a third of the result at most.
    package init(_ result: FaceTrack, after driver: FaceTrack, most: Int64 = 2_000_000_000) {
        interval = result.interval
        let limit = min(Int(most / interval), result.times.count / 3)
        var scores: [Score] = [], telling: [Score] = []
        for frames in -limit...limit {
            let pairs = FramePairing(result, with: driver, delay: Int64(frames) * interval).pairs
            let faces = pairs.compactMap { pair in
                result.faces[pair.result].flatMap { own in
                    driver.faces[pair.other].map { (own.reading, $0.reading) }
                }
            }
            guard faces.count >= Self.leastPairs else { continue }
            let sum = FaceCurve.pacing.reduce(0) { sum, curve in
                sum
                    + FaceCurve.correlation(
                        faces.map { (Double(curve.value($0)), Double(curve.value($1))) })
            }
            let score = Score(frames: frames, correlation: sum / Double(FaceCurve.pacing.count))
            scores.append(score)
            // What the shift leaves of the films, which may be little.
            let seconds = Double(interval) / 1e9 * Double(faces.count)
            if score.correlation >= Self.leastCorrelation(seconds: seconds) { telling.append(score) }
        }
        self.scores = scores
        // Of equals the shortest.
        best = telling.max {
            ($0.correlation, -abs($0.frames)) < ($1.correlation, -abs($1.frames))
        }
    }
}
