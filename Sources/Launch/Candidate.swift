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
    /// Where the node that runs serves its outputs.
    package let endpoint: String
}

extension Supervisor {
    /// - Throws: ``SwapRefusal`` when it could not take the node's place.
    func candidate(_ replacement: NodeReplacement) throws -> Candidate {
        guard let planner else { throw SwapRefusal("this run was not started from a graph file") }
        let member = try member(toReplace: replacement.node)
        let plan = try planner.plan(.replace(replacement))
        let neighbours = producers(of: member) + [member]
        if let away = neighbours.first(where: { link(to: $0.planned.machine) != nil }) {
            throw SwapRefusal(
                "--shadow looks on at nodes of this machine, but '\(away.name)' runs on "
                    + "'\(away.planned.machine)'")
        }
        guard let node = plan.nodes.first(where: { $0.name == member.name }) else {
            throw SwapRefusal("there is no node '\(member.name)' in the graph")
        }
        var configuration = node.configuration
        for index in configuration.inputs.indices {
            let producer = members.first { $0.name == configuration.inputs[index].producer }
            guard let id = producer?.current.id else { continue }
            configuration.inputs[index].endpoint = NodeConfiguration.endpoint(
                of: id, in: self.plan.folder)
        }
        var types: [String: RunPlan.PortType] = [:]
        for output in configuration.outputs {
            types[output.port] = self.plan.types["\(member.name).\(output.port)"]
        }
        return Candidate(
            kind: node.kind, current: member.planned.kind, types: types,
            configuration: configuration, command: node.command,
            startWithinSeconds: node.startWithin / .seconds(1),
            endpoint: NodeConfiguration.endpoint(of: member.current.id, in: self.plan.folder))
    }
}

extension RunPlan {
    /// A run of its own that feeds a candidate with what the node that runs gets, and compares
    /// what both make of it, picture by picture.
    ///
    /// It only looks on: the run that is looked at waits for nobody in it, so a frame that the
    /// candidate is too slow for is passed over.
    ///
    /// - Parameters:
    ///   - folder: of the new run.
    ///   - report: the file for what ``CompareNode`` finds.
    /// - Throws: ``SwapRefusal`` when its output is no picture.
    package static func shadow(
        _ candidate: Candidate, folder: String, report: String
    ) throws -> RunPlan {
        var node = candidate.configuration
        guard let output = node.outputs.map(\.port).first(where: { port in
            candidate.types[port].map { $0.meaning == "rgb" && $0.type == "u8" } ?? false
        }) else {
            let found = candidate.types.values.map(\.meaning).sorted().joined(separator: ", ")
            throw SwapRefusal(
                "--shadow compares pictures, but '\(candidate.current)' puts out \(found)")
        }
        let mark = "shadow-\(getpid())"
        for index in node.inputs.indices {
            node.inputs[index].tap = mark
            (node.inputs[index].producer, node.inputs[index].window) = ("the run's", 8)
            if node.inputs[index].keep != .last { node.inputs[index].keep = .newest }
        }
        let own = NodeConfiguration.Output(
            port: output, consumer: "compare", consumerPort: "second", keep: .all, window: 2)
        node.outputs = [own]
        var first = NodeConfiguration.Input(
            port: "first", producer: "the run's", producerPort: output,
            endpoint: candidate.endpoint, keep: .newest, window: 64)
        first.tap = mark
        let second = NodeConfiguration.Input(
            port: "second", producer: node.name, producerPort: output,
            endpoint: NodeConfiguration.endpoint(of: node.name, in: folder), keep: .all, window: 2)
        let compare = NodeConfiguration(
            name: "compare", settings: Settings(["report": .text(report)], cores: 1),
            inputs: [first, second], outputs: [])
        return RunPlan(
            name: "shadow-of-\(node.name)", graph: "",
            nodes: [
                PlannedNode(
                    name: node.name, kind: candidate.kind, configuration: node,
                    command: candidate.command, startWithin: .seconds(candidate.startWithinSeconds),
                    restart: .never),
                PlannedNode(name: "compare", kind: "compare", configuration: compare),
            ], isLive: true, folder: folder)
    }
}
