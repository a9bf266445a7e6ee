import Testing
import Wire

@Suite struct FrameSetTests {
    private func set(_ frames: [UInt64]) -> FrameSet {
        var set = FrameSet()
        frames.forEach { set.insert($0) }
        return set
    }

    @Test func `runs are joined whatever the order`() {
        #expect(set([3, 1, 2, 7, 5, 6, 2]).text == "1-3, 5-7")
        #expect(set([3, 1, 2, 7, 5, 6, 2]).count == 6)
    }

    @Test func `union and difference agree with sets of numbers`() {
        var random = SystemRandomNumberGenerator.seeded(7)
        for _ in 0..<200 {
            let a = (0..<20).map { _ in UInt64.random(in: 0..<40, using: &random) }
            let b = (0..<20).map { _ in UInt64.random(in: 0..<40, using: &random) }

            #expect(set(a).union(set(b)).count == Set(a).union(b).count)
            let difference = set(a).subtracting(set(b))
            #expect(difference.count == Set(a).subtracting(b).count)
            #expect(Set(a).subtracting(b).allSatisfy { difference.contains($0) })
        }
    }
}

@Suite struct AgeHistogramTests {
    @Test func `percentiles are within two percent`() {
        var ages = AgeHistogram()
        for millisecond in 1...1000 { ages.add(nanoseconds: Int64(millisecond) * 1_000_000) }

        for fraction in [0.5, 0.95, 0.99] {
            let age = ages.percentile(fraction)!
            #expect(abs(age / (fraction * 1000) - 1) < 0.021)
        }
        #expect(ages.maximum == 1000)
    }

    @Test func `nothing has no percentile`() {
        #expect(AgeHistogram().percentile(0.5) == nil)
    }
}
