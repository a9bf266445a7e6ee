import Dataflow
import Foundation
import NodeKit
import Wire

/// A node as it would be in another's place: what is needed to try it out on the same input.
package struct Candidate: Sendable, Codable {
    package let kind: String
    /// The kind that runs, and what its outputs carry, by port.
    package let current: String
    package let types: [String: RunPlan.PortType]
    /// Its edges lead to where the neighbours are now.
    package let configuration: NodeConfiguration
    /// The program that serves it, with its first arguments; nil for this one.
    package let command: [String]?
    package let startWithinSeconds: Double
    /// Where the node that runs serves its outputs, by port.
    package let outputs: [String: EdgePlace]
    /// Where producers serve what it takes, by its input: those on other machines.
    package let distant: [String: EdgePlace]
}

extension RunPlan {
    /// A run of its own that feeds a candidate with what the node that runs gets, and compares
    /// what both make of it, picture by picture.
    ///
    /// It only looks on: the run that is looked at does not wait for it, so a frame that the
    /// candidate is too slow for is passed over.
    ///
    /// - Parameters:
    ///   - folder: of the new run.
    ///   - report: the file for what ``CompareNode`` finds.
    /// - Throws: ``SwapRefusal`` when its output is no picture.
    package static func shadow(
        _ candidate: Candidate, folder: String, report: String
    ) throws -> RunPlan {
        guard let port = candidate.configuration.outputs.map(\.port).first(where: { port in
            candidate.types[port].map { $0.meaning == "rgb" && $0.type == "u8" } ?? false
        }), let output = candidate.outputs[port] else {
            let found = candidate.types.values.map(\.meaning).sorted().joined(separator: ", ")
            throw SwapRefusal(
                "--shadow compares pictures, but '\(candidate.current)' puts out \(found)")
        }
        var shadow = Shadow(folder: folder)
        return shadow.plan(candidate, output, report: report)
    }
}

/// Makes the plan of a run that looks on at another one.
private struct Shadow {
    let folder: String
    /// Sources that look on at outputs of other machines.
    private var taps: [RunPlan.PlannedNode] = []
    private let mark = "shadow-\(getpid())"

    init(folder: String) { self.folder = folder }

    mutating func plan(_ candidate: Candidate, _ output: EdgePlace, report: String) -> RunPlan {
        var node = candidate.configuration
        for (index, input) in node.inputs.enumerated() {
            let place = candidate.distant[input.port]
                ?? EdgePlace(port: input.producerPort, endpoint: input.endpoint)
            node.inputs[index] = look(
                at: place, as: input.port, of: node.name,
                keep: input.keep == .last ? .last : .newest, window: 8)
        }
        node.outputs = [
            NodeConfiguration.Output(
                port: output.port, consumer: "compare", consumerPort: "second", keep: .all, window: 2)
        ]
        let first = look(at: output, as: "first", of: "compare", keep: .newest, window: 64)
        let second = NodeConfiguration.Input(
            port: "second", producer: node.name, producerPort: output.port,
            endpoint: NodeConfiguration.endpoint(of: node.name, in: folder), keep: .all, window: 2)
        let compare = NodeConfiguration(
            name: "compare", settings: Settings(["report": .text(report)], cores: 1),
            inputs: [first, second], outputs: [])
        return RunPlan(
            name: "shadow-of-\(node.name)", graph: "",
            nodes: taps + [
                RunPlan.PlannedNode(
                    name: node.name, kind: candidate.kind, configuration: node,
                    command: candidate.command, startWithin: .seconds(candidate.startWithinSeconds),
                    restart: .never),
                RunPlan.PlannedNode(name: "compare", kind: "compare", configuration: compare),
            ], isLive: true, folder: folder)
    }

    /// An input that gets what is to be seen at a place: from there, or by a source of this run's.
    private mutating func look(
        at place: EdgePlace, as port: String, of node: String, keep: Keep, window: Int
    ) -> NodeConfiguration.Input {
        guard place.command != nil else {
            var input = NodeConfiguration.Input(
                port: port, producer: "the run's", producerPort: place.port, endpoint: place.endpoint,
                keep: keep, window: window)
            input.tap = mark
            return input
        }
        let name = "look-\(taps.count)"
        let edge = NodeConfiguration.Output(
            port: place.port, consumer: node, consumerPort: port, keep: keep, window: window)
        let text = String(decoding: place.jsonBytes, as: UTF8.self)
        taps.append(
            RunPlan.PlannedNode(
                name: name, kind: "look",
                configuration: NodeConfiguration(
                    name: name, settings: Settings(["place": .text(text)], cores: 1), inputs: [],
                    outputs: [edge])))
        return NodeConfiguration.Input(
            port: port, producer: name, producerPort: place.port,
            endpoint: NodeConfiguration.endpoint(of: name, in: folder), keep: keep, window: window)
    }
}
