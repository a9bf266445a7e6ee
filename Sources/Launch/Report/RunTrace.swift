import Foundation
import Wire

/// Ticks of a run's nodes, collected from one look after the other.
package struct RunTrace {
    /// By node, in the order of the run.
    package private(set) var nodes: [(name: String, kind: String, pid: Int32)] = []
    private var ticks: [String: [Int64: NodeReport.Tick]] = [:]
    /// Ticks from before the first look are none of this trace's business.
    private var began: Int64?

    package var count: Int { ticks.values.reduce(0) { $0 + $1.count } }

    package init() {}

    /// Adds what nodes did since the last look: each of them says its last ticks again and again.
    package mutating func take(_ status: RunStatus) {
        let newest = status.nodes.compactMap { node in
            node.report.recent.last.map { $0.start + (node.clock_offset_ns ?? 0) }
        }.max()
        let began = began ?? newest ?? 0
        self.began = began
        for node in status.nodes {
            let shift = node.clock_offset_ns ?? 0
            if !nodes.contains(where: { $0.name == node.name }) {
                nodes.append((node.name, node.kind, node.pid))
            }
            for var tick in node.report.recent where tick.start + shift >= began {
                // By the node's own clock, so that a better estimate moves it instead of doubling it.
                let name = tick.start
                tick.start += shift
                ticks[node.name, default: [:]][name] = tick
            }
        }
    }

    private struct Event: Codable {
        var name: String
        var cat: String?
        var ph: String
        /// Microseconds of the supervisor's monotonic clock.
        var ts, dur: Double?
        var pid: Int32
        var tid: Int32
        var id: UInt64?
        /// A flow's end belongs to the slice around it.
        var bp: String?
        var args: [String: Argument]?
    }

    private enum Argument: Codable {
        case text(String)
        case frame(UInt64)

        func encode(to encoder: any Encoder) throws {
            var value = encoder.singleValueContainer()
            switch self {
            case .text(let text): try value.encode(text)
            case .frame(let frame): try value.encode(frame)
            }
        }
    }

    private struct File: Codable {
        let traceEvents: [Event]
        let displayTimeUnit = "ms"

        private enum CodingKeys: CodingKey { case traceEvents, displayTimeUnit }
    }

    /// The file: one process per node, one slice per tick, arrows along the way of each frame.
    package func json() throws -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return try encoder.encode(File(traceEvents: names + slices + flows))
    }

    private var names: [Event] {
        nodes.enumerated().flatMap { index, node in
            [
                Event(
                    name: "process_name", ph: "M", pid: node.pid, tid: node.pid,
                    args: ["name": .text("\(node.name) (\(node.kind))")]),
                Event(
                    name: "process_sort_index", ph: "M", pid: node.pid, tid: node.pid,
                    args: ["sort_index": .frame(UInt64(index))]),
            ]
        }
    }

    private func sorted(_ node: String) -> [NodeReport.Tick] {
        (ticks[node] ?? [:]).values.sorted { $0.start < $1.start }
    }

    private var slices: [Event] {
        nodes.flatMap { node in
            sorted(node.name).map { tick in
                Event(
                    name: tick.frame.map { "frame \($0)" } ?? "tick", cat: node.kind, ph: "X",
                    ts: Double(tick.start) / 1e3, dur: Double(tick.duration) / 1e3, pid: node.pid,
                    tid: node.pid, args: tick.frame.map { ["frame": .frame($0)] })
            }
        }
    }

    private var flows: [Event] {
        var steps: [UInt64: [(tick: NodeReport.Tick, pid: Int32)]] = [:]
        for node in nodes {
            for tick in sorted(node.name) {
                if let frame = tick.frame { steps[frame, default: []].append((tick, node.pid)) }
            }
        }
        return steps.sorted { $0.key < $1.key }.flatMap { frame, steps -> [Event] in
            guard steps.count > 1 else { return [] }
            let inOrder = steps.sorted { $0.tick.start < $1.tick.start }
            return inOrder.enumerated().map { index, step in
                let isLast = index == inOrder.count - 1
                return Event(
                    name: "frame", cat: "frame", ph: index == 0 ? "s" : isLast ? "f" : "t",
                    // Within the slice: the end of the first, the middle of the others.
                    ts: Double(step.tick.start + step.tick.duration / 2) / 1e3, pid: step.pid,
                    tid: step.pid, id: frame, bp: isLast ? "e" : nil)
            }
        }
    }
}
