import Dataflow
import Foundation
import NodeKit
import Wire

/// What a client asks of a running graph: JSON, over the run's control socket. Both ends are the same
/// version of this program, so the form is no promise.
///
/// A client connects a `DEALER` to `ipc://FOLDER/control.sock` with an identity that begins with `?` (no
/// node's name does), sends one frame, and reads replies until one is the last.
package enum RunRequest: Sendable, Equatable, Codable {
    /// How the run stands.
    case status
    /// Nodes are replaced; a dry run only says which.
    case change(GraphChange, isDry: Bool = false)
    /// What a node would be after a replacement, to try it out beside the run.
    case candidate(NodeReplacement)
    /// Where an output, `node.port`, can be looked at.
    case look(String)
    /// Sources begin a new epoch; what is under way of earlier ones is dropped.
    case flush
    /// The graph as it runs: its text, the values put in place of the file's, and each node's settings.
    case graph
    /// The run ends as after Ctrl-C: frames under way are finished and files are closed.
    case stop
}

/// What is to be different in a running graph.
package enum GraphChange: Sendable, Equatable, Codable {
    /// Another kind of node, or other settings, in one node's place.
    case replace(NodeReplacement)
    /// All that another graph file says differently.
    case file(path: String)
    /// All that another text of the same file says differently; the file itself is not written. Nodes
    /// that were swapped become what the text says, or stay what they are.
    case text(String, keepsSwaps: Bool = false)
    /// Values of the file's `settings:`, and of nodes' settings as `node.setting`.
    case settings([String: String])
}

/// Plans a running graph as it would be after a change.
package protocol GraphPlanner: AnyObject {
    /// - Throws: ``SwapRefusal`` with every fault that the graph would have.
    func plan(_ change: GraphChange) throws -> PlannedChange
    /// The graph as it runs, all changes included.
    var current: RunGraph { get }
}

/// A graph as it runs.
package struct RunGraph: Sendable, Codable {
    /// The file, as its user called it.
    package let path: String
    /// What was read from it, or was applied since.
    package let text: String
    /// Values of `settings:` that replace those of the text.
    package let overrides: [String: String]
    /// Nodes that were swapped since the text was read or applied, the oldest change first.
    package let replacements: [NodeReplacement]
    /// Each node's settings, defaults included.
    package let settings: [String: [String: SettingValue]]

    package init(
        path: String, text: String, overrides: [String: String], replacements: [NodeReplacement],
        settings: [String: [String: SettingValue]]
    ) {
        (self.path, self.text, self.overrides) = (path, text, overrides)
        (self.replacements, self.settings) = (replacements, settings)
    }
}

/// A graph as it would be after a change.
package struct PlannedChange {
    package let plan: RunPlan
    /// The change was made: later ones come on top of it, whatever became of the file meanwhile.
    package let accept: () -> Void

    package init(_ plan: RunPlan, accept: @escaping () -> Void) {
        (self.plan, self.accept) = (plan, accept)
    }
}

/// What a running graph answers.
package enum RunReply: Sendable, Codable {
    case status(RunStatus)
    case candidate(Candidate)
    case place(EdgePlace)
    case graph(RunGraph)
    /// Something to read while the rest is still being done; more replies follow.
    case note(String)
    /// All that was asked is done.
    case done(String)
    /// Nothing was changed, and why.
    case refused(String)

    /// Whether no other reply follows.
    package var isLast: Bool { if case .note = self { false } else { true } }
}

/// How a run stands, for people and programs that ask.
package struct RunStatus: Sendable, Codable {
    /// One process of the run.
    package struct Node: Sendable, Codable {
        package let name: String
        package let kind: String
        package let pid: Int32
        /// `starting`, `loading`, `ready`, `running`, `ended`, or `down` where the graph goes on without it.
        package let state: String
        /// How often its process was replaced because it failed.
        package let restarts: Int
        /// How often it was replaced by a change of the graph.
        package let swaps: Int
        package let report: NodeReport
        /// Of one that is down why, and when it is tried again; else what the node says of itself, if
        /// anything.
        package var note: String?
        /// Where it runs; nil on the supervisor's machine.
        package var machine: String?
        /// Values of the settings that change while it runs; nil where it has none.
        package var settings: [String: SettingValue]?

        /// The same for people: `mouth 1.2, pose 0.4`.
        package var settingsText: String? {
            settings.map { values in
                values.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value.text)" }
                    .joined(separator: ", ")
            }
        }
        /// What to add to its machine's clock to get the supervisor's, and by how much that may be
        /// wrong, in ns; nil where it is the same clock.
        package var clock_offset_ns: Int64?
        package var clock_uncertainty_ns: Int64?
    }

    /// One edge of the run.
    package struct Edge: Sendable, Codable {
        /// Ends as `node.port`.
        package let from, to: String
        package let keep: String
        package let window: Int
        /// Where the producer serves it.
        package let endpoint: String
        /// What flows on it.
        package var type: RunPlan.PortType?
        /// Where the consumer finds it, if that is on another machine.
        package var link: String?
    }

    /// What the run is called: the graph file's name without its ending, or what `--name` said.
    package let name: String
    package let graph: String
    package let pid: Int32
    package let folder: String
    /// `starting`, `running` or `ending`.
    package let state: String
    /// Since the sources began.
    package let seconds: Double
    package let nodes: [Node]
    package let edges: [Edge]
    /// The folder of its log; nil where it has none.
    package var logs: String?
    /// Where its figures for Prometheus are; nil where they are not served.
    package var metrics: String?
}

extension Encodable {
    /// The value as one line of JSON. Plain values cannot fail to be encoded.
    var jsonBytes: [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return Array(try! encoder.encode(self))
    }
}
