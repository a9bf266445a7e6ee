import Dataflow

/// The bounds of a graph's ages as `plan --json` prints them, beside what a run has shown.
struct AgeReport: Encodable {
    struct Hop: Encodable {
        var node: String
        var edge: String?
        /// Null while it depends on a time that nobody declared or measured.
        var wait_ms: Double?
        var work_ms: Double?
        var age_ms: Double?
    }

    struct Sink: Encodable {
        var sink: String
        /// Null while it is unknown.
        var bound_ms: Double?
        var path: [Hop]
        /// Of the run that the plan is compared with.
        var measured: MeasuredRun.Times?
    }

    /// A node that took longer in the run than the graph declares.
    struct Late: Encodable {
        var node: String
        var declared_ms: Double
        var measured_ms: Double
    }

    var sinks: [Sink]
    /// Of the worst sink; null while it is unknown.
    var worst_ms: Double?
    /// Of the worst sink while no other program computes, unknown times left out.
    var idle_ms: Double
    var budget_ms: Double?
    /// `kept`, `unproven`, `tight` (on an idle machine only) or `exceeded`; null without a budget.
    var budget: String?
    /// Nodes and edges whose times nobody declared or measured.
    var unknown: [String]
    var late: [Late]

    init(_ plan: AgePlan, _ graph: CheckedGraph, against run: MeasuredRun?) {
        func ms(_ time: Duration) -> Double { time / .milliseconds(1) }
        func ms(_ bound: TimeBound) -> Double? { bound.value.map { ms($0) } }
        sinks = plan.paths.map { path in
            Sink(
                sink: path.last!.node, bound_ms: ms(path.last!.age),
                path: path.map {
                    Hop(
                        node: $0.node, edge: $0.edge, wait_ms: ms($0.wait), work_ms: ms($0.work),
                        age_ms: ms($0.age))
                },
                measured: run?.age(at: path.last!.node))
        }
        worst_ms = ms(plan.worst)
        idle_ms = ms(plan.idleAge)
        budget_ms = plan.budget.map { ms($0) }
        budget = plan.budget == nil ? nil : plan.verdict.word
        unknown = plan.unknown
        let times = run?.times ?? [:]
        late = graph.nodes.compactMap { node in
            guard let declared = node.takes, !graph.edges(into: node.name).isEmpty,
                let longest = times[node.name]?.longestTick,
                longest > declared * node.spec.chunk + AgePlan.allowance
            else { return nil }
            return Late(node: node.name, declared_ms: ms(declared), measured_ms: ms(longest))
        }
    }

    /// Bounds and measured ages side by side, after a blank line; empty without a run.
    var comparison: String {
        guard sinks.contains(where: { $0.measured != nil }) else { return "" }
        func text(_ milliseconds: Double?) -> String {
            milliseconds.map { Duration.milliseconds($0).text } ?? "-"
        }
        var rows = [["sink", "bound", "p50", "p99", "max"]]
        rows += sinks.map { sink in
            let bound = sink.bound_ms.map { text($0) } ?? "unknown"
            let measured = sink.measured
            return [
                sink.sink, bound, text(measured?.p50_ms), text(measured?.p99_ms),
                text(measured?.max_ms),
            ]
        }
        let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max()! }
        var lines = rows.map { row in
            zip(row, widths).enumerated().map { index, cell in
                let blanks = String(repeating: " ", count: cell.1 - cell.0.count)
                return index == 0 ? cell.0 + blanks : blanks + cell.0
            }.joined(separator: "  ")
        }
        for sink in sinks {
            guard let bound = sink.bound_ms, let oldest = sink.measured?.max_ms, oldest > bound
            else {
                continue
            }
            lines.append("a frame at '\(sink.sink)' was older than its bound")
        }
        lines += late.map {
            "'\($0.node)' declares \(text($0.declared_ms)) and took up to \(text($0.measured_ms)) for a "
                + "tick: declare more, or find out what holds it up"
        }
        return "\n\n" + lines.joined(separator: "\n")
    }
}

extension AgePlan.Verdict {
    fileprivate var word: String {
        switch self {
        case .kept: "kept"
        case .unproven: "unproven"
        case .tight: "tight"
        case .exceeded: "exceeded"
        }
    }
}
