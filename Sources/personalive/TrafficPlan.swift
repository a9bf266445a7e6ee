import Dataflow
import Foundation
import NodeKit
import Tensors

/// What crosses the links between a graph's machines, before anything runs.
struct TrafficPlan {
    struct Line: Codable {
        /// Machines.
        let from, to: String
        /// `node.port`s.
        let output, input: String
        /// Of one message; null where it depends on the files.
        let message_bytes: Int?
        /// At the graph's rate; null where nobody knows, and 0 for what is sent once.
        let megabits_per_second: Double?
    }

    /// In the order of the graph.
    let lines: [Line]
    /// Frames a second, and where that figure is from.
    let rate: Double
    let rateSource: String

    /// What a run of this graph has shown of one input.
    struct Measured {
        let messageBytes: Double
        let messagesPerSecond: Double
    }

    /// What films have that say nothing else.
    static let usualRate = 25.0

    /// Frames a second that a graph's sources say; nil if none does.
    static func ownRate(of graph: CheckedGraph) -> Double? { graph.nodes.compactMap(rate).max() }

    /// - Parameters:
    ///   - rate: frames a second; nil for what the graph's sources say.
    ///   - measured: by input, `node.port`.
    init(_ graph: CheckedGraph, rate: Double?, measured: [String: Measured]) {
        let own = Self.ownRate(of: graph)
        self.rate = rate ?? own ?? Self.usualRate
        rateSource = rate != nil ? "--rate" : own != nil ? "the graph's source" : "nobody said: --rate"
        let frames = self.rate
        lines = graph.edges.compactMap { edge in
            guard let from = graph.node(edge.from.node)?.machine,
                let to = graph.node(edge.to.node)?.machine, from != to
            else { return nil }
            let seen = measured[edge.to.description]
            let bytes = Self.bytes(of: edge) ?? seen.map { Int($0.messageBytes.rounded()) }
            let isOnce = edge.keep == .last
            let sent = edge.thinning.map { frames / $0.stretch(ofInterval: 1 / frames) } ?? frames
            let messages = isOnce ? 0 : edge.input.pace.isOfFrames ? sent : seen?.messagesPerSecond
            let rate = isOnce ? 0 : bytes.flatMap { bytes in messages.map { Double(bytes) * $0 * 8 / 1e6 } }
            return Line(
                from: from, to: to, output: edge.from.description, input: edge.to.description,
                message_bytes: bytes, megabits_per_second: rate)
        }
    }

    /// Nil while an axis is not fixed by the graph.
    static func bytes(of edge: CheckedEdge) -> Int? {
        guard !edge.extents.isEmpty, !edge.extents.contains(nil) else { return nil }
        return edge.extents.reduce(edge.output.elementType.byteCount) { $0 * ($1 ?? 1) }
    }

    /// Frames a second of a source that says so.
    private static func rate(of node: CheckedNode) -> Double? {
        guard node.spec.inputs.isEmpty else { return nil }
        switch node.values["rate"] {
        case .number(let rate) where rate > 0: return rate
        case .integer(let rate) where rate > 0: return Double(rate)
        default: return node.takes.map { 1 / ($0 / .seconds(1)) }
        }
    }

    /// One line for each edge that crosses, then one for each link; empty where nothing crosses.
    var text: String {
        guard !lines.isEmpty else { return "" }
        var rows = [["bytes", "Mbit/s", "edge", "link"]]
        rows += lines.map {
            [
                $0.message_bytes.map(String.init) ?? "?", Self.text($0.megabits_per_second),
                "\($0.output) → \($0.input)", "\($0.from) → \($0.to)",
            ]
        }
        let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max()! }
        let table = rows.map { row in
            row.enumerated().map { index, cell in
                let blanks = String(repeating: " ", count: widths[index] - cell.count)
                return index < 2 ? blanks + cell : cell + blanks
            }.joined(separator: "  ")
        }
        return (table + links + [note]).joined(separator: "\n")
    }

    private var links: [String] {
        var names: [String] = []
        for line in lines where !names.contains("\(line.from) → \(line.to)") {
            names.append("\(line.from) → \(line.to)")
        }
        return names.map { name in
            let own = lines.filter { "\($0.from) → \($0.to)" == name }
            let known = own.compactMap(\.megabits_per_second).reduce(0, +)
            let rest = own.contains { $0.megabits_per_second == nil } ? " and what is not known" : ""
            return "link \(name): \(Self.text(known)) Mbit/s\(rest)"
        }
    }

    private var note: String {
        let unknown = lines.contains { $0.message_bytes == nil }
        return String(format: "at %g frames a second (%@)", rate, rateSource)
            + (unknown ? "; '?' depends on the files: '--from' the output of 'personalive run --json'" : "")
    }

    private static func text(_ megabits: Double?) -> String {
        megabits.map { String(format: $0 < 10 ? "%.3f" : "%.1f", $0) } ?? "?"
    }
}

extension CheckedGraph {
    /// Why nodes cannot run where they are placed, whatever the machines have; nil when they can.
    var placementRefusal: String? {
        let faults = nodes.compactMap { coreFault(of: $0) }
        let text = faults.joined()
        return text.isEmpty ? nil : text
    }

    private func coreFault(of node: CheckedNode) -> String? {
        guard let machine = machines.first(where: { $0.name == node.machine }),
            let cores = machine.cores, node.cores > cores
        else { return nil }
        return "error: node '\(node.name)' asks for \(node.cores) cores, but machine '\(machine.name)' "
            + "has \(cores)\n  what helps: 'cores: \(cores)' at the node, or another 'machine:'\n"
    }
}
