import Dataflow
import NodeKit
import Wire

/// A graph made ready to start: which processes, and what each is told.
package struct RunPlan: Sendable {
    package struct PlannedNode: Sendable {
        package let name: String
        package let kind: String
        package var configuration: NodeConfiguration
        /// The program that serves it, with its first arguments; nil for this one.
        package let command: [String]?
        /// How long its process may take until it says hello.
        package let startWithin: Duration
        /// What the node remembers, which has to be known to go on after its process ended.
        package let state: NodeState
        /// How many frames it keeps to itself: a successor has to keep as many.
        package var heldFrames = 0
        /// Whether it numbers what it sends anew.
        package var beginsStream = false
        /// Names of the settings that change without another process.
        package var liveSettings: Set<String> = []
        /// The files that it writes, as whole paths.
        package var outputFiles: [String] = []
        package let restart: RestartPolicy
        /// Name of the machine that its process runs on; ``RunPlan/here`` is the supervisor's.
        package var machine = RunPlan.here

        package init(
            name: String, kind: String, configuration: NodeConfiguration, command: [String]? = nil,
            startWithin: Duration = .seconds(60), state: NodeState = .unknown,
            restart: RestartPolicy = .usual
        ) {
            self.name = name
            self.kind = kind
            self.configuration = configuration
            self.command = command
            self.startWithin = startWithin
            self.state = state
            self.restart = restart
        }

        /// What this one takes over from another in whose place it goes. A film that was begun is of no
        /// use where another one is to be written.
        func inheritance(from old: PlannedNode) -> Inheritance {
            let settings = (configuration.settings.values, old.configuration.settings.values)
            if isSource {
                // One that only goes elsewhere goes on; one with other settings begins with them.
                let isMoved = kind == old.kind && settings.0 == settings.1 && machine != old.machine
                return isMoved ? .all : .stream
            }
            let isSame = kind == old.kind && state == .saved && outputFiles == old.outputFiles
            return isSame || old.state == .none ? .all : .numbers
        }

        /// The file that a node in the place of `old` would write over: one that cannot be gone on with.
        func overwritten(of old: PlannedNode) -> String? {
            guard kind != old.kind || machine != old.machine else { return nil }
            return outputFiles.first { old.outputFiles.contains($0) }
        }

        /// Whether not every frame goes over its edges, or is worked on: its host has to know which.
        var choosesFrames: Bool {
            configuration.inputs.contains { $0.condition != nil }
                || configuration.outputs.contains { $0.thinning != nil }
        }

        package var isSource: Bool { configuration.inputs.isEmpty }
        package var isSink: Bool { configuration.outputs.isEmpty }
    }

    /// What the run is called, and the graph file it came from.
    package let name, graph: String
    package var nodes: [PlannedNode]
    /// Whether time does not wait for the nodes.
    package let isLive: Bool
    /// Where this run's sockets are.
    package let folder: String
    /// Machines that nodes can run on; without any it is this one.
    package var machines: [Machine] = []
    /// What flows on an output, by `node.port`: type, axes and meaning as in `node.yaml`.
    package var types: [String: PortType] = [:]
    /// How an input keeps time with others, by `node.port`; one that is not named: with frames.
    package var paces: [String: Pace] = [:]

    /// Address at which a machine's nodes are found by those of other machines, by its name, where
    /// its user says it; else it is what the connection to the machine shows.
    package var addresses: [String: String] = [:]
    /// Whether edges between machines are in plain text, and open to everybody.
    package var isInsecure = false

    /// What a person has to know of what the graph's pictures are made with: no faults.
    package var notices: [String] = []

    /// Where the run's log and its figures are, for `status`; the supervisor uses neither.
    package var logs: String?
    package var metrics: String?

    /// The supervisor's own machine.
    package static let here = "local"

    package struct PortType: Sendable, Codable {
        package let type, axes, meaning: String
    }

    package init(name: String, graph: String, nodes: [PlannedNode], isLive: Bool = false, folder: String) {
        self.name = name
        self.graph = graph
        self.nodes = nodes
        self.isLive = isLive
        self.folder = folder
    }
}
