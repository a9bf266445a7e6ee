import Dataflow
import NodeKit
import Testing

/// The worst age of a live graph, worked out before it runs.
@Suite struct AgePlanTests {
    private static let frame = Port("frame", UInt8.self, "1 h w 3", meaning: "rgb")
    private static let registry = NodeRegistry([
        NodeSpec(
            "camera", "Sends frames.", outputs: [frame],
            settings: [Setting("rate", Double.self, type: .number(0.1...1000), isOptional: true)]),
        NodeSpec("stage", "Does something.", inputs: [frame], outputs: [frame]),
        NodeSpec(
            "chunks", "Does something with four.", inputs: [frame], outputs: [frame], chunk: 4),
        NodeSpec("screen", "Shows frames.", inputs: [frame]),
        NodeSpec(
            "pair", "Shows two streams.",
            inputs: [frame, Port("other", UInt8.self, "1 h w 3", meaning: "rgb")]),
    ])

    private func check(_ text: String) -> GraphFile.Check {
        GraphFile.check(text: text, registry: Self.registry)
    }

    private func graph(
        _ kind: String = "stage", takes: String = "50ms", budget: String = "", more: String = ""
    ) throws -> CheckedGraph {
        let check = check(
            """
            mode: live
            \(budget)
            nodes:
              camera: { use: camera, with: { rate: 30 } }
              first: { use: stage, takes: 1ms, in: { frame: camera.frame } }
              slow: { use: \(kind), takes: \(takes), in: { frame: \(more.isEmpty ? "first.frame" : more) } }
              screen: { use: screen, takes: 2ms, in: { frame: slow.frame } }
            """)
        return try #require(check.graph, "\(check.text)")
    }

    @Test func `live edges have one credit, and frames that wait for it are new`() throws {
        let graph = try graph()

        #expect(graph.edges.map(\.window) == [1, 1, 1])
        #expect(graph.edges.map(\.keep) == [.newest, .all, .all])
        // The camera's frame is 33 ms old when 'first' takes it, which is held up by 'slow' for 50 ms.
        let plan = AgePlan(graph)
        #expect(plan.path.map(\.node) == ["camera", "first", "slow", "screen"])
        #expect(plan.idleAge > .milliseconds(138) && plan.idleAge < .milliseconds(141))
        #expect(plan.refusal == nil)
        #expect(plan.unknown.isEmpty)
    }

    @Test
    func `the bound allows each hop, and the cycle that holds it up, what a busy machine adds`()
        throws
    {
        let plan = AgePlan(try graph())

        #expect(plan.worst.value == plan.idleAge + AgePlan.allowance * 4)
    }

    @Test(arguments: [
        // Idle: 33 ms for a newer frame, and 50 ms for each that is ahead.
        ("{ from: camera.frame }", 34 + 50 + 3),
        ("{ from: camera.frame, window: 3 }", 34 + 2 * 50 + 50 + 3),
        // A source does not wait until its frame is taken: one more is in its hand.
        ("{ from: camera.frame, keep: all, window: 1 }", 1 + 2 * 50 + 50 + 3),
        ("{ from: camera.frame, keep: all, window: 3 }", 1 + 4 * 50 + 50 + 3),
        ("{ from: camera.frame, keep: even, window: 2 }", 1 + 3 * 50 + 50 + 3),
    ])
    func `a frame waits by the edge's keep and window`(edge: String, milliseconds: Int) throws {
        let plan = AgePlan(try graph(more: edge))

        let slow = try #require(plan.paths.flatMap(\.self).first { $0.node == "screen" })
        #expect(abs(plan.idleAge / .milliseconds(1) - Double(milliseconds)) < 1, "\(plan.text)")
        #expect(slow.age.isComplete)
    }

