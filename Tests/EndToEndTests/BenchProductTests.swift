import Foundation
import Testing

/// What measures and attacks is a program of its own, beside the one that is deployed.
@Suite struct BenchProductTests {
    @Test func `the tool itself has no bench`() throws {
        let outcome = try Tool(arguments: ["bench", "transport"]).run()

        #expect(outcome.status == 64)
        #expect(outcome.errors.contains("bench"), "\(outcome.errors)")
    }

    @Test func `figures come in one versioned object with their machine, commit, load and date`()
        throws
    {
        let outcome = try Tool(bench: ["transport", "--count", "8", "--json"]).run()

        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(outcome.number("version") == 1)
        let object = try JSONSerialization.jsonObject(with: Data(outcome.output.utf8))
        let record = try #require(object as? [String: Any])
        let stamp = try #require(record["stamp"] as? [String: Any])
        #expect(Set(stamp.keys) == ["machine", "commit", "load", "date"])
        let rows = try #require(record["results"] as? [[String: Any]])
        #expect(rows.count == 10)
        #expect(
            rows.allSatisfy {
                $0["received"] as? Int == ($0["bytes"] as? Int == 21_000_000 ? 2 : 8)
            })
    }

    @Test func `without the tool beside it the bench says what is missing`() throws {
        let tool = try Tool(bench: ["startup"])
        let alone = URL(fileURLWithPath: "\(tool.folder)/personalive-bench")
        try FileManager.default.copyItem(at: tool.process.executableURL!, to: alone)
        tool.process.executableURL = alone

        let outcome = try tool.run()

        #expect(outcome.status == 64)
        #expect(
            outcome.errors.contains("\(tool.folder)/personalive is not there"), "\(outcome.errors)")
    }
}
