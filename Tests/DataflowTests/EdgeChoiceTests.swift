import Dataflow
import NodeKit
import Testing

/// Which frames go where: `every`, `rate`, `when`, `unless` and `replicas`.
@Suite struct EdgeChoiceTests {
    private static let registry = NodeRegistry([
        NodeSpec(
            "source", "Sends frames.",
            outputs: [
                Port("frame", UInt8.self, "1 h w 3", meaning: "rgb"),
                Port("audio", UInt8.self, "bytes", meaning: "audio-packet", pace: .own),
                Port("found", Float.self, "1", meaning: "scalar"),
                Port("motion", Float.self, "2", meaning: "motion"),
            ]),
        NodeSpec(
            "blur", "Blurs.",
            inputs: [
                Port("frame", UInt8.self, "1 h w 3", meaning: "rgb"),
                Port("mask", UInt8.self, "1 h w 3", meaning: "rgb", isOptional: true),
                Port("logo", UInt8.self, "1 a b 3", meaning: "rgb", pace: .last, isOptional: true),
            ],
            outputs: [
                Port("frame", UInt8.self, "1 h w 3", meaning: "rgb"),
                Port("edges", UInt8.self, "1 h w 3", meaning: "edges"),
            ], state: NodeState.none),
        NodeSpec(
            "window", "Remembers.", inputs: [Port("frame", UInt8.self, "1 h w 3", meaning: "rgb")],
            outputs: [Port("frame", UInt8.self, "1 h w 3", meaning: "rgb")], state: .saved),
        NodeSpec(
            "other", "Says nothing of its state.",
            inputs: [Port("frame", UInt8.self, "1 h w 3", meaning: "rgb")],
            outputs: [Port("frame", UInt8.self, "1 h w 3", meaning: "rgb")]),
        NodeSpec(
            "sink", "Takes frames.",
            inputs: [
                Port("frame", UInt8.self, "1 h w 3", meaning: "rgb"),
                Port("audio", UInt8.self, "bytes", meaning: "audio-packet", pace: .own, isOptional: true),
            ]),
        NodeSpec("record", "Takes anything.").takingAnything(),
        NodeSpec(
            "switch", "Numbers frames anew.", inputs: [Port("frame", UInt8.self, "1 h w 3", meaning: "rgb")],
            outputs: [Port("frame", UInt8.self, "1 h w 3", meaning: "rgb")], state: .saved
        ).beginningStream(),
    ])

    private func check(_ text: String) -> GraphFile.Check {
        GraphFile.check(text: text, registry: Self.registry)
    }

    private static func graph(_ edge: String, node: String = "use: sink", more: String = "") -> String {
        """
        nodes:
          camera: { use: source }
          node:
            \(node)
            in: { frame: \(edge) }
          \(more)
        """
    }

    @Test func `an edge takes every so many-th frame, or so many a second`() throws {
        let every = try #require(check(Self.graph("{ from: camera.frame, every: 3 }")).graph)
        let rate = try #require(check(Self.graph("{ from: camera.frame, rate: 30/min }")).graph)

        #expect(every.edges[0].thinning == .every(3))
        #expect(rate.edges[0].thinning == .rate(0.5))
        #expect(GraphDrawing(every).text.contains("every 3"))
    }

    @Test(
        arguments: [
            ("{ from: camera.frame, every: 0 }", "out-of-range", "5:47"),
            ("{ from: camera.frame, rate: 5 }", "bad-rate", "5:46"),
            ("{ from: camera.frame, rate: fast/s }", "bad-rate", "5:46"),
            ("{ from: camera.frame, rate: 5/s, every: 2 }", "keys-exclude", "5:51"),
            ("{ from: camera.frame, when: camera.motion }", "condition-not-scalar", "5:46"),
            ("{ from: camera.frame, when: camera.found, unless: camera.found }", "keys-exclude", "5:60"),
            ("{ from: camera.frame, when: camera.fond }", "unknown-output", "5:46"),
            ("{ from: camera.frame, when: camra.found }", "unknown-node", "5:46"),
            ("camera.frame, audio: { from: camera.audio, every: 2 }", "thinned-value", "5:68"),
            ("camera.frame, audio: { from: camera.audio, when: camera.found }", "condition-of-value", "5:67"),
        ])
    func `what cannot be said of an edge is told where it is said`(
        edge: String, code: String, place: String
    ) {
        let found = check(Self.graph(edge)).diagnostics
        #expect(found.map(\.code) == [code], "\(found)")
        #expect(found.map { "\($0.place.line):\($0.place.column)" } == [place])
    }

