/// What is done to a running graph at random.
enum Disturbance: Equatable {
    /// `kill -9` of a node's process.
    case kill(String)
    /// A process is stopped for up to 200 ms, then continued.
    case stall(String)
    /// Another process of the same kind takes a node's place, with one of these values of a setting.
    case swap(String, kind: String, setting: String, values: [String])
    /// A live setting, `node.setting`, gets one of these values.
    case set(String, values: [String])
    /// The longer or the shorter graph is applied, and a node is killed meanwhile.
    case apply
}

/// A graph that is disturbed, what is done to it, and what has to come of it.
struct ChaosGraph {
    /// A node that lists what it got.
    struct Sink {
        let name: String
        /// The node whose frames these are.
        let source: String
        /// Frames a second.
        let rate: Double
        /// Whether frames may be dropped on the way, by rule and counted.
        var mayDrop = false
        /// Seconds that it may get nothing in between.
        var longestGap: Double?
        /// Where the graph lets only some frames of an offline run come here, by their numbers: every how
        /// many-th, and from which on. These and no others have to come.
        var share: (every: Int, first: Int)?
        /// Whether payloads are those of `test-source`, which say what number they have.
        var isNumbered = true
    }

    let name: String
    /// Picked at random, each as often as another.
    let disturbances: [Disturbance]
    /// Seconds from one to the next.
    var pause = 0.01...0.3
    let sinks: [Sink]
    /// Whether its sources never end: a source that replaces one begins to count anew.
    var isEndless = false
    /// Where `between` is, a stage that `apply` puts in and takes out.
    private let lines: [String]
    private let isLive: Bool

    /// Bytes of every payload: more than fits beside a message, so that it lies in shared memory.
    static let bytes = 60_000

    /// Names of nodes that may be killed while a graph is changed.
    var nodes: [String] { lines.compactMap { $0.split(separator: ":").first.map(String.init) } }

    private static let restart = "restart: { limit: 1000, backoff: 10ms }"

    private init(
        _ name: String, live isLive: Bool, _ lines: [String], sinks: [Sink],
        _ disturbances: [Disturbance]
    ) {
        (self.name, self.isLive, self.lines) = (name, isLive, lines)
        (self.sinks, self.disturbances) = (sinks, disturbances)
    }

    /// The graph as YAML.
    ///
    /// - Parameter isLonger: with another stage before the sink.
    func text(messages: Int, isLonger: Bool = false) -> String {
        let count = isEndless ? 100_000_000 : messages
        let half = String(count / 2)
        let between = "between: { use: test-stage, \(Self.restart), in: { data: large.data } }"
        let all = (isLonger ? [between] : []) + lines
        return (isLive ? "mode: live\n" : "") + "nodes:\n"
            + all.map { line in
                "  "
                    + line.replacing("RESTART", with: Self.restart)
                    .replacing("COUNT", with: String(count)).replacing("HALF", with: half)
                    .replacing("LAST", with: isLonger ? "between" : "large")
            }.joined(separator: "\n") + "\n"
    }

    private static func source(_ name: String, _ rate: Int, of count: String = "COUNT") -> String {
        "\(name): { use: test-source, RESTART, with: { bytes: \(bytes), count: \(count), "
            + "rate: \(rate), numbered: true } }"
    }

    private static func stage(
        _ name: String, from: String, work: Double, keep: String? = nil
    ) -> String {
        let edge = keep.map { "{ from: \(from).data, keep: \($0) }" } ?? "\(from).data"
        return
            "\(name): { use: test-stage, RESTART, in: { data: \(edge) }, with: { work: \(work) } }"
    }

    private static func sink(
        _ name: String, from: String, work: Double = 0, keep: String = "all"
    ) -> String {
        "\(name): { use: test-sink, RESTART, in: { data: { from: \(from).data, keep: \(keep) } }, "
            + "with: { work: \(work), list: FOLDER/\(name).txt } }"
    }

    private static func join(_ name: String, _ a: String, _ b: String) -> String {
        "\(name): { use: test-join, RESTART, in: { a: \(a).data, b: \(b).data }, "
            + "with: { list: FOLDER/\(name).txt } }"
    }

    private static func rates(_ node: String, _ rate: Int) -> Disturbance {
        .swap(
            node, kind: "test-source", setting: "rate",
            values: [rate, rate + 1, rate + 2].map(String.init))
    }

    private static func work(_ node: String) -> Disturbance {
        .swap(node, kind: "test-stage", setting: "work", values: ["0", "1", "2", "3"])
    }

