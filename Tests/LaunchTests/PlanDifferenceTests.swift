import Launch
import NodeKit
import Testing
import Wire

@Suite struct PlanDifferenceTests {
    /// An edge as `from` to `to`, both as `node.port`.
    typealias Edge = (from: String, to: String, window: Int)

    /// A plan of nodes that are named after their kinds.
    static func plan(
        _ nodes: [String], _ edges: [Edge], isLive: Bool = false, paces: [String: Pace] = [:]
    ) -> RunPlan {
        func split(_ end: String) -> (String, String) {
            let words = end.split(separator: ".").map(String.init)
            return (words[0], words[1])
        }
        let planned = nodes.map { word in
            // `name:kind`, or a name that is the kind.
            let words = word.split(separator: ":").map(String.init)
            let name = words[0]
            let inputs = edges.filter { split($0.to).0 == name }.map { edge in
                NodeConfiguration.Input(
                    port: split(edge.to).1, producer: split(edge.from).0,
                    producerPort: split(edge.from).1, endpoint: "", keep: .all, window: edge.window)
            }
            let outputs = edges.filter { split($0.from).0 == name }.map { edge in
                NodeConfiguration.Output(
                    port: split(edge.from).1, consumer: split(edge.to).0,
                    consumerPort: split(edge.to).1, keep: .all, window: edge.window)
            }
            return RunPlan.PlannedNode(
                name: name, kind: words.last!,
                configuration: NodeConfiguration(
                    name: name, settings: Settings([:]), inputs: inputs, outputs: outputs))
        }
        var plan = RunPlan(name: "p", graph: "p.yaml", nodes: planned, isLive: isLive, folder: "/tmp")
        plan.paces = paces
        return plan
    }

    private static let straight: [Edge] = [("camera.frame", "film.frame", 2)]

    private func difference(from old: RunPlan, to new: RunPlan) throws -> PlanDifference {
        try PlanDifference(from: old.nodes, old, to: new)
    }

    @Test func `a window cannot become shorter while frames are in it`() throws {
        var old = Self.plan(["camera", "film"], Self.straight), new = old
        old.nodes[1] = RunPlan.PlannedNode(
            name: "film", kind: "film", configuration: old.nodes[1].configuration, state: .saved)
        new.nodes[1] = old.nodes[1]
        (old.nodes[1].heldFrames, new.nodes[1].heldFrames) = (15, 7)

        let refusal = #expect(throws: SwapRefusal.self) { try difference(from: old, to: new) }

        #expect(refusal?.description.contains("'film' keeps 15 frames to itself and would keep 7") == true)
    }

    @Test func `a film is not written over by whoever cannot go on with it`() throws {
        func refusal(_ change: (inout RunPlan.PlannedNode) -> Void) -> String? {
            var old = Self.plan(["camera", "film"], Self.straight)
            old.nodes[1].outputFiles = ["/tmp/a.mp4"]
            var new = old
            change(&new.nodes[1])
            do {
                _ = try difference(from: old, to: new)
                return nil
            } catch { return "\(error)" }
        }
        let elsewhere = refusal { $0.machine = "gpu" }
        let next = refusal { ($0.machine, $0.outputFiles) = ("gpu", ["/tmp/b.mp4"]) }

        #expect(elsewhere?.contains("'film' is writing /tmp/a.mp4") == true)
        #expect(next?.contains("is writing") != true)
    }

    @Test func `equal plans differ in nothing`() throws {
        let plan = Self.plan(["camera", "film"], Self.straight)

        let difference = try difference(from: plan, to: plan)

        #expect(difference.isEmpty)
        #expect(difference.lines.isEmpty)
    }

