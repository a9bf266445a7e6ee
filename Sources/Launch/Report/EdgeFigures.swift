import Wire

/// Both ends' figures of one edge.
package struct EdgeFigures {
    package let edge: RunStatus.Edge
    package let input: NodeReport.Input?
    package let output: NodeReport.Output?

    package init(_ edge: RunStatus.Edge, in run: RunStatus) {
        self.edge = edge
        let (from, to) = (Self.split(edge.from), Self.split(edge.to))
        input = run.nodes.first { $0.name == to.node }?.report.inputs.first { $0.port == to.port }
        // A plugin may not say which port. Of edges that changes made one after the other, the newest.
        let outputs = run.nodes.first { $0.name == from.node }?.report.outputs ?? []
        output = outputs.filter {
            $0.port == from.port && $0.consumer == to.node
                && ($0.consumerPort == to.port || $0.consumerPort.isEmpty)
        }.max { ($0.until == nil ? 1 : 0, $0.edition) < ($1.until == nil ? 1 : 0, $1.edition) }
    }

    private static func split(_ end: String) -> (node: String, port: String) {
        let node = end.prefix { $0 != "." }
        return (String(node), String(end.dropFirst(node.count + 1)))
    }
}
