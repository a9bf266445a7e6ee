import NodeKit

/// A graph without faults: every node of a known kind with all its settings, every edge between
/// ports that meet.
package struct CheckedGraph: Sendable {
    /// Whether frames wait for the slowest node, or time does not wait.
    package enum Mode: String, Sendable, CaseIterable {
        case offline, live
    }

    /// The graph file as its user called it.
    package let path: String
    package let mode: Mode
    /// The oldest that a frame may be when it is shown; only live graphs have one.
    package let latencyBudget: Duration?
    /// `local` is always among them.
    package let machines: [Machine]
    /// Producers before consumers, and otherwise in the order of the file.
    package let nodes: [CheckedNode]
    /// Graph files whose nodes are among the graph's.
    package let parts: [CheckedPart]
    /// Inputs that only a graph around this one can feed: with any, it is a part of others.
    package let openInputs: [String]
    /// In the order of the consumers, then of their `in:`.
    package let edges: [CheckedEdge]
    package var warnings: [Diagnostic]

    /// The node of a name.
    package func node(_ name: String) -> CheckedNode? { nodes.first { $0.name == name } }
    /// The edges that end at a node, at most one for each of its inputs.
    package func edges(into node: String) -> [CheckedEdge] { edges.filter { $0.to.node == node } }
    /// The edges that start at a node; several may start at one output.
    package func edges(outOf node: String) -> [CheckedEdge] {
        edges.filter { $0.from.node == node }
    }
}

/// One process-to-be of a graph.
package struct CheckedNode: Sendable {
    package let name: String
    package let spec: NodeSpec
    /// Every setting that has a value, defaults included.
    package let settings: Settings
    /// The same values by name, for those who have no typed setting at hand.
    package let values: [String: SettingValue]
    /// Name of one of the graph's machines.
    package let machine: String
    /// Processor cores that its mathematics may use.
    package let cores: Int
    /// How long one tick takes, as the graph says; for a source, the time between two frames.
    package let takes: Duration?
    /// What is done when its process ends by accident.
    package var restart = RestartPolicy.usual
    /// The plugin that serves it; nil for the tool's own kinds.
    package let plugin: Plugin?
    /// The node's name in the file.
    package let place: SourceRange

    package var kind: String { spec.kind }
}

/// One output joined to one input.
package struct CheckedEdge: Sendable {
    /// A port of a node, `decoder.frame` in the file.
    package struct End: Sendable, Hashable, CustomStringConvertible {
        package let node: String
        package let port: String
        package var description: String { "\(node).\(port)" }
    }

    package let from: End
    package let to: End
    /// The port that sends.
    package let output: PortSpec
    /// The port that receives.
    package let input: PortSpec
    package let keep: Keep
    /// Messages that may be under way or waiting before the producer is held up.
    package let window: Int
    /// The extent of each axis where the graph fixes it, else nil.
    package var extents: [Int?]
    /// What its numbers are on the way to another machine, if not what they are.
    package var wire: WireFormat?
    /// Which frames go this way, where not all do.
    package var thinning: Thinning?
    /// The replicated node that the consumer is one process of.
    package var group: ReplicaGroup?
    /// Of an edge of `when:` or `unless:`: what its number has to be, more than 0 or not.
    package var condition: Bool?
}

/// What numbers may be between machines.
package enum WireFormat: String, Sendable, CaseIterable {
    /// Half precision, for ports that allow it.
    case f16
}

/// Somewhere that nodes can run.
package struct Machine: Sendable, Equatable {
    package enum Launcher: Sendable, Equatable {
        /// Processes of this machine.
        case local
        /// `ssh` to a host, `user@host` or a name of the user's OpenSSH configuration.
        case ssh(host: String, options: [String: String])
        /// A step of a Slurm job.
        case slurm([String: String])
        /// A pod.
        case kubernetes([String: String])

        /// The word in YAML.
        package var name: String {
            switch self {
            case .local: "local"
            case .ssh: "ssh"
            case .slurm: "slurm"
            case .kubernetes: "kubernetes"
            }
        }
    }

    package let name: String
    package let launcher: Launcher
    /// Processor cores that its nodes may share; nil when nobody said.
    package var cores: Int?
    /// Bytes that its nodes may share; nil when nobody said.
    package var memory: Int?
    /// Bytes of each of its GPUs that its nodes may share; nil when nobody said.
    package var gpuMemory: Int?
    /// Where other machines reach it; nil for the address that its launcher's connection shows.
    package var address: String?
    /// Whether its edges go over the network as they are, for everybody to read and to write.
    package var isInsecure = false

    package init(
        name: String, launcher: Launcher, cores: Int? = nil, memory: Int? = nil, gpuMemory: Int? = nil,
        address: String? = nil, isInsecure: Bool = false
    ) {
        self.address = address
        self.isInsecure = isInsecure
        self.name = name
        self.launcher = launcher
        self.cores = cores
        self.memory = memory
        self.gpuMemory = gpuMemory
    }

    /// This machine; every graph has it.
    package static let local = Machine(name: "local", launcher: .local)
}
