import Testing

@testable import personalive_bench

/// Lists of sinks as values: what an oracle finds in each.
@Suite struct ArrivalOracleTests {
    private static let bytes = 16
    private static let all = ChaosGraph.Sink(name: "sink", source: "source", rate: 100)
    private static let some = ChaosGraph.Sink(
        name: "sink", source: "source", rate: 100, mayDrop: true, longestGap: 0.5)

    /// The hash of a payload that a source numbers so.
    private static func hash(_ number: Int) -> Substring {
        var payload = PayloadNumbers(bytes: bytes)
        return Substring(payload.hash(of: number))
    }

    /// A list with one line for each frame and payload, ten milliseconds apart.
    private func list(_ lines: [(frame: Int, payload: Int)]) -> [Arrival] {
        lines.enumerated().map { index, line in
            Arrival(
                frame: UInt64(line.frame), hashes: [Self.hash(line.payload)],
                time: Int64(index) * 10_000_000)
        }
    }

    private func findings(_ arrivals: [Arrival]) -> ArrivalOracle.Findings {
        var oracle = ArrivalOracle(bytes: Self.bytes)
        return oracle.findings(arrivals, payloadsBelow: 1000)
    }

    @Test func `the words of a list become arrivals, a broken last line none`() {
        let arrivals = Arrival.list("3 abc 17\n4 def abc 18\n5 de")

        #expect(arrivals.map(\.frame) == [3, 4])
        #expect(arrivals.map(\.hashes) == [["abc"], ["def", "abc"]])
        #expect(arrivals.map(\.time) == [17, 18])
    }

    @Test func `a whole list has no fault`() {
        let found = findings(list((0..<10).map { ($0, $0) }))

        #expect(found.faults(of: Self.all, expected: 10, swaps: 0) == [])
        #expect(found.count == 10)
    }

    /// Each list with the one fault that is to be named.
    @Test(arguments: [
        ([(0, 0), (1, 1), (3, 3)], 4, "1 frames were lost in between"),
        ([(0, 0), (1, 1)], 3, "1 frames are missing at the end"),
        ([(1, 1), (2, 2)], 3, "1 frames were lost in between"),
        ([(0, 0), (1, 1), (1, 1), (2, 2)], 4, "1 frames came twice"),
        ([(0, 0), (2, 2), (1, 1), (3, 3)], 4, "1 frames came after a later one"),
        ([(0, 0), (1, 2), (2, 3)], 3, "1 payloads are not those of their frames"),
        ([], 0, "nothing came"),
    ])
    func `what is wrong in a list is named`(lines: [(Int, Int)], expected: Int, words: String) {
        let found = findings(list(lines.map { (frame: $0.0, payload: $0.1) }))

        let faults = found.faults(of: Self.all, expected: expected, swaps: 0)

        #expect(faults.contains { $0.contains(words) }, "\(faults)")
    }

    @Test func `a source in another's place numbers its payloads anew while frames go on`() {
        let found = findings(list([(0, 0), (1, 1), (2, 0), (3, 1), (4, 0)]))

        #expect(found.restarts == 2)
        #expect(found.faults(of: Self.all, expected: nil, swaps: 2) == [])
        #expect(found.faults(of: Self.all, expected: nil, swaps: 1).count == 1)
    }

    @Test
    func `a new source whose first frames were dropped is one, a payload from nowhere is none`() {
        #expect(findings(list([(0, 0), (1, 1), (4, 1), (5, 2)])).restarts == 1)
        // The old one may itself have begun just now.
        #expect(findings(list([(0, 0), (1, 0), (9, 5), (10, 6)])).restarts == 2)
        #expect(findings(list([(0, 0), (1, 1), (3, 2), (4, 3)])).damaged == 1)
    }

    @Test func `drops are no fault where they are allowed, a long silence is one`() {
        var arrivals = list([(0, 0), (2, 2), (5, 5)])
        #expect(findings(arrivals).faults(of: Self.some, expected: 6, swaps: 0) == [])
        #expect(findings(arrivals).missing == 3)

        arrivals[2] = Arrival(frame: 5, hashes: arrivals[2].hashes, time: 700_000_000)
        let faults = findings(arrivals).faults(of: Self.some, expected: 6, swaps: 0)
        #expect(faults == ["sink: stood still for 69 periods, at most 50 are allowed"])
    }

    @Test func `a pair of different payloads is named`() {
        let pair = Arrival(frame: 0, hashes: [Self.hash(0), Self.hash(1)], time: 0)

        #expect(findings([pair]).mispaired == 1)
    }
}
