import NodeKit
import Testing

@testable import Launch

/// A change of a running graph, step by step, without a process.
@Suite struct GraphEditTests {
    private typealias Effect = GraphEdit.Effect
    private static let second: Int64 = 1_000_000_000

    /// Nodes as `name:kind`, each fed by the one before it.
    private static func chain(_ nodes: String...) -> RunPlan {
        let names = nodes.map { String($0.prefix { $0 != ":" }) }
        let edges = zip(names, names.dropFirst()).map { ("\($0).data", "\($1).data", 2) }
        return PlanDifferenceTests.plan(nodes, edges)
    }

    private static let old = chain("source", "stage:slow", "sink")
    /// The stage is another kind.
    private static let swapped = chain("source", "stage:fast", "sink")
    /// Another node stands between stage and sink.
    private static let longer = chain("source", "stage:slow", "new", "sink")
    /// Both.
    private static let both = chain("source", "stage:fast", "new", "sink")
    /// The stage is gone.
    private static let shorter = chain("source", "sink")
    /// Two nodes are other kinds.
    private static let twice = chain("source:fast", "stage:fast", "sink")

    /// A change from the chain to another graph.
    private func edit(to plan: RunPlan) throws -> GraphEdit {
        GraphEdit(
            PlannedChange(plan) {}, try PlanDifference(from: Self.old.nodes, Self.old, to: plan),
            from: Self.old, edition: 7, for: "?me", at: 0)
    }

    private func tick(_ loaded: String...) -> GraphEdit.Event {
        .tick(loaded: Set(loaded), sources: ["source"])
    }

    /// Tells a change what happens, each at the next second, and checks what it wants done.
    private func check(
        _ edit: inout GraphEdit, _ rows: [(GraphEdit.Event, [Effect], GraphEdit.Step)],
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        for (index, (event, effects, step)) in rows.enumerated() {
            let found = edit.apply(event, at: Int64(index + 1) * Self.second)
            #expect(found == effects, "row \(index)", sourceLocation: sourceLocation)
            #expect(edit.step == step, "row \(index)", sourceLocation: sourceLocation)
        }
    }

    @Test
    func `a node is replaced when its new process has loaded and the old one has handed over`()
        throws
    {
        var edit = try edit(to: Self.swapped)
        let done = "'stage' is 'fast' now, was 'slow': loaded in 2.00 s, handed over in 2.00 s"
        check(
            &edit,
            [
                (tick(), [], .loading),
                (tick("stage"), [.retire("stage")], .replacing),
                (.handedOver("stage", movesJournal: false), [.adopt("stage")], .replacing),
                (
                    .replaced("stage", text: "'stage' is 'fast' now, was 'slow'"),
                    [.say(done), .accept, .finish(done)], .over
                ),
                (.handedOver("stage", movesJournal: false), [], .over),
                (.failed(node: "stage", "late"), [], .over),
            ])
    }

    @Test func `what an old process left on another machine is moved first`() throws {
        var edit = try edit(to: Self.swapped)
        check(
            &edit,
            [
                (.journalMoved("stage"), [], .loading),
                (tick("stage"), [.retire("stage")], .replacing),
                (.handedOver("stage", movesJournal: true), [.moveJournal("stage")], .replacing),
                (.handedOver("stage", movesJournal: true), [], .replacing),
                (.journalMoved("stage"), [.adopt("stage")], .replacing),
            ])
    }

