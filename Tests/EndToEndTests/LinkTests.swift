import Foundation
import Testing

/// What `personalive-bench links` promises, in short.
@Suite struct LinkTests {
    private func measure(_ words: String...) throws -> Tool.Outcome {
        try Tool(bench: ["links"] + words).run()
    }

    @Test func `edges to another machine carry the frames of one machine, through resets`() throws {
        let outcome = try measure("--only", "clean", "--only", "offline-reset")

        #expect(outcome.status == 0, "\(outcome.output) \(outcome.errors)")
    }

    @Test func `a live run stays within its budget when the cable is pulled`() throws {
        let outcome = try measure("--only", "live-pulled", "--seconds", "4", "--pull", "2")

        #expect(outcome.status == 0, "\(outcome.output) \(outcome.errors)")
        #expect(outcome.output.contains("frames unaccounted: 0"))
    }

    @Test func `garbage, scans, idle connections and false keys leave a run as it is`() throws {
        let outcome = try measure("--only", "attack", "--seconds", "4", "--garbage", "32")

        #expect(outcome.status == 0, "\(outcome.output) \(outcome.errors)")
        #expect(outcome.output.contains("messages that unauthenticated peers got: 0"))
    }

    @Test func `ages are right with a clock that shows a thousand seconds more`() throws {
        let outcome = try measure("--only", "clock")

        #expect(outcome.status == 0, "\(outcome.output) \(outcome.errors)")
    }

    @Test func `the page on sessions says what its simulation finds`() {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent().path

        #expect(Python.start(["\(root)/docs/sessions.py", "--check"]) == 0)
    }
}
