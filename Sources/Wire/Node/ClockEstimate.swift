/// How far another machine's clock is from this one's, from questions that were answered.
///
/// A question leaves here at t₀, is there at t₁, is answered at t₂, and the answer is here at t₃. The
/// other clock's lead lies between t₁ − t₀ less the whole way and t₁ − t₀ itself, so the middle is
/// wrong by half the time that both edges took, at most, however unequal they are. (The same bound as
/// NTP's, RFC 5905 section 8.) The quickest answer is the best; how far clocks may have drifted since
/// is added to what it leaves open.
package struct ClockEstimate: Sendable {
    private struct Sample {
        /// What to add to the other clock to get this one.
        let offset: Int64
        let uncertainty: Int64
        /// When, by this machine's clock.
        let time: Int64
    }

    private var samples: [Sample] = []
    /// How many answers there were.
    package private(set) var count = 0

    /// Quartz in computers is good to some 50 parts per million; two of them differ by twice that.
    private static let driftPerMillion: Int64 = 100
    private static let kept = 64

    package init() {}

    /// Takes an answer: two times of this machine's clock around two of the other's, nanoseconds.
    package mutating func add(sent: Int64, received: Int64, answered: Int64, heard: Int64) {
        let way = max(0, (heard - sent) - (answered - received))
        // Sums are halved before they are made, so that none overflows.
        let offset = (sent - received) / 2 + (heard - answered) / 2
        samples.append(Sample(offset: offset, uncertainty: way / 2 + 1, time: heard))
        if samples.count > Self.kept { samples.removeFirst() }
        count += 1
    }

    private var best: (sample: Sample, uncertainty: Int64)? {
        guard let now = samples.last?.time else { return nil }
        return samples.map { sample in
            let drift = (now - sample.time) / 1_000_000 * Self.driftPerMillion
            return (sample, sample.uncertainty + drift)
        }.min { $0.1 < $1.1 }
    }

    /// What to add to the other machine's clock to get this one's, nanoseconds; nil before any answer.
    package var offset: Int64? { best?.sample.offset }
    /// By how much that may be wrong.
    package var uncertainty: Int64? { best?.uncertainty }
}