    @Test func `edges change at the first frame that no source has sent`() throws {
        var edit = try edit(to: Self.longer)
        check(
            &edit,
            [
                (.rewired("stage"), [], .loading),
                (tick(), [], .loading),
                (tick("new"), [.hold], .holding),
                (tick("new"), [], .holding),
                (.held("source", next: 12, isOver: false), [], .holding),
                (tick("new"), [.rewire], .rewiring),
                (.told(["stage", "sink"], moving: ["sink.data~7"]), [], .rewiring),
                (.rewired("stage"), [], .rewiring),
                (tick("new"), [], .rewiring),
                (.rewired("sink"), [], .rewiring),
                // One that is new has been started again.
                (tick(), [], .rewiring),
                (
                    tick("new"), [.accept, .commit("changed from frame 12 on"), .release], .moving
                ),
                (tick(), [], .moving),
                (.moved("sink", edge: "data~7"), [], .moving),
                (tick(), [.finish("changed from frame 12 on")], .over),
            ])
        #expect(edit.frames == ["source": 12, "stage": 12, "new": 12, "sink": 12])
    }

    @Test func `nodes are replaced before edges change`() throws {
        var edit = try edit(to: Self.both)
        let done = "'stage' is another: loaded in 2.00 s, handed over in 2.00 s"
        check(
            &edit,
            [
                (tick("stage"), [], .loading),
                (tick("stage", "new"), [.retire("stage")], .replacing),
                (.handedOver("stage", movesJournal: false), [.adopt("stage")], .replacing),
                (
                    .replaced("stage", text: "'stage' is another"),
                    [.say(done), .note(done), .hold], .holding
                ),
            ])
    }

    /// The same graph in which a node has another live setting.
    private static func set(_ node: String, in plan: RunPlan) -> RunPlan {
        var plan = plan
        let index = plan.nodes.firstIndex { $0.name == node }!
        plan.nodes[index].configuration.settings = Settings(["gain": .integer(2)])
        plan.nodes[index].liveSettings = ["gain"]
        return plan
    }

    @Test func `live settings change at once, and the answer names the frame`() throws {
        var edit = try edit(to: Self.set("sink", in: Self.set("source", in: Self.old)))
        check(
            &edit,
            [
                (.applied("sink", frame: 3), [], .loading),
                (tick(), [.accept, .set], .moving),
                (tick(), [], .moving),
                (.applied("stage", frame: 5), [], .moving),
                (.applied("sink", frame: 12), [], .moving),
                (.ending, [], .moving),
                (
                    .applied("source", frame: nil),
                    [
                        .finish(
                            "live settings are in effect after 5.00 s: 'source', 'sink' from frame 12 on")
                    ], .over
                ),
            ])
    }

    @Test func `live settings change after a node was replaced, and not if it was not`() throws {
        var whole = try edit(to: Self.set("sink", in: Self.swapped))
        let done = "'stage' is another: loaded in 1.00 s, handed over in 2.00 s"
        check(
            &whole,
            [
                (tick("stage"), [.retire("stage")], .replacing),
                (.handedOver("stage", movesJournal: false), [.adopt("stage")], .replacing),
                (.replaced("stage", text: "'stage' is another"), [.say(done), .accept, .set], .moving),
                (
                    .applied("sink", frame: 9),
                    [
                        .finish(
                            "\(done); live settings are in effect after 1.00 s: 'sink' from frame 9 on")
                    ], .over
                ),
            ])
        var failed = try edit(to: Self.set("sink", in: Self.swapped))
        check(
            &failed,
            [(.failed(node: "stage", "no weights"), [.drop(["stage"]), .refuse("no weights")], .over)])
    }

    @Test func `live settings change with the edges, and all is waited for`() throws {
        var edit = try edit(to: Self.set("stage", in: Self.longer))
        check(
            &edit,
            [
                (tick("new"), [.hold], .holding),
                (.held("source", next: 12, isOver: false), [], .holding),
                (tick("new"), [.rewire], .rewiring),
                (.told([], moving: ["sink.data~7"]), [], .rewiring),
                (
                    tick("new"),
                    [.accept, .commit("changed from frame 12 on"), .release, .set], .moving
                ),
                (.moved("sink", edge: "data~7"), [], .moving),
                (tick(), [], .moving),
                (
                    .applied("stage", frame: 11),
                    [
                        .finish(
                            "changed from frame 12 on; live settings are in effect after 3.00 s: 'stage' "
                                + "from frame 11 on")
                    ], .over
                ),
            ])
    }

