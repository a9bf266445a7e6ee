import NodeKit
import Wire

/// A graph made ready to start: which processes, and what each is told.
package struct RunPlan: Sendable {
    package struct PlannedNode: Sendable {
        package let name: String
        package let kind: String
        package let configuration: NodeConfiguration

        package init(name: String, kind: String, configuration: NodeConfiguration) {
            self.name = name
            self.kind = kind
            self.configuration = configuration
        }

        package var isSource: Bool { configuration.inputs.isEmpty }
        package var isSink: Bool { configuration.outputs.isEmpty }
    }

    package let nodes: [PlannedNode]
    /// Where this run's sockets are.
    package let folder: String

    package init(nodes: [PlannedNode], folder: String) {
        self.nodes = nodes
        self.folder = folder
    }
}
