import Testing
import Wire

@testable import Launch

/// What a run's reports say of its frames, for each sink.
@Suite struct LedgerTests {
    private static func frames(_ runs: ClosedRange<UInt64>...) -> FrameSet {
        runs.reduce(into: FrameSet()) { set, run in run.forEach { set.insert($0) } }
    }

    /// A node of a graph of `edges`, each `producer.port>consumer.port`.
    private static func node(
        _ name: String, _ edges: [String] = [], emitted: FrameSet = .init(),
        delivered: FrameSet = .init(), arrived: [String: FrameSet] = [:], restarts: Int = 0,
        keep: String = "newest", drops: Drops = Drops()
    ) -> RunSnapshot.NodeState {
        var report = NodeReport()
        (report.emitted, report.emittedCount) = (emitted, emitted.count)
        (report.delivered, report.deliveredCount) = (delivered, delivered.count)
        report.outputs = edges.map { edge in
            let words = edge.split { ".>".contains($0) }.map(String.init)
            return .init(
                port: words[0], consumer: words[1], consumerPort: words[2], keep: keep, drops: drops
            )
        }
        report.inputs = arrived.sorted { $0.key < $1.key }.map { port, frames in
            var input = NodeReport.Input(port: port)
            input.arrived = frames
            return input
        }
        return .init(
            name: name, kind: "test", isSource: arrived.isEmpty, isSink: edges.isEmpty,
            report: report, restarts: restarts)
    }

    private func balances(
        _ nodes: [RunSnapshot.NodeState], _ departed: [RunSnapshot.NodeState] = []
    ) -> [Balance] {
        Ledger(nodes: nodes, departed: departed).balances
    }

    @Test func `each sink has a balance with its own source`() {
        let found = balances([
            Self.node(
                "a", ["data>x.data"], emitted: Self.frames(0...9),
                drops: Drops(.superseded, Self.frames(3...9))),
            Self.node("x", delivered: Self.frames(0...2), arrived: ["data": Self.frames(0...2)]),
            Self.node("b", ["data>y.data"], emitted: Self.frames(0...4)),
            Self.node("y", delivered: Self.frames(0...4), arrived: ["data": Self.frames(0...4)]),
        ])

        #expect(found.map(\.sink) == ["y", "x"])
        #expect(found.map(\.sources) == [["b"], ["a"]])
        #expect(found.map(\.framesIn) == [5, 10])
        #expect(found.map(\.missing.text) == ["", "3-9"])
        #expect(found.allSatisfy { $0.unaccounted.isEmpty })
    }

