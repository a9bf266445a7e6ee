import Glibc

/// What a search for the watermark has found.
package struct WatermarkFinding: Equatable, Sendable {
    /// Logarithm to base 10 of a bound on the probability that pictures without the mark give so good a
    /// fit anywhere in the search.
    package var logOdds: Double
    /// What the mark says, or nil when too many of its bits are wrong.
    package var payload: WatermarkPayload?
    /// How well the pilots fit: 1 when all phases are right, 0 by chance.
    package var fit: Double
    /// Side of the mark's tile across and down, in pixels of the pictures that were searched.
    package var period: (x: Double, y: Double)

    /// Odds below one in ten million make a mark.
    package static let threshold = -7.0

    package var isFound: Bool { logOdds < Self.threshold }

    package static let nothing = WatermarkFinding(
        logOdds: 0, payload: nil, fit: 0, period: (0, 0))

    package static func == (a: Self, b: Self) -> Bool {
        a.logOdds == b.logOdds && a.payload == b.payload && a.fit == b.fit && a.period == b.period
    }

    /// Bound on the logarithm of the probability that `count` random phases fit so well at one of
    /// 10^`logTries` places.
    ///
    /// Whatever the pictures are, the key's phases are random and independent, so the sum of the cosines
    /// is below `sum` but for a share of exp(-sum^2 / count): the moment generating function of a cosine
    /// of a random phase, I0(t), is at most exp(t^2 / 4) (Chernoff's bound).
    static func logOdds(sum: Double, count: Int, logTries: Double) -> Double {
        guard sum > 0 else { return 0 }
        return min(0, logTries - sum * sum / Double(count) * M_LOG10E)
    }
}
