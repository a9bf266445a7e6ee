import Dataflow
import NodeKit
import Testing

/// What another kind of node in a node's place has of its settings.
@Suite struct NodeReplacementTests {
    private static let registry: NodeRegistry = {
        func spec(_ kind: String, _ settings: [any SettingDescribing]) -> NodeSpec {
            NodeSpec(
                kind, "Takes frames.", inputs: [Port("frame", UInt8.self, "1 h w 3", meaning: "rgb")],
                settings: settings)
        }
        let model = Setting("model", String.self, type: .choice(["small", "full"]), default: "full")
        let path = Setting("path", String.self, type: .outputFile)
        let size = Setting("size", Int.self, type: .integer(1...9), default: 1)
        let coarse = Setting("size", Int.self, type: .integer(1...3), default: 1)
        return NodeRegistry([
            NodeSpec(
                "camera", "Sends frames.",
                outputs: [Port("frame", UInt8.self, "1 h w 3", meaning: "rgb")]),
            spec("one", [model, path, size]), spec("other", [model, path, coarse]),
        ])
    }()

    private func check(_ replacement: NodeReplacement) -> GraphFile.Check {
        let text = """
            nodes:
              camera: { use: camera }
              sink: { use: one, in: { frame: camera.frame }, with: { model: small, path: /tmp/a, size: 2 } }
            """
        return GraphFile.check(
            bytes: Array(text.utf8), name: "live.yaml", replacements: [replacement],
            registry: Self.registry)
    }

    private func values(after replacement: NodeReplacement) throws -> [String: SettingValue] {
        let check = check(replacement)
        let graph = try #require(check.graph, "\(check.text)")
        return try #require(graph.node("sink")).settings.values
    }

    @Test func `another kind has those that both have alike, but for files`() throws {
        let unsaid = check(NodeReplacement(node: "sink", kind: "other", settings: [:]))
        let found = try values(
            after: NodeReplacement(node: "sink", kind: "other", settings: ["path": "/tmp/b"]))

        #expect(unsaid.text.contains("'path'"), "\(unsaid.text)")
        #expect(found["model"] == .text("small"))
        #expect(found["path"] == .text("/tmp/b"))
        #expect(found["size"] == .integer(1))
    }

    @Test func `the same kind has all, but for what is said`() throws {
        let found = try values(after: NodeReplacement(node: "sink", kind: "one", settings: ["size": "3"]))

        #expect(found["model"] == .text("small"))
        #expect(found["path"] == .text("/tmp/a"))
        #expect(found["size"] == .integer(3))
    }
}
