import Foundation
import Testing

@testable import personalive_bench

@Suite struct BenchRecordTests {
    private let stamp = BenchStamp(
        machine: .init(processor: "A processor", cores: 2, vectors: ["fma", "avx2"]),
        commit: "0123456789ab", date: "2026-11-30T12:00:00Z", load: .init(before: 0.5, after: 1))

    @Test func `the line before the figures names machine, commit, date and load`() {
        #expect(
            stamp.text
                == "A processor, 2 cores, avx2, commit 0123456789ab, 2026-11-30T12:00:00Z, load 0.5"
        )
    }

    @Test func `a record is one versioned object with its stamp and the words that made it`() throws
    {
        let record = BenchRecord(
            bench: "transport", arguments: ["transport", "--json"], stamp: stamp,
            results: ["a": 1.5])

        let data = try JSONEncoder().encode(record)
        let object = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])

        #expect(object["version"] as? Int == 1)
        #expect(object["bench"] as? String == "transport")
        #expect(object["arguments"] as? [String] == ["transport", "--json"])
        #expect((object["stamp"] as? [String: Any])?["commit"] as? String == "0123456789ab")
        #expect((object["results"] as? [String: Double])?["a"] == 1.5)
    }

    @Test func `the stamp of now has what this machine says of itself`() {
        let stamp = BenchStamp.now()

        #expect(stamp.machine.cores >= 1)
        #expect(!stamp.machine.processor.isEmpty)
        #expect(stamp.load.before >= 0)
        #expect((try? Date(stamp.date, strategy: .iso8601)) != nil)
    }

    @Test func `outside a checkout the commit is unknown`() {
        #expect(BenchStamp.commit(of: "/proc") == "unknown")
    }
}
