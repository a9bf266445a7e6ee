import Testing

@testable import Launch

@Suite struct RateLimitTests {
    private static let millisecond: Int64 = 1_000_000

    @Test func `so much is taken in a second, and the rest counted`() {
        var limit = RateLimit(most: 3)
        let first = (0..<5).map { limit.admits(at: $0 * Self.millisecond) }

        #expect(first == [true, true, true, false, false])
        let counted = [999, 1000, 1001].map { limit.takeRefused(at: $0 * Self.millisecond) }
        #expect(counted == [nil, 2, nil])
        let isTaken = limit.admits(at: 1001 * Self.millisecond)
        #expect(isTaken)
    }

    @Test func `a child that never pauses is counted second by second`() {
        var limit = RateLimit(most: 2), counted: [Int] = []
        for tick in 0..<40 as Range<Int64> {
            _ = limit.admits(at: tick * 100 * Self.millisecond)
            if let count = limit.takeRefused(at: tick * 100 * Self.millisecond) { counted.append(count) }
        }

        #expect(counted == [8, 8, 8])
    }

    @Test func `what is said now and then is always taken`() {
        var limit = RateLimit(most: 1)

        let taken = (0..<100).filter { limit.admits(at: $0 * 1000 * Self.millisecond) }.count
        let counted = limit.takeRefused(at: 1 << 60)
        #expect(taken == 100 && counted == nil)
    }
}