    /// All graphs, in the order in which they are run.
    ///
    /// - Parameter rate: messages a second of a source.
    static func all(rate: Int) -> [ChaosGraph] {
        [
            chain(rate), sourceSwaps(rate), drops(rate), liveSwaps(rate), streams(rate),
            joins(rate),
            twins(rate), palette(rate), scenes(rate),
        ]
    }

    /// Offline, through two stages: nothing may be lost whatever is done, the graph's own change included.
    static func chain(_ rate: Int) -> ChaosGraph {
        let nodes = ["source", "small", "large", "sink"]
        let swaps = [work("small"), work("large")]
        return ChaosGraph(
            "chain", live: false,
            [
                source("source", rate), stage("small", from: "source", work: 1),
                stage("large", from: "small", work: 2), sink("sink", from: "LAST"),
            ], sinks: [Sink(name: "sink", source: "source", rate: Double(rate))],
            nodes.map(Disturbance.kill) + nodes.map(Disturbance.kill) + nodes.map(Disturbance.stall)
                + swaps + swaps + [.apply, .apply])
    }

    /// Offline, with a source that is replaced: the new one's frames follow those of the old one.
    private static func sourceSwaps(_ rate: Int) -> ChaosGraph {
        var graph = ChaosGraph(
            "source-swaps", live: false,
            [
                source("source", rate), stage("stage", from: "source", work: 1),
                sink("sink", from: "stage"),
            ],
            sinks: [Sink(name: "sink", source: "source", rate: Double(rate))],
            [
                rates("source", rate), rates("source", rate), .kill("source"), .kill("stage"),
                .kill("sink"), .stall("source"), work("stage"),
            ])
        (graph.isEndless, graph.pause) = (true, 0.05...0.5)
        return graph
    }

    /// Live, with a stage that is too slow for its source, which is killed: each frame that did not come
    /// was dropped on a named edge.
    private static func drops(_ rate: Int) -> ChaosGraph {
        var graph = ChaosGraph(
            "drops", live: true,
            [
                source("source", rate),
                stage("stage", from: "source", work: 2400 / Double(rate), keep: "newest"),
                sink("sink", from: "stage"),
            ],
            sinks: [Sink(name: "sink", source: "source", rate: Double(rate), mayDrop: true)],
            [
                .kill("source"), .kill("source"), .kill("source"), .kill("stage"), .kill("sink"),
                .stall("stage"),
            ])
        graph.pause = 0.3...1.5
        return graph
    }

    /// The same with the source and the stage being replaced as well.
    private static func liveSwaps(_ rate: Int) -> ChaosGraph {
        let slow = 2400 / Double(rate)
        var graph = ChaosGraph(
            "live-swaps", live: true,
            [
                source("source", rate), stage("stage", from: "source", work: slow, keep: "newest"),
                sink("sink", from: "stage"),
            ],
            sinks: [Sink(name: "sink", source: "source", rate: Double(rate), mayDrop: true)],
            [
                rates("source", rate), rates("source", rate), .kill("source"), .kill("stage"),
                .swap(
                    "stage", kind: "test-stage", setting: "work",
                    values: ["\(slow)", "\(slow + 1)"]),
            ])
        (graph.isEndless, graph.pause) = (true, 0.1...0.6)
        return graph
    }

    /// Two streams that have nothing to do with each other in one file: a balance for each.
    private static func streams(_ rate: Int) -> ChaosGraph {
        var graph = ChaosGraph(
            "streams", live: true,
            [
                source("source1", rate), source("source2", rate / 2, of: "HALF"),
                sink("sink1", from: "source1", work: 2400 / Double(rate), keep: "newest"),
                sink("sink2", from: "source2"),
            ],
            sinks: [
                Sink(name: "sink1", source: "source1", rate: Double(rate), mayDrop: true),
                Sink(name: "sink2", source: "source2", rate: Double(rate / 2)),
            ],
            ["source1", "source2", "sink1", "sink2"].map(Disturbance.kill))
        graph.pause = 0.3...1.5
        return graph
    }

    /// Live, two branches of different delay that meet again, with a source that is replaced.
    private static func joins(_ rate: Int) -> ChaosGraph {
        var graph = ChaosGraph(
            "joins", live: true,
            [
                source("source", rate), stage("left", from: "source", work: 200 / Double(rate)),
                stage("right", from: "source", work: 1200 / Double(rate)),
                join("sink", "left", "right"),
            ],
            sinks: [
                Sink(
                    name: "sink", source: "source", rate: Double(rate), mayDrop: true, longestGap: 1
                )
            ],
            [rates("source", rate)])
        (graph.isEndless, graph.pause) = (true, 2...4)
        return graph
    }

