import Testing

@testable import Wire

/// Another machine's clock, from questions over a network whose two ways differ.
@Suite struct ClockEstimateTests {
    /// Asks so often, over ways that take between `least` and `most`, each way by itself.
    private func estimate(
        lead: Int64, questions: Int, least: Int64, most: Int64, drift: Int64 = 0
    ) -> ClockEstimate {
        var dice = SystemRandomNumberGenerator.seeded(7)
        var clock = ClockEstimate()
        for question in 0..<questions {
            let sent = 1_000_000_000_000 + Int64(question) * 1_000_000_000
            let there = Int64.random(in: least...most, using: &dice)
            let back = Int64.random(in: least...most, using: &dice)
            let ahead = lead + Int64(question) * drift
            let received = sent + there + ahead
            clock.add(
                sent: sent, received: received, answered: received + 50_000,
                heard: sent + there + 50_000 + back)
        }
        return clock
    }

    @Test(arguments: [0, 5_000_000_000, -3_600_000_000_000] as [Int64])
    func `the true offset lies within the uncertainty`(lead: Int64) throws {
        let clock = estimate(lead: lead, questions: 20, least: 100_000, most: 40_000_000)

        let error = abs(try #require(clock.offset) + lead)

        #expect(error <= clock.uncertainty!)
        #expect(clock.uncertainty! < 20_000_000)
    }

    @Test func `ways that are as unequal as can be are covered`() throws {
        var clock = ClockEstimate()

        // All of 80 ms on the way there, nothing on the way back.
        clock.add(sent: 0, received: 80_000_000 + 500, answered: 80_000_000 + 500, heard: 80_000_000)

        #expect(abs(try #require(clock.offset) + 500) <= clock.uncertainty!)
        #expect(clock.uncertainty! <= 40_000_001)
    }

    @Test func `the quickest answer counts`() throws {
        var clock = ClockEstimate()
        clock.add(sent: 0, received: 10_090_000, answered: 10_090_000, heard: 100_000)
        let before = try #require(clock.uncertainty)

        clock.add(sent: 1_000_000, received: 90_000_000, answered: 90_000_000, heard: 81_000_000)

        #expect(try #require(clock.uncertainty) < before + 10_000)
    }

    /// 50 parts per million: half of what is allowed for.
    @Test func `a clock that runs fast stays within the uncertainty for an hour`() throws {
        let drift: Int64 = 50_000

        let clock = estimate(
            lead: 0, questions: 3600, least: 200_000, most: 5_000_000, drift: drift)

        #expect(abs(try #require(clock.offset) + 3599 * drift) <= clock.uncertainty!)
    }

    @Test func `times on an edge to another machine are the run's`() {
        let (here, there) = (RunClock(), RunClock())
        here.set(offset: 7_000_000_000, uncertainty: 1)
        there.set(offset: -2_000_000_000, uncertainty: 1)
        var envelope = Envelope(.data)
        envelope.sent = 60_000_000_000
        envelope.stamp.captured = 59_000_000_000

        here.leave(&envelope)
        there.arrive(&envelope)

        #expect(envelope.sent == 69_000_000_000)
        #expect(envelope.stamp.captured == 68_000_000_000)
    }
}