    @Test func `a condition that is no number names those that are`() {
        let text = check(Self.graph("{ from: camera.frame, when: camera.motion }")).text
        #expect(
            text.contains(
                "'camera.motion' is f32 [2] motion, and a condition is one number: f32 [1] scalar"))
        #expect(text.contains("write 'camera.found'"), "\(text)")
    }

    @Test func `a condition is an input of its own, whose frames meet those that it decides on`() throws {
        let graph = try #require(
            check(Self.graph("{ from: camera.frame, unless: camera.found }")).graph)

        let edge = try #require(graph.edges.first { $0.condition != nil })
        #expect(edge.from.description == "camera.found" && edge.to.description == "node.frame-when")
        #expect(edge.condition == false && edge.input.pace == .frame)
    }

    @Test func `a node that takes anything has the inputs that the graph feeds`() throws {
        let graph = try #require(
            check(
                """
                nodes:
                  camera: { use: source }
                  file:
                    use: record
                    in: { motion: camera.motion, picture: { from: camera.frame, every: 2 } }
                """
            ).graph)

        #expect(graph.edges.map(\.input.name) == ["motion", "picture"])
        #expect(graph.edges.map(\.input.meaning) == ["motion", "rgb"])
    }

    // MARK: Replicas

    private static let replicated = """
        machines: { a: { ssh: me@a }, b: { ssh: me@b } }
        nodes:
          camera: { use: source }
          blur:
            use: blur
            replicas: 3
            machine: [a, b]
            takes: 100ms
            in: { frame: { from: camera.frame, window: 4 } }
          sink: { use: sink, in: { frame: blur.frame } }

        """

    @Test func `a node with replicas is several, and one that puts their frames in order`() throws {
        let check = check(Self.replicated)
        let graph = try #require(check.graph, "\(check.text)")

        #expect(graph.nodes.map(\.name) == ["camera", "blur_1", "blur_2", "blur_3", "blur", "sink"])
        #expect(graph.nodes.map(\.machine) == ["local", "a", "b", "a", "local", "local"])
        #expect(
            (1...3).map { graph.edges(into: "blur_\($0)")[0].thinning }
                == (0..<3).map { .every(3, offset: $0) })
        #expect((1...3).allSatisfy { graph.edges(into: "blur_\($0)")[0].window == 4 })
        let merge = try #require(graph.node("blur"))
        #expect(merge.kind == "merge" && merge.spec.outputs.map(\.name) == ["frame", "edges"])
        // Of what nobody takes nothing is put in order.
        #expect(graph.edges(into: "blur").map(\.to.port) == ["frame-1", "frame-2", "frame-3"])
        #expect(graph.edges(into: "blur").allSatisfy { $0.input.pace == .each })
        #expect(graph.edges(into: "sink")[0].from.description == "blur.frame")
        #expect(merge.values["patience"] == .number(0))
    }

    @Test func `frames of which edges before let only some pass take turns by those`() throws {
        let graph = try #require(
            check(
                """
                nodes:
                  camera: { use: source }
                  half: { use: blur, in: { frame: { from: camera.frame, every: 2 } } }
                  blur: { use: blur, replicas: 2, in: { frame: { from: half.frame, every: 3 } } }
                  sink: { use: sink, in: { frame: blur.frame } }
                """
            ).graph)

        #expect(graph.edges(into: "blur_2")[0].thinning == .every(12, offset: 6))
        #expect(graph.node("blur")?.values["stride"] == .integer(6))
    }

    /// Two inputs of each of 30 nodes are fed by the node before it: a thousand million ways.
    @Test func `however many ways lead to a node with replicas, each edge counts once`() throws {
        func node(_ number: Int) -> String {
            let edge = "{ from: n\(number - 1).frame\(number == 1 ? ", every: 2" : "") }"
            return "  n\(number): { use: blur, in: { frame: \(edge), mask: \(edge) } }"
        }
        let lines =
            ["nodes:", "  n0: { use: source }"] + (1...30).map(node) + [
                "  blur: { use: blur, replicas: 2, in: { frame: n30.frame } }",
                "  sink: { use: sink, in: { frame: blur.frame } }",
            ]
        let graph = try #require(check(lines.joined(separator: "\n")).graph)

        #expect(graph.edges(into: "blur_2")[0].thinning == .every(4, offset: 2))
    }

    @Test(arguments: ["every: 2", "rate: 5/s"])
    func `behind a node that numbers frames anew, what edges before it leave out does not count`(
        thinning: String
    ) throws {
        let graph = try #require(
            check(
                """
                nodes:
                  camera: { use: source }
                  scene: { use: switch, in: { frame: { from: camera.frame, \(thinning) } } }
                  blur: { use: blur, replicas: 2, in: { frame: scene.frame } }
                  sink: { use: sink, in: { frame: blur.frame } }
                """
            ).graph)

        #expect(graph.edges(into: "blur_2")[0].thinning == .every(2, offset: 1))
    }

    @Test func `frames of which a rate lets some pass take no turns, wherever the rate is`() {
        let found = check(
            """
            nodes:
              camera: { use: source }
              first: { use: window, in: { frame: { from: camera.frame, rate: 4/s } } }
              blur: { use: blur, replicas: 2, in: { frame: first.frame } }
              sink: { use: sink, in: { frame: blur.frame } }
            """)
        #expect(found.diagnostics.map(\.code) == ["no-replicas"], "\(found.text)")
        #expect(found.text.contains("a 'rate' decides which frames come"))
    }

    @Test func `no machine is none`() {
        let found = check(Self.graph("camera.frame", node: "use: sink\n    machine: []"))
        #expect(found.diagnostics.map(\.code) == ["wrong-shape"], "\(found.text)")
    }

    @Test(
        arguments: [
            ("use: window", "it remembers what came before"),
            ("use: other", "its kind does not say what it remembers"),
            ("use: sink", "it is a sink"),
        ])
    func `what cannot have replicas is told with the reason`(node: String, reason: String) {
        let text = Self.graph(
            "camera.frame", node: node + "\n    replicas: 2",
            more: node == "use: sink" ? "" : "last: { use: sink, in: { frame: node.frame } }")
        let found = check(text)

        #expect(found.diagnostics.map(\.code) == ["no-replicas"], "\(found.text)")
        #expect(found.diagnostics.map { "\($0.place.line):\($0.place.column)" } == ["5:15"])
        #expect(found.text.contains(reason), "\(found.text)")
    }

    @Test func `one replica is the node itself, whatever an input may say`() throws {
        let text = Self.graph(
            "camera.frame", node: "use: window\n    replicas: 1",
            more: "last: { use: sink, in: { frame: node.frame } }")
        #expect(try #require(check(text).graph).nodes.map(\.name) == ["camera", "node", "last"])
        let several = check(text.replacing("replicas: 1", with: "replicas: 1\n    machine: [local, x]"))
        #expect(several.diagnostics.map(\.code) == ["several-machines"])
    }

    @Test func `replicas cost frames of a live graph no age but what putting them in order takes`() throws {
        func bound(_ replicas: Int) throws -> Duration? {
            let graph = try #require(
                check(
                    """
                    mode: live
                    latency_budget: 2s
                    nodes:
                      camera: { use: source, takes: 30ms }
                      blur: { use: blur, replicas: \(replicas), takes: 100ms, in: { frame: camera.frame } }
                      sink: { use: sink, takes: 1ms, in: { frame: blur.frame } }
                    """
                ).graph)
            return AgePlan(graph).worst.value
        }
        let (one, four) = (try #require(try bound(1)), try #require(try bound(4)))
        #expect(four - one < .milliseconds(60), "\(one) and \(four)")
    }
}