    /// Offline, two edges between the same two nodes, whose consumer is killed.
    private static func twins(_ rate: Int) -> ChaosGraph {
        var graph = ChaosGraph(
            "twins", live: false, [source("source", rate), join("sink", "source", "source")],
            sinks: [Sink(name: "sink", source: "source", rate: Double(rate))],
            [.kill("sink"), .kill("sink"), .kill("sink"), .kill("source"), .stall("sink")])
        graph.pause = 0.2...1
        return graph
    }

    /// Offline, a stage of three processes, and beside it edges over which only some frames go, by their
    /// number, by their time and by what a node says of them: whatever is killed, these come and no others.
    private static func palette(_ rate: Int) -> ChaosGraph {
        func part(_ name: String, _ every: Int?, from first: Int = 0) -> Sink {
            Sink(
                name: name, source: "source", rate: Double(rate) / Double(every ?? 8), mayDrop: true,
                share: every.map { (every: $0, first: first) })
        }
        func chosen(_ name: String, _ edge: String) -> String {
            "\(name): { use: test-stage, RESTART, in: { data: { from: \(edge) } }, with: { work: 1 } }"
        }
        // Where a frame's time is no whole number of nanoseconds, slots of time may begin a frame later.
        let isEven = 1_000_000_000 % rate == 0
        var graph = ChaosGraph(
            "palette", live: false,
            [
                source("source", rate),
                "stage: { use: test-stage, replicas: 3, RESTART, in: { data: source.data }, "
                    + "with: { work: 4 } }",
                sink("sink", from: "stage"),
                chosen("third", "source.data, every: 3"), sink("thirds", from: "third"),
                chosen("few", "source.data, rate: \(Double(rate) / 8)/s"), sink("fews", from: "few"),
                "fork: { use: test-fork, RESTART, in: { data: source.data } }",
                chosen("even", "fork.data, when: fork.even"), sink("evens", from: "even"),
                chosen("odd", "fork.data, unless: fork.even"), sink("odds", from: "odd"),
            ],
            sinks: [
                Sink(name: "sink", source: "source", rate: Double(rate)), part("thirds", 3),
                part("fews", isEven ? 8 : nil), part("evens", 2), part("odds", 2, from: 1),
            ],
            [
                "source", "stage_1", "stage_2", "stage_3", "stage", "third", "few", "fork", "even",
                "odd", "sink", "thirds", "evens",
            ].map(Disturbance.kill) + ["stage_1", "fork", "few"].map(Disturbance.stall)
                + [work("third"), work("even")])
        graph.pause = 0.1...0.5
        return graph
    }

    /// Live, two cameras of which one is on air, changed all the time: what comes is one stream without gaps,
    /// whatever is killed, and of every frame of a camera it is known what became of it.
    private static func scenes(_ rate: Int) -> ChaosGraph {
        func camera(_ name: String, _ picture: String) -> String {
            "\(name): { use: camera, RESTART, "
                + "with: { device: \"lavfi:\(picture)=size=64x48:rate=\(min(rate, 50))\" } }"
        }
        var graph = ChaosGraph(
            "scenes", live: true,
            [
                camera("a", "testsrc"), camera("b", "testsrc2"),
                "scene: { use: select, RESTART, in: { a: a.frame, b: b.frame }, with: { on-silence: hold } }",
                "sink: { use: frame-list, RESTART, in: { frame: scene.frame }, "
                    + "with: { path: FOLDER/sink.txt } }",
            ],
            sinks: [
                Sink(
                    name: "sink", source: "scene", rate: Double(min(rate, 50)), mayDrop: true,
                    isNumbered: false)
            ],
            ["a", "b", "scene", "sink"].map(Disturbance.kill) + [.stall("a"), .stall("scene")]
                + Array(repeating: .set("scene.source", values: ["a", "b"]), count: 6))
        (graph.isEndless, graph.pause) = (true, 0.1...0.6)
        return graph
    }

    /// Whether a source is replaced by another, which counts from 0 again.
    var swapsSources: Bool {
        disturbances.contains {
            if case .swap(_, let kind, _, _) = $0 { kind == "test-source" } else { false }
        }
    }
}
