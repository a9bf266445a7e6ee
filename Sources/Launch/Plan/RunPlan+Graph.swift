import Dataflow
import Foundation
import NodeKit
import Tensors
import Wire

extension RunPlan {
    /// One process per node of a checked graph, their edges served in the run's folder.
    ///
    /// - Parameter name: what the run is called; the graph file's name without its ending if nil.
    package init(_ graph: CheckedGraph, name: String? = nil, folder: String) {
        let times = graph.timesToShow
        self.init(
            name: name ?? Self.name(of: graph), graph: URL(fileURLWithPath: graph.path).path,
            nodes: graph.nodes.map {
                Self.planned($0, graph, folder, timeToShow: times[$0.name] ?? .zero)
            },
            isLive: graph.mode == .live, folder: folder)
        machines = graph.machines
        let used = Set(nodes.map(\.machine))
        isInsecure = machines.contains { $0.isInsecure && used.contains($0.name) }
        for machine in machines { addresses[machine.name] = machine.address }
        for edge in graph.edges {
            types[edge.from.description] = PortType(
                type: edge.output.elementType.name, axes: edge.axesText,
                meaning: edge.output.meaning)
            paces[edge.to.description] = edge.input.pace
        }
    }

    /// What a run of a graph is called if nobody says otherwise: its file's name without the ending.
    package static func name(of graph: CheckedGraph) -> String {
        URL(fileURLWithPath: graph.path).deletingPathExtension().lastPathComponent
    }

    private static func planned(
        _ node: CheckedNode, _ graph: CheckedGraph, _ folder: String, timeToShow: Duration
    ) -> PlannedNode {
        let inputs = graph.edges(into: node.name).map { edge in
            var input = NodeConfiguration.Input(
                port: edge.to.port, producer: edge.from.node, producerPort: edge.from.port,
                endpoint: NodeConfiguration.endpoint(of: edge.from.node, in: folder),
                keep: edge.keep, window: edge.window)
            input.isHalved = edge.wire == .f16
            if node.spec.takesAnything || edge.condition != nil {
                input.type = .init(
                    element: edge.input.elementType.name, axes: edge.input.axesText)
            }
            if node.spec.takesAnything {
                input.pace = edge.input.pace
                input.type?.meaning = edge.input.meaning
            }
            input.condition = edge.condition
            return input
        }
        let outputs = graph.edges(outOf: node.name).map { edge in
            var output = NodeConfiguration.Output(
                port: edge.from.port, consumer: edge.to.node, consumerPort: edge.to.port,
                keep: edge.keep, window: edge.window)
            output.isHalved = edge.wire == .f16
            (output.thinning, output.group) = (edge.thinning, edge.group)
            return output
        }
        var configuration = NodeConfiguration(
            name: node.name, settings: node.settings, inputs: inputs, outputs: outputs)
        configuration.spec = node.plugin.map { _ in node.spec }
        configuration.latencyBudget = graph.latencyBudget.map(\.nanoseconds)
        // Where the known times alone are longer than the budget, dropping would show nothing at all.
        configuration.oldest = graph.latencyBudget.flatMap {
            timeToShow < $0 ? ($0 - timeToShow).nanoseconds : nil
        }
        var planned = PlannedNode(
            name: node.name, kind: node.kind,
            configuration: configuration,
            command: node.plugin?.command, startWithin: node.plugin?.startWithin ?? .seconds(60),
            // Offline nothing may be lost, whatever the node remembers.
            state: graph.mode == .offline && node.spec.isOfTheMoment ? .unknown : node.spec.state,
            restart: node.restart)
        planned.heldFrames = node.spec.heldFrames
        planned.beginsStream = node.spec.beginsStream
        planned.liveSettings = Set(node.spec.settings.filter(\.isLive).map(\.name))
        planned.outputFiles = node.spec.settings.filter { $0.type == .outputFile }
            .compactMap { node.settings.values[$0.name].flatMap { String($0) } }
            .map { path in
                // Links followed, so that another spelling is not another file.
                (try? FilePlace(path))?.path ?? URL(fileURLWithPath: path).standardizedFileURL.path
            }
        // Another name for this machine, unless it is said to be reached as if it were another.
        let machine = graph.machines.first { $0.name == node.machine }
        let isHere = machine.map { $0.launcher == .local && $0.address == nil } ?? true
        planned.machine = isHere ? here : node.machine
        return planned
    }
}

extension CheckedGraph {
    /// The longest that frames are known to take from a node's inputs to what shows them, by node.
    fileprivate var timesToShow: [String: Duration] {
        // Producers come before their consumers.
        nodes.reversed().reduce(into: [:]) { times, node in
            let behind = edges(outOf: node.name).filter { $0.input.pace.isOfFrames }
                .compactMap { times[$0.to.node] }.max()
            times[node.name] = (node.takes ?? .zero) + (behind ?? .zero)
        }
    }
}