    @Test func `a node put between two others is named with what it changes`() throws {
        let old = Self.plan(["camera", "film"], Self.straight)
        let new = Self.plan(
            ["camera", "grey:grayscale", "film"],
            [("camera.frame", "grey.frame", 2), ("grey.frame", "film.frame", 2)])

        let there = try difference(from: old, to: new)
        let back = try difference(from: new, to: old)

        #expect(there.lines == [
            "'grey': new, 'grayscale', fed by camera.frame",
            "'film.frame': fed by grey.frame instead of camera.frame",
        ])
        #expect(back.lines == [
            "'grey': goes, once it has finished what it has",
            "'film.frame': fed by camera.frame instead of grey.frame",
        ])
        #expect(there.addedEdges.map(\.from) == ["grey.frame", "camera.frame"])
    }

    @Test func `other kinds and windows are said of nodes and edges that stay`() throws {
        let old = Self.plan(["camera", "film"], Self.straight)
        let new = Self.plan(["camera", "film:hls"], [("camera.frame", "film.frame", 8)])

        let difference = try difference(from: old, to: new)

        #expect(difference.replaced.map(\.name) == ["film"])
        #expect(difference.lines == [
            "'film': 'hls' in place of 'film' (swap)", "'film.frame': a window of 8 instead of 2",
        ])
    }

    /// The chain, in which film's settings are these; `gain` and `mute` are live.
    private static func plan(_ settings: [String: SettingValue], kind: String = "film") -> RunPlan {
        var plan = Self.plan(["camera", "film:\(kind)"], Self.straight)
        plan.nodes[1].configuration.settings = Settings(settings)
        plan.nodes[1].liveSettings = ["gain", "mute"]
        return plan
    }

    @Test func `a node whose live settings alone differ keeps its process`() throws {
        let old = Self.plan(["gain": .number(1), "mute": .text("eyes"), "path": .text("a.mp4")])
        let new = Self.plan(["gain": .number(0.4), "path": .text("a.mp4")])

        let difference = try difference(from: old, to: new)

        #expect(difference.replaced.isEmpty)
        #expect(difference.set.map(\.settings) == [new.nodes[1].configuration.settings.values])
        #expect(difference.lines == ["'film': gain 0.4 instead of 1, mute unset instead of eyes (live)"])
        #expect(!difference.isEmpty)
    }

    @Test(arguments: [
        (["gain": 2, "path": 2], "film", nil, Set<String>(), "'film': other settings (swap)"),
        (["gain": 2], "hls", nil, [], "'film': 'hls' in place of 'film' (swap)"),
        (["gain": 2], "film", "film", [], "'film': other settings (swap)"),
        (["gain": 1], "film", "film", [], "'film': other settings (swap)"),
        (
            ["gain": 2], "film", nil, ["film"],
            "'film': other settings (swap: its 'hello' did not say 'sets')"
        ),
    ] as [([String: Int], String, String?, Set<String>, String)])
    func `a node is replaced where more differs, or its process cannot take other settings`(
        settings: [String: Int], kind: String, target: String?, cannotSet: Set<String>, line: String
    ) throws {
        let old = Self.plan(["gain": .integer(1)])
        let new = Self.plan(settings.mapValues { .integer($0) }, kind: kind)

        let difference = try PlanDifference(
            from: old.nodes, old, to: new, target: target, cannotSet: cannotSet)

        #expect(difference.set.isEmpty)
        #expect(difference.replaced.map(\.name) == ["film"])
        #expect(difference.lines == [line])
    }

    @Test func `everything that cannot be is said at once`() {
        let old = Self.plan(
            ["camera", "film"], Self.straight, paces: ["film.frame": .frame, "film.audio": .own])
        let new = Self.plan(
            ["camera", "film"],
            [
                ("film.back", "camera.frame", 2), ("camera.frame", "film.frame", 2),
                ("camera.second", "film.second", 2),
            ], isLive: true)

        #expect {
            _ = try difference(from: old, to: new)
        } throws: { error in
            let text = "\(error)"
            return text.contains("runs offline and would be live")
                && text.contains("'camera' is a source and would be none")
                && text.contains("'film.second' takes a message of every frame")
        }
    }

    @Test func `sound may be connected in mid-stream`() throws {
        let paces: [String: Pace] = ["film.audio": .own]
        let old = Self.plan(["camera", "film"], Self.straight, paces: paces)
        let new = Self.plan(
            ["camera", "film"], Self.straight + [("camera.audio", "film.audio", 2)], paces: paces)

        #expect(try difference(from: old, to: new).lines == ["'film.audio': fed by camera.audio"])
        #expect(
            try difference(from: new, to: old).lines == [
                "'film.audio': not fed any more, was by camera.audio"
            ])
    }

    @Test func `an edge that has come to its end is none`() throws {
        var old = Self.plan(["camera", "film"], Self.straight)
        var ended = NodeConfiguration.Output(
            port: "frame", consumer: "gone", consumerPort: "frame", keep: .all, window: 2)
        ended.until = 12
        old.nodes[0].configuration.outputs.append(ended)

        #expect(try difference(from: old, to: Self.plan(["camera", "film"], Self.straight)).isEmpty)
    }
}
