import Dataflow
import Foundation
import Launch

/// What a run has shown of its graph: what `personalive run --json` prints.
struct MeasuredRun: Decodable {
    typealias Times = RunSnapshot.Times

    private struct Hop: Decodable {
        var port: String
        var received: Int
        var bytes: Int
        var max_ms: Double?
    }

    private struct Node: Decodable {
        var name: String
        var ticks: Int
        var busy_s: Double
        var emitted: Int?
        var work: Times?
        var age: Times?
        var hops: [Hop]?
    }

    private var seconds: Double?
    private var nodes: [Node]

    /// Reads a file, or else asks the run of that name that goes on.
    ///
    /// - Returns: nil when it is neither.
    static func named(_ name: String) throws -> MeasuredRun? {
        var data = FileManager.default.contents(atPath: name)
        if data == nil, let status = try? RunClient(name).status() {
            data = Data(try status.snapshot.json().utf8)
        }
        return data.flatMap { try? JSONDecoder().decode(MeasuredRun.self, from: $0) }
    }

    /// By node, how long its ticks and the ways to it took at most.
    var times: [String: AgePlan.Measured] {
        let known = nodes.filter { $0.ticks > 0 }.map { node in
            // A plugin that does not report the longest reports the sum.
            let longest = node.work.flatMap { $0.max_ms > 0 ? $0.max_ms / 1000 : nil }
            let hops = (node.hops ?? []).compactMap { hop in
                hop.max_ms.map { (hop.port, Duration.milliseconds($0)) }
            }
            return (
                node.name,
                AgePlan.Measured(
                    longestTick: .seconds(longest ?? node.busy_s / Double(node.ticks)),
                    interval: interval(of: node),
                    hops: Dictionary(hops) { first, _ in first })
            )
        }
        return Dictionary(known) { first, _ in first }
    }

    private func interval(of source: Node) -> Duration? {
        guard let seconds, let frames = source.emitted, frames > 0 else { return nil }
        return .seconds(seconds / Double(frames))
    }

    /// How old frames were when a node was done with them; nil of one that is not in the run.
    func age(at node: String) -> Times? {
        nodes.first { $0.name == node }?.age.flatMap { $0.p50_ms == nil ? nil : $0 }
    }

    /// By input, what came in.
    var traffic: [String: TrafficPlan.Measured] {
        var traffic: [String: TrafficPlan.Measured] = [:]
        for node in nodes {
            for hop in node.hops ?? [] where hop.received > 0 {
                traffic["\(node.name).\(hop.port)"] = .init(
                    messageBytes: Double(hop.bytes) / Double(hop.received),
                    messagesPerSecond: Double(hop.received) / max(seconds ?? 0, 1e-3))
            }
        }
        return traffic
    }
}
