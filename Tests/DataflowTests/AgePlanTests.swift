import Dataflow
import NodeKit
import Testing

/// The worst age of a live graph, worked out before it runs.
@Suite struct AgePlanTests {
    private static let registry = NodeRegistry([
        NodeSpec(
            "camera", "Sends frames.",
            outputs: [Port("frame", UInt8.self, "1 h w 3", meaning: "rgb")],
            settings: [Setting("rate", Double.self, type: .number(0.1...1000), isOptional: true)]),
        NodeSpec(
            "stage", "Does something.",
            inputs: [Port("frame", UInt8.self, "1 h w 3", meaning: "rgb")],
            outputs: [Port("frame", UInt8.self, "1 h w 3", meaning: "rgb")]),
        NodeSpec(
            "chunks", "Does something with four.",
            inputs: [Port("frame", UInt8.self, "1 h w 3", meaning: "rgb")],
            outputs: [Port("frame", UInt8.self, "1 h w 3", meaning: "rgb")], chunk: 4),
        NodeSpec(
            "screen", "Shows frames.",
            inputs: [Port("frame", UInt8.self, "1 h w 3", meaning: "rgb")]),
    ])

    private func graph(
        _ kind: String = "stage", takes: String = "50ms", budget: String = "", more: String = ""
    ) throws -> CheckedGraph {
        let text = """
            mode: live
            \(budget)
            nodes:
              camera: { use: camera, with: { rate: 30 } }
              first: { use: stage, takes: 1ms, in: { frame: camera.frame } }
              slow: { use: \(kind), takes: \(takes), in: { frame: \(more.isEmpty ? "first.frame" : more) } }
              screen: { use: screen, takes: 2ms, in: { frame: slow.frame } }
            """
        let check = GraphFile.check(text: text, registry: Self.registry)
        return try #require(check.graph, "\(check.text)")
    }

    @Test func `live edges have one credit, and frames that wait for it are new`() throws {
        let graph = try graph()

        #expect(graph.edges.map(\.window) == [1, 1, 1])
        #expect(graph.edges.map(\.keep) == [.newest, .all, .all])
        // The camera's frame is 33 ms old when 'first' takes it, which is held up by 'slow'; another
        // is in its hand.
        let plan = AgePlan(graph)
        #expect(plan.path.map(\.node) == ["camera", "first", "slow", "screen"])
        #expect(plan.worst > .milliseconds(130) && plan.worst < .milliseconds(145))
        #expect(plan.refusal == nil)
        #expect(plan.unknown.isEmpty)
    }

    @Test func `a budget that cannot be met names the edge and what would help`() throws {
        let graph = try graph(
            budget: "latency_budget: 140ms", more: "{ from: first.frame, window: 3 }")

        let refusal = try #require(AgePlan(graph).refusal)

        #expect(refusal.contains("the latency budget is 140ms, but a frame can be 289ms old at 'screen'"))
        #expect(refusal.contains("most of it on 'first.frame → slow.frame'"))
        #expect(refusal.contains("'window: 1' on the edges of this path: 139ms, which meets it"))
    }

    @Test func `frames that are slower than every node do not wait`() throws {
        let plan = AgePlan(try graph(takes: "20ms"))

        #expect(plan.path.map(\.wait) == [.zero] + Array(repeating: .milliseconds(1), count: 3))
    }

    @Test func `a node of which nobody said how long it takes is named`() throws {
        let text = """
            mode: live
            nodes:
              camera: { use: camera }
              screen: { use: screen, in: { frame: camera.frame } }
            """
        let graph = try #require(GraphFile.check(text: text, registry: Self.registry).graph)

        #expect(AgePlan(graph).unknown == ["camera", "screen"])
        #expect(AgePlan(graph, times: ["screen": .milliseconds(9)]).unknown == ["camera"])
        #expect(AgePlan(graph).text.contains("nobody said how long 'camera' and 'screen' take"))
    }

    @Test func `frames enter evenly where several are worked on at once`() throws {
        let graph = try graph("chunks")

        #expect(graph.edges[0].keep == .even)
        #expect(graph.edges[0].window == 4)
        #expect(graph.edges[1].keep == .all)
    }
}