    @Test func `a node that is done takes no settings any more, and one that is slow is named`() throws {
        var done = try edit(to: Self.set("sink", in: Self.old))
        check(
            &done,
            [
                (tick(), [.accept, .set], .moving), (.done("sink"), [], .moving),
                (tick(), [.finish("live settings are in effect after 2.00 s: 'sink'")], .over),
            ])
        var slow = try edit(to: Self.set("sink", in: Self.old))
        _ = slow.apply(tick(), at: 0)
        let text = "; these have not taken their settings yet: sink"
        #expect(slow.apply(tick(), at: 601 * Self.second) == [.finish(text)])
    }

    @Test func `a new process that fails leaves everything as it was`() throws {
        for plan in [Self.swapped, Self.longer] {
            var edit = try edit(to: plan)
            let name = edit.names[0]
            check(
                &edit,
                [
                    (
                        .failed(node: name, "no weights"), [.drop([name]), .refuse("no weights")],
                        .over
                    )
                ])
        }
        var held = try edit(to: Self.longer)
        check(
            &held,
            [
                (tick("new"), [.hold], .holding),
                (
                    .failed(node: "new", "a crash"),
                    [.drop(["new"]), .release, .refuse("a crash")], .over
                ),
            ])
    }

    @Test func `what is handing over goes on when the change is given up, and is named`() throws {
        var edit = try edit(to: Self.twice)
        let words = "a: loaded in 1.00 s, handed over in 2.00 s"
        check(
            &edit,
            [
                (tick("source", "stage"), [.retire("source"), .retire("stage")], .replacing),
                (.failed(node: "stage", "a crash"), [.drop(["stage"])], .unwinding),
                (
                    .replaced("source", text: "a"),
                    [.say(words), .refuse("a crash\n  already replaced: source")], .over
                ),
            ])
    }

    @Test func `a run that ends gives up what is not told yet, and finishes what is`() throws {
        let rows: [(RunPlan, [GraphEdit.Event], [Effect])] = [
            (Self.swapped, [], [.drop(["stage"]), .refuse("the run is ending")]),
            (Self.longer, [tick("new")], [.drop(["new"]), .release, .refuse("the run is ending")]),
            (
                Self.longer, [tick("new"), .held("source", next: 1, isOver: false), tick("new")], []
            ),
        ]
        for (plan, events, effects) in rows {
            var edit = try edit(to: plan)
            for event in events { _ = edit.apply(event, at: 0) }
            #expect(edit.apply(.ending, at: 0) == effects)
        }
    }

    @Test func `a run that is over answers in every step`() throws {
        let told: [GraphEdit.Event] = [
            tick("new"), .held("source", next: 1, isOver: false), tick("new"),
            .told([], moving: ["sink.data~7"]),
        ]
        let rows: [(RunPlan, [GraphEdit.Event], Effect)] = [
            (Self.longer, [], .refuse("the run is over")),
            (Self.longer, [tick("new")], .refuse("the run is over")),
            (Self.swapped, [tick("stage")], .refuse("the run is over")),
            (Self.longer, told, .refuse("the run ended while its nodes were told")),
            (Self.longer, told + [tick("new")], .finish("changed from frame 1 on")),
        ]
        for (index, (plan, events, answer)) in rows.enumerated() {
            var edit = try edit(to: plan)
            for event in events { _ = edit.apply(event, at: 0) }
            #expect(edit.apply(.runOver, at: 0).last == answer, "row \(index)")
            #expect(edit.step == .over)
        }
    }

    @Test func `a stream that is at its end changes no edges any more`() throws {
        var edit = try edit(to: Self.longer)
        check(
            &edit,
            [
                (tick("new"), [.hold], .holding),
                (.held("source", next: 9, isOver: true), [], .holding),
                (
                    tick("new"),
                    [
                        .drop(["new"]), .release,
                        .refuse(
                            "the stream of 'stage' is at its end: nothing would come of it any more"
                        ),
                    ], .over
                ),
            ])
    }

