import Foundation
import Testing
@testable import Wire

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

    /// Of 2000 frames a tenth is dropped, most in order and some later: more runs than are left unpacked.
    @Test func `a long run's sets agree with sets of numbers`() {
        var random = SystemRandomNumberGenerator.seeded(11)
        for _ in 0..<5 {
            var numbers = (0..<2000).filter { _ in UInt64.random(in: 0..<10, using: &random) == 0 }
                .map(UInt64.init)
            numbers.swapAt(3, numbers.count - 2)
            let others = numbers.map { $0 + UInt64.random(in: 0..<2, using: &random) }

            var found = set(numbers)
            let other = set(others)

            #expect(found.count == Set(numbers).count)
            #expect((0..<2001).allSatisfy { found.contains($0) == numbers.contains($0) })
            let isNew = found.insert(numbers[7])
            #expect(!isNew)
            #expect(found == set(numbers.sorted()))
            #expect(found.union(other).count == Set(numbers).union(others).count)
            #expect(found.subtracting(other).count == Set(numbers).subtracting(others).count)
        }
    }

    @Test func `a frame in six, for a day at 30 Hz, takes a megabyte at most`() {
        var set = FrameSet()
        for frame in 0..<(UInt64(24 * 3600 * 30) / 6) { set.insert(frame * 6) }

        #expect(set.old.bytes.count < 1_000_000)
        #expect(set.count == 24 * 3600 * 5)
    }
}

/// Sets as they are sent.
@Suite struct FrameSetJSONTests {
    private func decoded(_ json: String) -> FrameSet? {
        try? JSONDecoder().decode(FrameSet.self, from: Data(json.utf8))
    }

    @Test(arguments: [[], [0], [5], [0, 1, 2, 7, 9, 10], Array(stride(from: UInt64(3), to: 9000, by: 3))])
    func `a set is what it was when it has been sent`(frames: [UInt64]) throws {
        var set = FrameSet()
        frames.forEach { set.insert($0) }

        let sent = try JSONEncoder().encode(set)
        var found = try JSONDecoder().decode(FrameSet.self, from: sent)

        #expect(found == set)
        #expect(found.last == set.last && found.isEmpty == set.isEmpty)
        let isNew = found.insert((set.last ?? 0) + 2)
        #expect(isNew && found.count == set.count + 1)
    }

    /// A decoder makes an object of each number of a list.
    @Test func `three bytes of text are enough for a run`() throws {
        var set = FrameSet()
        for frame in 0..<UInt64(30_000) { set.insert(frame * 4) }

        #expect(try JSONEncoder().encode(set).count < 90_000)
    }

    @Test func `pairs of first and last are understood`() {
        #expect(decoded("[[0, 6], [9, 9]]")?.text == "0-6, 9")
        #expect(decoded("[[0, 6], [5, 9]]") == nil)
        #expect(decoded("[[0, 9007199254740992]]") == nil)
    }

    @Test(arguments: [
        ("half a run", [5]),
        ("a number without end", [5, 0x80]),
        ("a number of nine bytes", [UInt8](repeating: 0x80, count: 8) + [1, 0]),
        ("frames of 2^53 and above", [UInt8](repeating: 0xFF, count: 7) + [0x3F, 0]),
        ("two runs that touch", [5, 2, 0, 1]),
    ])
    func `damaged packed runs are refused`(_ what: String, bytes: [UInt8]) {
        #expect(decoded("\"\(Data(bytes).base64EncodedString())\"") == nil, "\(what)")
    }

    @Test func `text that is no base64 is refused`() { #expect(decoded("\"0-6\"") == nil) }
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

    @Test func `what is made of two long sets takes no more room than one that grew`() {
        let odd = FrameSet(bounds: (0..<20_000).flatMap { [4 * $0 + 1, 4 * $0 + 1] })
        let even = FrameSet(bounds: (0..<20_000).flatMap { [4 * $0 + 3, 4 * $0 + 3] })

        let all = odd.union(even)

        #expect(all.count == 40_000)
        #expect(all.recent.capacity <= 512)
    }

    @Test func `frames that come late are put in their place, packed runs beside them or not`() {
        var set = FrameSet(), plain: Set<UInt64> = []
        func insert(_ frame: UInt64) {
            #expect(set.insert(frame) == plain.insert(frame).inserted)
        }
        for run in 0..<300 as Range<UInt64> { insert(3 * run) }

        for frame in [880, 878, 899, 877, 4, 880, 1, 901, 898] as [UInt64] { insert(frame) }

        #expect(set.runs.flatMap { Array($0[0]...$0[1]) } == plain.sorted())
        #expect(set.count == plain.count)
    }

    @Test(arguments: [(0, 5, "0-4"), (4, 8, "4, 7"), (8, 4, ""), (5, 7, ""), (9, 12, "9-10")])
    func `a part of a set is what lies between two frames`(first: UInt64, end: UInt64, text: String)
    {
        #expect(FrameSet(bounds: [0, 4, 7, 10]).within(first, end).text == text)
    }
}
