import NodeKit
import Testing

/// Which frames go over an edge follows from their stamps alone.
@Suite struct ThinningTests {
    private func stamps(_ count: Int, every milliseconds: Int64) -> [Stamp] {
        (0..<count).map {
            Stamp(
                frame: UInt64($0), captured: 0, presentation: Int64($0) * milliseconds * 1_000_000,
                duration: milliseconds * 1_000_000)
        }
    }

    private func taken(_ thinning: Thinning, _ stamps: some Sequence<Stamp>) -> [UInt64] {
        var last: Int64?
        return stamps.filter { thinning.takes($0, after: &last) }.map(\.frame)
    }

    @Test func `every so many-th frame by its number, whoever looks`() {
        #expect(taken(.every(3), stamps(8, every: 40)) == [0, 3, 6])
        #expect(taken(.every(3, offset: 2), stamps(9, every: 40)) == [2, 5, 8])
        #expect(taken(.every(3), stamps(9, every: 40).dropFirst(4)) == [6])
    }

    @Test(arguments: [5.0, 10, 12.5, 25, 60])
    func `a rate takes so many of a second's frames, and a process that begins in mid-stream the same`(
        rate: Double
    ) {
        let all = stamps(250, every: 40)
        let whole = taken(.rate(rate), all)

        #expect(whole.count == Int(min(rate, 25) * 10))
        for start in [1, 2, 3, 7, 100] {
            #expect(
                taken(.rate(rate), all.dropFirst(start)) == whole.filter { $0 >= UInt64(start) })
        }
    }

    @Test func `a rate of frames that say no duration is kept as well`() {
        let stamps = (0..<100).map {
            Stamp(frame: UInt64($0), captured: 0, presentation: Int64($0) * 10_000_000)
        }
        #expect(taken(.rate(10), stamps) == (0..<10).map { UInt64(10 * $0) })
    }
}