    /// Two cameras whose frames have the same numbers, and a node that sends one of them on.
    @Test func `a node that numbers frames anew ends the streams that come and begins another`() {
        var report = NodeReport()
        report.beginsStream = true
        (report.emitted, report.emittedCount) = (Self.frames(0...6), 7)
        report.outputs = [.init(port: "frame", consumer: "sink", consumerPort: "frame", keep: "all")]
        report.inputs = ["a", "b"].map { port in
            var input = NodeReport.Input(port: port, pace: .each)
            input.arrived = Self.frames(0...4)
            input.drops = port == "a"
                ? Drops(.unchosen, Self.frames(3...4)) : Drops(.unchosen, Self.frames(0...0))
            return input
        }
        let found = balances([
            Self.node("one", ["frame>select.a"], emitted: Self.frames(0...4)),
            Self.node(
                "two", ["frame>select.b"], emitted: Self.frames(0...5),
                drops: Drops(.superseded, Self.frames(5...5))),
            .init(name: "select", kind: "select", isSource: false, isSink: false, report: report),
            Self.node("sink", delivered: Self.frames(0...6), arrived: ["frame": Self.frames(0...6)]),
        ])

        #expect(found.map(\.sink) == ["sink", "select.b", "select.a"])
        #expect(found.map(\.sources) == [["select"], ["two"], ["one"]])
        #expect(found.map(\.framesIn) == [7, 6, 5])
        #expect(found.map(\.framesOut) == [7, 4, 3])
        #expect(found.allSatisfy { $0.unaccounted.isEmpty })
        #expect(
            found[1].losses.map { "\($0.place): \($0.reason) \($0.frames.text)" } == [
                "two.frame → select.b: superseded (keep: newest) 5",
                "select.b: another input was on air 0",
            ])
    }

    @Test func `frames that several processes of a node share are due at the sink once each`() {
        let odd = Self.frames(1...1, 3...3), even = Self.frames(0...0, 2...2)
        func each(_ frames: [String: FrameSet]) -> [String: FrameSet] { frames }
        var merge = Self.node(
            "stage", ["data>sink.data"], emitted: Self.frames(0...3),
            arrived: each(["data-1": even, "data-2": odd]))
        for index in merge.report.inputs.indices { merge.report.inputs[index].pace = .each }
        let found = balances([
            Self.node("src", ["data>stage_1.data", "data>stage_2.data"], emitted: Self.frames(0...3)),
            Self.node("stage_1", ["data>stage.data-1"], emitted: even, arrived: ["data": even]),
            Self.node("stage_2", ["data>stage.data-2"], emitted: odd, arrived: ["data": odd]),
            merge,
            Self.node("sink", delivered: Self.frames(0...3), arrived: ["data": Self.frames(0...3)]),
        ])

        #expect(found.map(\.sink) == ["sink"])
        #expect(found.map(\.framesIn) == [4] && found.map(\.framesOut) == [4])
    }

    /// A chain of source, stage and sink, of which frame 5 went missing between source and stage and
    /// frame 7 in the stage.
    private func chain(
        keep: String = "newest", sourceRestarts: Int = 0, stageRestarts: Int = 0
    ) -> Balance {
        let made = Self.frames(0...9), came = Self.frames(0...4, 6...9),
            left = Self.frames(0...4, 6...6, 8...9)
        return balances([
            Self.node(
                "src", ["data>stage.data"], emitted: made, restarts: sourceRestarts, keep: keep),
            Self.node(
                "stage", ["data>sink.data"], emitted: left, arrived: ["data": came],
                restarts: stageRestarts, keep: keep),
            Self.node("sink", delivered: left, arrived: ["data": left]),
        ])[0]
    }

    @Test(arguments: [
        ("the output that was given nothing", "mask", "faces", ""),
        ("another output than the one that the frame came by", "data", "faces", "4, 8"),
    ])
    func `a node says which of its outputs was given nothing`(
        _ what: String, port: String, sink: String, unaccounted: String
    ) throws {
        var stage = Self.node(
            "stage", ["data>film.data", "mask>faces.data"], emitted: Self.frames(0...9),
            arrived: ["data": Self.frames(0...9)])
        stage.report.dropped = [
            .init(reason: "it gave no '\(port)' for them", port: port, frames: Self.frames(4...4, 8...8))
        ]
        let came = Self.frames(0...3, 5...7, 9...9)

        let found = balances([
            Self.node("src", ["data>stage.data"], emitted: Self.frames(0...9)), stage,
            Self.node("film", delivered: Self.frames(0...9), arrived: ["data": Self.frames(0...9)]),
            Self.node("faces", delivered: came, arrived: ["data": came]),
        ])

        #expect(found.map(\.sink) == ["film", "faces"])
        #expect(found[0].missing.isEmpty)
        #expect(found[1].missing.text == "4, 8")
        #expect(found[1].unaccounted.text == unaccounted, "\(what)")
    }

    /// A join has ended with its shorter stream, and its source counts frames 7 to 9 as unwanted: 7 came all the
    /// same, and was lost in the join.
    @Test func `what a consumer took before it ended is not what its producer says of it`() {
        let found = balances([
            Self.node(
                "long", ["data>join.a"], emitted: Self.frames(0...9), keep: "all",
                drops: Drops(.unwanted, Self.frames(7...9))),
            Self.node("join", delivered: Self.frames(0...6), arrived: ["a": Self.frames(0...7)]),
        ])[0]

        #expect(found.losses.map(\.frames.text) == ["8-9"])
        #expect(found.unaccounted.text == "7")
    }

    @Test(arguments: [
        ("nothing was killed", "newest", 0, 0, "5, 7"),
        ("an edge that keeps all loses nothing by a kill", "all", 1, 1, "5, 7"),
        ("the source was killed: what left it and did not arrive", "newest", 1, 0, "7"),
        ("the stage was killed: on its way in, and in it", "newest", 0, 1, ""),
    ])
    func `only a killed process beside an edge that may drop explains a gap`(
        _ what: String, keep: String, source: Int, stage: Int, unaccounted: String
    ) {
        #expect(
            chain(keep: keep, sourceRestarts: source, stageRestarts: stage).unaccounted.text
                == unaccounted, "\(what)")
    }

    @Test func `what a killed process took with it is said where it was`() {
        let losses = chain(stageRestarts: 1).losses

        #expect(losses.map(\.place) == ["src.data → stage", "stage"])
        #expect(losses.map(\.frames.text) == ["5", "7"])
        #expect(losses[0].reason == "under way when the process of 'stage' ended")
    }

    @Test func `two edges between the same nodes are told apart`() {
        var source = Self.node("src", ["data>join.a", "data>join.b"], emitted: Self.frames(0...5))
        source.report.outputs[0].drops = Drops(.superseded, Self.frames(2...2))
        source.report.outputs[1].drops = Drops(.superseded, Self.frames(4...4))
        var join = Self.node(
            "join", delivered: Self.frames(0...1, 3...3, 5...5),
            arrived: ["a": Self.frames(0...1, 3...5), "b": Self.frames(0...3, 5...5)])
        join.report.inputs[0].drops = Drops(.unpaired, Self.frames(4...4))
        join.report.inputs[1].drops = Drops(.unpaired, Self.frames(2...2))

        let found = balances([source, join])[0]

        #expect(
            found.losses.map(\.place) == [
                "src.data → join.a", "src.data → join.b", "join.a", "join.b",
            ])
        #expect(found.unaccounted.isEmpty)
    }

    @Test
    func `a sink that joined later is owed what came after, and one that left what came before`() {
        var source = Self.node(
            "src", ["data>old.data", "data>new.data"], emitted: Self.frames(0...9), keep: "all")
        source.report.outputs[0].until = 6
        source.report.outputs[1].since = 6
        let found = balances(
            [
                source,
                Self.node(
                    "new", delivered: Self.frames(6...9), arrived: ["data": Self.frames(6...9)]),
            ],
            [Self.node("old", delivered: Self.frames(0...5), arrived: ["data": Self.frames(0...5)])]
        )

        #expect(found.count == 1)
        #expect(found[0].framesIn == 10 && found[0].framesOut == 10)
        #expect(found[0].missing.isEmpty)
    }

    @Test func `a node that was taken out from between two others is no sink`() {
        let all = Self.frames(0...9), part = Self.frames(3...6)
        var left = Self.node("between", ["data>sink.data"], emitted: part, arrived: ["data": part])
        left.report.outputs[0].until = 7
        left = .init(
            name: left.name, kind: left.kind, isSource: false, isSink: true, report: left.report)

        let found = balances(
            [
                Self.node("src", ["data>sink.data", "data>between.data"], emitted: all),
                Self.node("sink", delivered: all, arrived: ["data": all]),
            ], [left])

        #expect(found.map(\.sink) == ["sink"])
        #expect(found[0].unaccounted.isEmpty)
    }

    @Test func `sound is not counted in frames`() {
        var source = Self.node(
            "film", ["frame>screen.frame", "audio>sound.audio"], emitted: Self.frames(0...3))
        source.report.outputs[1].keep = "all"
        var sound = Self.node("sound", arrived: ["audio": FrameSet()])
        (sound.report.inputs[0].arrived, sound.report.inputs[0].pace) = (nil, .own)
        let screen = Self.node(
            "screen", delivered: Self.frames(0...3), arrived: ["frame": Self.frames(0...3)])

        #expect(balances([source, screen, sound]).map(\.sink) == ["screen"])
    }

    @Test func `while a run lives its counts are taken for its sets`() {
        var source = Self.node("src", ["data>sink.data"])
        source.report.emittedCount = 12
        var sink = Self.node("sink", arrived: ["data": FrameSet()])
        sink.report.deliveredCount = 7

        let found = balances([source, sink])[0]

        #expect(found.framesIn == 12 && found.framesOut == 7)
        #expect(found.missing.isEmpty)
    }

    @Test func `the summary names each way, and the frames that were shown late`() {
        var late = Self.node(
            "y", delivered: Self.frames(0...4), arrived: ["data": Self.frames(0...4)])
        late.report.lateCount = 2
        let text = RunSnapshot(
            seconds: 1,
            nodes: [
                Self.node("a", ["data>x.data"], emitted: Self.frames(0...2)),
                Self.node(
                    "x", delivered: Self.frames(0...2), arrived: ["data": Self.frames(0...2)]),
                Self.node("b", ["data>y.data"], emitted: Self.frames(0...4)), late,
            ]
        ).summary(stopped: false)

        #expect(text.contains("b → y: 5 frames in = 5 out + 0 dropped"))
        #expect(text.contains("a → x: 3 frames in = 3 out + 0 dropped"))
        #expect(text.contains("shown older than the latency budget: 2 frames"))
    }
}