    @Test func `a budget that cannot be met names the edge and what would help`() throws {
        let graph = try graph(
            budget: "latency_budget: 140ms", more: "{ from: first.frame, window: 3 }")

        let plan = AgePlan(graph)

        #expect(plan.verdict == .exceeded)
        let refusal = try #require(plan.refusal)
        #expect(
            refusal.contains(
                "the latency budget is 140ms, but a frame can be 239ms old at 'screen'"))
        #expect(refusal.contains("most of it on 'first.frame → slow.frame'"))
        #expect(refusal.contains("'window: 1' on the edges of this path: 139ms, which meets it"))
    }

    @Test func `frames that are slower than every node do not wait`() throws {
        let plan = AgePlan(try graph(takes: "10ms"))

        let way = Duration.milliseconds(1) + AgePlan.allowance
        #expect(plan.path.map(\.wait.value) == [.zero, way, way, way])
    }

    @Test func `what nobody declared or measured is unknown, and so are all ages behind it`() throws
    {
        let text = """
            mode: live
            latency_budget: 90ms
            nodes:
              camera: { use: camera, takes: 20ms }
              stage: { use: stage, in: { frame: camera.frame } }
              screen: { use: screen, takes: 2ms, in: { frame: stage.frame } }
            """
        let checked = check(text)
        let graph = try #require(checked.graph)

        let plan = AgePlan(graph)

        #expect(plan.unknown == ["stage"])
        #expect(plan.worst.value == nil)
        #expect(plan.verdict == .unproven(missing: ["stage"]))
        #expect(plan.path.map(\.age.isComplete) == [true, false, false])
        #expect(plan.text.contains("unknown"))
        #expect(plan.text.contains("nobody said how long 'stage' takes"))
        #expect(checked.diagnostics.map(\.code) == ["unproven-budget"])
        #expect(checked.text.contains("2:17: warning: the latency budget of 90ms is not proven"))
        let measured = AgePlan(graph, measured: ["stage": .init(longestTick: .milliseconds(9))])
        #expect(measured.unknown.isEmpty)
        #expect(measured.verdict == .kept)
        #expect(measured.worst.value != nil)
    }

    @Test func `a film's rate is not known from its node's rate for pictures`() throws {
        let film = NodeSpec(
            "film", "Reads a film.", outputs: [Self.frame],
            settings: [
                Setting("path", String.self, type: .inputMedia),
                Setting("rate", Double.self, type: .number(0.1...1000), default: 25),
            ])
        let screen = NodeSpec("screen", "Shows frames.", inputs: [Self.frame])
        let text = """
            mode: live
            nodes:
              film: { use: film, with: { path: http://x/y.mp4 } }
              screen: { use: screen, takes: 2ms, in: { frame: film.frame } }
            """
        let check = GraphFile.check(text: text, registry: NodeRegistry([film, screen]))

        #expect(AgePlan(try #require(check.graph)).unknown == ["film"])
    }

    @Test func `what is known alone can exceed a budget`() throws {
        let text = """
            mode: live
            latency_budget: 30ms
            nodes:
              camera: { use: camera }
              stage: { use: stage, takes: 40ms, in: { frame: camera.frame } }
              screen: { use: screen, in: { frame: stage.frame } }
            """
        let plan = AgePlan(try #require(check(text).graph))

        #expect(plan.verdict == .exceeded)
        #expect(plan.unknown == ["camera", "screen"])
        #expect(plan.worst.value == nil)
    }

    @Test func `a budget that only an idle machine meets is warned of`() throws {
        let checked = check(
            """
            mode: live
            latency_budget: 70ms
            nodes:
              camera: { use: camera, with: { rate: 30 } }
              screen: { use: screen, takes: 30ms, in: { frame: camera.frame } }
            """)
        let plan = AgePlan(try #require(checked.graph))

        #expect(plan.verdict == .tight)
        #expect(plan.refusal == nil)
        #expect(checked.text.contains("a frame can be 79ms old at 'screen' on a busy machine"))
    }

    @Test func `a join waits for its slower input, and so does what feeds the other one`() throws {
        let text = """
            mode: live
            nodes:
              camera: { use: camera, with: { rate: 30 } }
              left: { use: stage, takes: 1ms, in: { frame: camera.frame } }
              right: { use: stage, takes: 60ms, in: { frame: camera.frame } }
              pair: { use: pair, takes: 1ms, in: { frame: left.frame, other: right.frame } }
            """
        let plan = AgePlan(try #require(check(text).graph))

        #expect(plan.paths.count == 1)
        #expect(plan.path.map(\.node) == ["camera", "left", "pair"])
        #expect(plan.path.last!.wait.known > .milliseconds(60))
    }

    @Test func `each sink has a bound of its own`() throws {
        let text = """
            mode: live
            nodes:
              camera: { use: camera, with: { rate: 30 } }
              fast: { use: screen, takes: 1ms, in: { frame: camera.frame } }
              stage: { use: stage, takes: 50ms, in: { frame: camera.frame } }
              slow: { use: screen, in: { frame: stage.frame } }
            """
        let plan = AgePlan(try #require(check(text).graph))

        #expect(plan.paths.map { $0.last!.node } == ["fast", "slow"])
        #expect(plan.paths.map { $0.last!.age.isComplete } == [true, false])
        #expect(plan.path.last?.node == "slow")
    }

    @Test func `the way to another machine is unknown until it is measured`() throws {
        let text = """
            mode: live
            machines: { gpu: { ssh: ada@gpu-1 } }
            nodes:
              camera: { use: camera, with: { rate: 30 } }
              screen: { use: screen, machine: gpu, takes: 1ms, in: { frame: camera.frame } }
            """
        let graph = try #require(check(text).graph)

        let plan = AgePlan(graph)
        let measured = AgePlan(
            graph,
            measured: [
                "screen": .init(longestTick: .zero, hops: ["frame": .milliseconds(40)])
            ])

        #expect(plan.unknown == ["camera.frame → screen.frame"])
        #expect(measured.unknown.isEmpty)
        #expect(measured.worst.known > .milliseconds(40))
    }

    @Test func `frames enter evenly where several are worked on at once`() throws {
        let graph = try graph("chunks")

        #expect(graph.edges[0].keep == .even)
        #expect(graph.edges[0].window == 4)
        #expect(graph.edges[1].keep == .all)
    }
}
