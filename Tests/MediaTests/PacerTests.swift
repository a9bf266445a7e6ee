import Media
import Testing

/// Pictures that come unevenly, at an even pace; in simulated time.
@Suite struct PacerTests {
    private static let ms: Int64 = 1_000_000

    /// Shows pictures 40 ms apart for so many seconds; `arrival` says when each comes, ms.
    private func show(
        seconds: Int, arrival: (Int) -> Int64
    ) -> (shown: [Int?], counts: Pacer<Int>.Counts) {
        var pacer = Pacer<Int>(interval: 40 * Self.ms)
        var (shown, number): ([Int?], Int) = ([], 0)
        for tick in 0..<seconds * 25 {
            let now = Int64(tick) * 40 + 13
            while arrival(number) <= now {
                pacer.add(
                    number, presentation: Int64(number) * 40 * Self.ms,
                    at: arrival(number) * Self.ms)
                number += 1
            }
            shown.append(pacer.next(at: now * Self.ms))
        }
        return (shown, pacer.counts)
    }

    @Test func `bursts of four are shown one by one for a minute`() {
        // The four of a chunk come with the last of them, after 90 ms of work.
        let (shown, counts) = show(seconds: 60) { Int64($0 / 4 * 4 + 3) * 40 + 90 }

        let numbers = shown.compactMap(\.self)
        let settled = Array(numbers.dropFirst(25))
        #expect(zip(settled, settled.dropFirst()).allSatisfy { $1 == $0 + 1 })
        #expect(counts.fresh + counts.repeated == numbers.count)
        #expect(counts.fresh >= numbers.count - 5, "\(counts)")
        #expect(counts.dropped <= 4, "\(counts)")
    }

    @Test func `pictures that come late now and then are neither lost nor out of order`() {
        let (shown, counts) = show(seconds: 60) {
            Int64($0) * 40 + 30 + Int64($0 * 7919 % 23) + ($0 % 50 == 49 ? 60 : 0)
        }

        let numbers = shown.compactMap(\.self)
        #expect(zip(numbers, numbers.dropFirst()).allSatisfy { $0 <= $1 })
        #expect(counts.fresh > 1450, "\(counts)")
    }

    @Test func `a stall shows the last picture, and what comes after it goes on`() {
        let (shown, counts) = show(seconds: 20) {
            let time = Int64($0) * 40 + 30
            return time < 5000 || time > 8000 ? time : 8000
        }

        // Three seconds of one picture, and of the 75 that come at once the newest two seconds at most.
        let numbers = shown.compactMap(\.self)
        let longest = Dictionary(grouping: numbers) { $0 }.values.map(\.count).max()!
        #expect((60...90).contains(longest), "\(longest)")
        #expect(numbers.last! > 490 - 60)
        #expect(counts.fresh + counts.repeated == numbers.count)
    }

    @Test func `a source that begins anew is shown at once`() {
        var pacer = Pacer<Int>(interval: 40 * Self.ms)
        for number in 0..<50 {
            pacer.add(
                number, presentation: Int64(number) * 40 * Self.ms, at: Int64(number) * 40 * Self.ms
            )
            _ = pacer.next(at: Int64(number) * 40 * Self.ms)
        }

        pacer.add(1000, presentation: 0, at: 10_000 * Self.ms)

        #expect(pacer.next(at: 10_000 * Self.ms) == 1000)
    }

    @Test func `before the first picture there is none`() {
        var pacer = Pacer<Int>(interval: 40 * Self.ms)

        #expect(pacer.next(at: 0) == nil)
        #expect(pacer.counts.fresh + pacer.counts.repeated + pacer.counts.dropped == 0)
    }
}