    @Test func `a node that is done is not waited for`() throws {
        var edit = try edit(to: Self.shorter)
        check(
            &edit,
            [
                (tick(), [.hold], .holding),
                (.held("source", next: 3, isOver: false), [], .holding),
                (tick(), [.rewire], .rewiring),
                (.told(["source", "sink"], moving: ["sink.data~7"]), [], .rewiring),
                (.rewired("source"), [], .rewiring),
                (.done("sink"), [], .rewiring),
                (tick(), [.accept, .commit("changed from frame 3 on"), .release], .moving),
                (tick(), [.finish("changed from frame 3 on")], .over),
            ])
    }

    @Test func `a sink that goes has to close its file`() throws {
        let old = PlanDifferenceTests.plan(
            ["source", "film", "copy"],
            [("source.data", "film.data", 2), ("source.data", "copy.data", 2)])
        let new = PlanDifferenceTests.plan(["source", "film"], [("source.data", "film.data", 2)])
        var edit = GraphEdit(
            PlannedChange(new) {}, try PlanDifference(from: old.nodes, old, to: new), from: old,
            edition: 7, for: "?me", at: 0)
        for event in [
            tick(), .held("source", next: 3, isOver: false), tick(), .told([], moving: []),
        ] {
            _ = edit.apply(event, at: 0)
        }

        #expect(
            edit.apply(tick(), at: 0) == [.accept, .commit("changed from frame 3 on"), .release])
        #expect(edit.apply(tick(), at: 0) == [])
        #expect(edit.apply(.left("copy"), at: 0) == [])
        #expect(edit.apply(tick(), at: 0) == [.finish("changed from frame 3 on")])
    }

    @Test func `each wait has an end`() throws {
        func after(_ seconds: Int64, _ plan: RunPlan, _ events: [GraphEdit.Event]) throws -> (
            [Effect], [Effect]
        ) {
            var edit = try edit(to: plan)
            for event in events { _ = edit.apply(event, at: 0) }
            let before = edit.apply(tick(), at: (seconds - 1) * Self.second)
            return (before, edit.apply(tick(), at: (seconds + 1) * Self.second))
        }
        let held: GraphEdit.Event = .held("source", next: 1, isOver: false)

        let loading = try after(600, Self.longer, [tick()])
        let handing = try after(600, Self.swapped, [tick("stage")])
        let holding = try after(10, Self.longer, [tick("new")])
        let rewiring = try after(
            10, Self.longer, [tick("new"), held, tick("new"), .told(["sink"], moving: [])])
        let moving = try after(
            600, Self.longer,
            [tick("new"), held, tick("new"), .told([], moving: ["sink.data~7"]), tick("new")])

        for (before, _) in [loading, handing, holding, rewiring, moving] { #expect(before == []) }
        #expect(loading.1 == [.drop(["new"]), .refuse("these did not load within 600 s: new")])
        #expect(handing.1 == [.killOld("stage")])
        #expect(
            holding.1 == [
                .drop(["new"]), .release,
                .refuse("'source' did not come to the end of a frame within 10 s"),
            ])
        #expect(rewiring.1 == [.blame("sink", "it did not answer 'rewire' within 10 s")])
        #expect(
            moving.1 == [
                .finish(
                    "changed from frame 1 on; these have not come to the end of their old edges yet: sink.data~7"
                )
            ])
    }

    @Test func `what the supervisor slept through is forgiven`() throws {
        var edit = try edit(to: Self.longer)
        _ = edit.apply(tick("new"), at: 0)
        _ = edit.apply(.suspended(100 * Self.second), at: 100 * Self.second)

        #expect(edit.apply(tick("new"), at: 105 * Self.second) == [])
        #expect(
            edit.apply(tick("new"), at: 111 * Self.second).last.map { "\($0)" }?.contains("refuse")
                == true)
    }
}
