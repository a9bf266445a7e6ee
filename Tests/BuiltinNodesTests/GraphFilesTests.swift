import BuiltinNodes
import Dataflow
import Foundation
import Testing

/// The graphs that people run.
@Suite struct GraphFilesTests {
    static let folder = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("Graphs")
    static let names = ((try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? [])
        .filter { $0.hasSuffix(".yaml") }.sorted()

    /// Files that a fresh clone may lack, and a place to write: only the graph itself is on trial.
    private static let stand = [
        "portrait": "/dev/null", "driving": "/dev/null", "device": "/dev/null",
        "output": "/tmp/portrait.mp4", "weights": "/dev/null",
    ]

    @Test(arguments: names)
    func `a graph of the folder has no faults`(name: String) throws {
        let file = Self.folder.appendingPathComponent(name)
        let text = try String(contentsOf: file, encoding: .utf8)
        let settings = text.components(separatedBy: "\ninputs:")[0]
        let overrides = Self.stand.filter { settings.contains("\n  \($0.key): ") }
            .map { (name: $0.key, value: $0.value) }

        let check = GraphFile.check(
            text: text, name: name, overrides: overrides,
            registry: NodeRegistry(BuiltinKinds.specs))
        #expect(check.diagnostics.isEmpty, "\(check.text)")
        #expect(check.graph != nil)
        #expect(text.hasPrefix("# "), "a graph opens by saying what one will see")
    }

    @Test func `the folder holds the graphs of the README`() {
        #expect(Self.names.contains("demo.yaml"))
        #expect(Self.names.contains("tiny.yaml"))
        #expect(Self.names.contains("webcam.yaml"))
        #expect(Self.names.contains("roundtrip.yaml"))
    }
}
