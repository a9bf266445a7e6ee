import Launch
import Testing

@Suite struct TrendTests {
    /// A sample every two seconds for an hour.
    private func hour(_ value: (Double) -> Double) -> [(time: Double, value: Double)] {
        stride(from: 0.0, to: 3600, by: 2).map { ($0, value($0)) }
    }

    @Test func `a line's growth an hour is found, and is certain`() throws {
        let trend = try #require(Trend(hour { 5 + $0 / 3600 * 7 }))

        #expect(abs(trend.perHour - 7) < 1e-9)
        #expect(abs(trend.mean - 8.5) < 0.01)
        #expect(trend.uncertainty < 1e-9)
        #expect(!trend.isFlat(resolution: 1))
    }

    @Test func `what goes to and fro is flat`() throws {
        let trend = try #require(Trend(hour { 40 + (Int($0) % 60 < 30 ? 3 : -3) }))

        #expect(abs(trend.perHour) < trend.uncertainty + 0.1)
        #expect(trend.isFlat(resolution: 0.01))
    }

    @Test func `growth below the resolution is none, and growth above its own doubt is some`() throws {
        let slow = try #require(Trend(hour { $0 / 3600 * 0.5 }))
        let noisy = try #require(Trend(hour { $0 / 3600 * 20 + (Int($0) % 60 < 30 ? 3 : -3) }))

        #expect(slow.isFlat(resolution: 1))
        #expect(!noisy.isFlat(resolution: 1))
        #expect(abs(noisy.perHour - 20) < noisy.uncertainty + 0.5)
    }

    @Test func `too few samples have no trend`() {
        #expect(Trend([]) == nil)
        #expect(Trend([(0, 1), (1, 2), (2, 3)]) == nil)
    }
}
