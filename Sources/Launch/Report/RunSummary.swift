import Foundation
import Wire

extension RunSnapshot {
    /// What a person reads when a run is over: frames, speed, ages, and where the time went.
    package func summary(stopped: Bool) -> String {
        var lines = balances.flatMap { text(of: $0, stopped: stopped) }
        if balances.isEmpty {
            lines.append(String(format: "no frames went through · %.1f s", seconds))
        }
        lines += outages.map {
            "DOWN at the end: \($0.node.name) (\($0.node.kind)), \($0.node.restarts) restarts: \($0.reason)"
        }
        lines += notices.map { "note: \($0)" }
        return (lines + [""] + table).joined(separator: "\n")
    }

    private func text(of balance: Balance, stopped: Bool) -> [String] {
        // Names are needed where there is more than one way.
        let (source, sink) = (balance.sources.joined(separator: ", "), balance.sink)
        let name = balances.count > 1 ? "\(source) → \(sink): " : ""
        let fps = seconds > 0 ? Double(balance.framesOut) / seconds : 0
        let sum =
            "\(balance.framesIn) frames in = \(balance.framesOut) out + \(balance.missing.count) dropped"
        let speed = String(format: "%.1f s, %.1f fps", seconds, fps)
        var lines = ["\(name)\(sum) · \(speed)\(stopped ? " · stopped early" : "")"]
        lines.append(Self.ages(balance.age, from: source, to: sink))
        if balance.lateCount > 0 {
            lines.append("  shown older than the latency budget: \(balance.lateCount) frames")
        }
        lines += balance.losses.map {
            "  dropped at \($0.place): \($0.frames.count) (\($0.reason)): \($0.frames.text)"
        }
        if !balance.unaccounted.isEmpty {
            lines.append(
                stopped
                    ? "  under way when the run was stopped: \(balance.unaccounted.count)"
                    : "  UNACCOUNTED for: \(balance.unaccounted.count) frames: \(balance.unaccounted.text)"
            )
        }
        return lines
    }

    private static func ages(_ age: AgeHistogram, from source: String, to sink: String) -> String {
        guard let p50 = age.percentile(0.5), let p95 = age.percentile(0.95),
            let p99 = age.percentile(0.99)
        else { return "age: no frame arrived" }
        return "age \(source) captured → \(sink) done: "
            + "p50 \(time(p50)), p95 \(time(p95)), p99 \(time(p99))"
    }

    /// One line per node: its share of time, its hop, its memory.
    private var table: [String] {
        let header = [
            "node", "kind", "ticks", "busy", "no input", "no room", "hop p50", "hop p95", "load",
            "memory",
        ]
        let rows = (nodes + departed).map { node -> [String] in
            let report = node.report
            let hop = report.inputs.max { $0.bytes < $1.bytes }?.hop
            return [
                node.name, node.kind, "\(report.ticks)", share(report.busy),
                share(report.waitingForInput), share(report.waitingForOutput),
                hop?.percentile(0.5).map(Self.time) ?? "-",
                hop?.percentile(0.95).map(Self.time) ?? "-",
                Self.time(report.loading * 1000),
                "\(report.peakMemory >> 20) MB",
            ]
        }
        return Self.aligned([header] + rows)
    }

    private func share(_ part: Double) -> String {
        seconds > 0 ? String(format: "%.0f %%", min(100 * part / seconds, 100)) : "-"
    }

    /// Milliseconds with as many digits as matter.
    static func time(_ milliseconds: Double) -> String {
        switch milliseconds {
        case ..<10: String(format: "%.2f ms", milliseconds)
        case ..<1000: String(format: "%.0f ms", milliseconds)
        default: String(format: "%.2f s", milliseconds / 1000)
        }
    }

    private static func aligned(_ rows: [[String]]) -> [String] {
        let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max()! }
        return rows.map { row in
            zip(row, widths).enumerated().map { index, cell in
                let padding = String(repeating: " ", count: cell.1 - cell.0.count)
                return index < 2 ? cell.0 + padding : padding + cell.0
            }.joined(separator: "  ")
        }
    }
}
