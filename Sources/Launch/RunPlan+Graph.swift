import Dataflow
import Wire

extension RunPlan {
    /// One process per node of a checked graph, their edges served in the run's folder.
    package init(_ graph: CheckedGraph, folder: String) {
        self.init(nodes: graph.nodes.map { Self.planned($0, graph, folder) }, folder: folder)
    }

    private static func planned(
        _ node: CheckedNode, _ graph: CheckedGraph, _ folder: String
    ) -> PlannedNode {
        let inputs = graph.edges(into: node.name).map {
            NodeConfiguration.Input(
                port: $0.to.port, producer: $0.from.node, producerPort: $0.from.port,
                endpoint: NodeConfiguration.endpoint(of: $0.from.node, in: folder), keep: $0.keep,
                window: $0.window)
        }
        let outputs = graph.edges(outOf: node.name).map {
            NodeConfiguration.Output(
                port: $0.from.port, consumer: $0.to.node, consumerPort: $0.to.port, keep: $0.keep,
                window: $0.window)
        }
        return PlannedNode(
            name: node.name, kind: node.kind,
            configuration: NodeConfiguration(
                name: node.name, settings: node.settings, inputs: inputs, outputs: outputs),
            command: node.plugin?.command, startWithin: node.plugin?.startWithin ?? .seconds(60))
    }
}
