import Foundation
import Testing

@testable import Studio

/// What the audit log keeps of a change.
@Suite struct RunChangesTests {
    @Test func `a change that got no answer is in the audit log`() async throws {
        let folder = FileManager.default.temporaryDirectory
            .appendingPathComponent("pl-changes-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let file = "\(folder)/audit.jsonl"
        let changes = RunChanges(
            audit: try AuditLog(file), comparisons: Comparisons(executable: "/bin/false", launcher: []))
        // The run was found, and its process is gone when it is asked.
        let call = RunCall(
            request: .init(
                method: .POST, version: .http11, path: "/", query: [], headers: [:], body: Data()),
            role: .control, address: "192.0.2.7", run: "graph", folder: folder, name: "")

        let answer = try? await changes.make(.flush, "flush", "", for: call)

        #expect(answer == nil)
        let audit = try String(contentsOfFile: file, encoding: .utf8)
        #expect(audit.contains(#""action":"flush","address":"192.0.2.7""#), "\(audit)")
        #expect(audit.contains(#""result":"no answer""#) && audit.contains(#""run":"graph""#), "\(audit)")
        #expect(audit.split(separator: "\n").count == 1)
    }
}
