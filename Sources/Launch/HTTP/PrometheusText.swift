import Wire

/// A run's figures in Prometheus's text format, version 0.0.4.
struct PrometheusText {
    /// The format's media type.
    static let type = "text/plain; version=0.0.4; charset=utf-8"

    private typealias Labels = [(name: String, value: String)]

    private(set) var text = ""

    /// Bounds of the buckets of ages, in seconds: a frame of a live graph is some 10 ms to 1 s old.
    private static let bounds = [
        0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1, 2.5, 5, 10,
    ]

    init(_ run: RunStatus) {
        add("run_seconds", "gauge", "Time since the sources began.", [([], run.seconds)])
        addNodes(run)
        addFrames(run)
        addEdges(run)
    }

    private mutating func addNodes(_ run: RunStatus) {
        func add(
            _ name: String, _ type: String, _ help: String, _ value: (RunStatus.Node) -> Double
        ) {
            let samples = run.nodes.map { (Self.labels($0), value($0)) }
            self.add("node_\(name)", type, help, samples)
        }
        add("up", "gauge", "1 while the node's process runs.") { $0.state == "ended" ? 0 : 1 }
        add("ticks_total", "counter", "Calls of the node.") { Double($0.report.ticks) }
        add("busy_seconds_total", "counter", "Time spent computing.") { $0.report.busy }
        add("waiting_for_input_seconds_total", "counter", "Time without anything to do.") {
            $0.report.waitingForInput
        }
        add("waiting_for_output_seconds_total", "counter", "Time spent waiting for consumers.") {
            $0.report.waitingForOutput
        }
        add("memory_bytes", "gauge", "The most memory that the process had at once.") {
            Double($0.report.peakMemory)
        }
        add("restarts_total", "counter", "Processes that were replaced because they failed.") {
            Double($0.restarts)
        }
        add("swaps_total", "counter", "Processes that were replaced because a user wanted it.") {
            Double($0.swaps)
        }
        let figures = run.nodes.flatMap { node in
            node.report.figures.sorted { $0.key < $1.key }.map { name, value in
                (Self.labels(node) + [("figure", name)], value)
            }
        }
        self.add(
            "node_figure", "gauge", "A figure of the node's own; its name ends with its unit.",
            figures)
        add("turned_away_total", "counter", "Connections from other machines that were refused.") {
            Double($0.report.refusedPeers)
        }
    }

    private mutating func addFrames(_ run: RunStatus) {
        let sources = run.nodes.filter { node in
            !run.edges.contains { Self.node($0.to) == node.name }
        }
        let sinks = run.nodes.filter { node in
            !run.edges.contains { Self.node($0.from) == node.name }
        }
        add(
            "source_frames_total", "counter", "Frames that the source has sent.",
            sources.map { (Self.labels($0), Double($0.report.emittedCount)) })
        add(
            "sink_frames_total", "counter", "Frames that the sink has handled.",
            sinks.map { (Self.labels($0), Double($0.report.deliveredCount)) })
        add(
            "sink_age_seconds", "From capture at the source until the sink had handled the frame.",
            sinks.map { (Self.labels($0), $0.report.age) })
    }

    private mutating func addEdges(_ run: RunStatus) {
        let edges = run.edges.map { EdgeFigures($0, in: run) }
        func inputs<Value>(_ value: (NodeReport.Input) -> Value) -> [(Labels, Value)] {
            edges.compactMap { edge in edge.input.map { (Self.labels(edge), value($0)) } }
        }
        func outputs(_ value: (NodeReport.Output) -> Int) -> [(Labels, Double)] {
            edges.compactMap { edge in edge.output.map { (Self.labels(edge), Double(value($0))) } }
        }
        add(
            "edge_sent_total", "counter", "Messages that the producer has sent.",
            outputs { $0.sent })
        add(
            "edge_dropped_total", "counter",
            "Messages that the producer dropped for want of a credit.", outputs { $0.droppedCount })
        add(
            "edge_received_total", "counter", "Messages that the consumer has received.",
            inputs { Double($0.received) })
        add(
            "edge_received_bytes_total", "counter", "Bytes of their payloads.",
            inputs { Double($0.bytes) })
        add("edge_waiting", "gauge", "Messages that wait for a credit.", outputs { $0.waiting })
        add("edge_credits", "gauge", "Credits that wait for a message.", outputs { $0.credits })
        add(
            "edge_age_seconds",
            "From capture at the source until the consumer received the message.",
            inputs(\.age))
        add(
            "edge_hop_seconds",
            "From the producer's sending until the consumer received the message.",
            inputs(\.hop))
    }

    // MARK: Labels

    private static func labels(_ node: RunStatus.Node) -> Labels {
        [("node", node.name), ("kind", node.kind)]
    }

    /// Ports at both ends, since two nodes may have several edges.
    private static func labels(_ figures: EdgeFigures) -> Labels {
        [("from", figures.edge.from), ("to", figures.edge.to)]
    }

    private static func node(_ end: String) -> Substring { end.prefix { $0 != "." } }

    // MARK: Text

    private mutating func add(
        _ name: String, _ type: String, _ help: String, _ samples: [(Labels, Double)]
    ) {
        head(name, type, help, isEmpty: samples.isEmpty)
        for (labels, value) in samples { sample(name, labels, value) }
    }

    /// A histogram. Ages are counted in steps of 2 %, and the step in which a bound lies counts as
    /// above it.
    private mutating func add(_ name: String, _ help: String, _ samples: [(Labels, AgeHistogram)]) {
        head(name, "histogram", help, isEmpty: samples.isEmpty)
        for (labels, ages) in samples {
            for bound in Self.bounds {
                let count = Double(ages.count(upTo: bound * 1000))
                sample("\(name)_bucket", labels + [("le", "\(bound)")], count)
            }
            sample("\(name)_bucket", labels + [("le", "+Inf")], Double(ages.count))
            sample("\(name)_sum", labels, ages.sum / 1000)
            sample("\(name)_count", labels, Double(ages.count))
        }
    }

    private mutating func head(_ name: String, _ type: String, _ help: String, isEmpty: Bool) {
        guard !isEmpty else { return }
        text += "# HELP personalive_\(name) \(help)\n# TYPE personalive_\(name) \(type)\n"
    }

    private mutating func sample(_ name: String, _ labels: Labels, _ value: Double) {
        let words = labels.map { "\($0.name)=\"\(Self.escaped($0.value))\"" }.joined(separator: ",")
        text += "personalive_\(name)\(words.isEmpty ? "" : "{\(words)}") \(value)\n"
    }

    private static func escaped(_ text: String) -> String {
        text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")
            .replacing("\n", with: "\\n")
    }
}
