import Foundation
import Testing

@testable import personalive_bench

/// Reports of runs as values, beside the lists of their sinks.
@Suite struct RunAccountTests {
    private static let sink = ChaosGraph.Sink(
        name: "sink", source: "source", rate: 100, mayDrop: true)

    private func report(
        sent: Int = 10, delivered: Int = 7, unaccounted: Int = 0,
        place: String = "source.data → sink", reason: String = "superseded",
        frames: String = "[[3, 5]]", to: String = "sink done"
    ) throws -> [String: Any] {
        let text = """
            {"frames_in": \(sent), "frames_out": \(delivered), "frames_unaccounted": \(unaccounted),
             "age": {"from": "source captured", "to": "\(to)"},
             "dropped": [{"place": "\(place)", "reason": "\(reason)", "count": 3, "frames": \(frames)}]}
            """
        return try #require(
            try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
    }

    private func faults(_ report: [String: Any], came: Set<UInt64>? = nil) -> [String] {
        RunAccount(report).faults(
            of: Self.sink, delivered: came ?? Set((0..<10)).subtracting(3...5), ends: 0)
    }

    @Test func `a report that agrees with the list has no fault`() throws {
        #expect(faults(try report()) == [])
    }

    @Test func `what a report hides or makes up is named`() throws {
        let cases: [(report: [String: Any], words: String)] = [
            (try report(delivered: 8), "8 frames delivered, the sink's list 7"),
            (try report(unaccounted: 2), "2 frames unaccounted"),
            (try report(frames: "[[3, 4]]"), "of 1 nothing is said: frames 5"),
            (try report(frames: "[[3, 6]]"), "frames 6 both came and were dropped"),
            (try report(sent: 9), "9 frames sent, but frame 9 is there"),
            (try report(sent: 12), "of 2 nothing is said: frames 10, 11"),
            (
                try report(reason: "under way when the process of 'source' ended"),
                "3 frames put down to ended processes"
            ),
            (
                try report(place: "stage", reason: "in its process when that ended"),
                "3 frames put down to ended processes"
            ),
            (try report(to: "other done"), "no balance of source → sink"),
            ([:], "no balance of source → sink"),
        ]
        for (report, words) in cases {
            let found = faults(report)
            #expect(found.contains { $0.contains(words) }, "\(words): \(found)")
        }
    }

    @Test func `each stream of a report with several has its own balance`() throws {
        var first = try report(), second = try report(delivered: 1, frames: "[]")
        (first["source"], first["sink"]) = ("a", "b")
        (second["source"], second["sink"]) = ("source", "sink")

        let account = RunAccount(["streams": [first, second]])

        #expect(account.balances.map(\.sink) == ["b", "sink"])
        #expect(account.balances.map(\.delivered) == [7, 1])
    }
}

/// Counts of `status`, one look after the other.
@Suite struct EdgeCountsTests {
    @Test func `a count that goes back is named once`() {
        var counts = EdgeCounts()

        for count in [0, 5, 5, 9, 3, 4] { counts.note(count, of: "dropped_count", "a.out → b") }

        #expect(counts.faults == ["dropped_count of a.out → b went back: from 9 to 3"])
    }

    @Test func `two edges of one producer keep step`() {
        var counts = EdgeCounts()

        counts.compare([100, 103], of: "a.out → b")
        #expect(counts.faults == [])

        counts.compare([219, 41], of: "a.out → b")
        #expect(counts.faults.count == 1)
    }
}
