import Dataflow
import Foundation
import Wire

/// What a client asks of a running graph: a JSON object with a `type`, over the run's control socket.
///
/// A client connects a `DEALER` to `ipc://FOLDER/control.sock` with an identity that begins with
/// `?` (no node's name does), sends one frame, and reads replies until one is the last.
package enum RunRequest: Sendable, Equatable {
    /// How the run stands.
    case status
    /// Nodes are replaced; a dry run only says which.
    case change(GraphChange, isDry: Bool = false)
    /// What a node would be after a replacement, for a client that tries it out beside the run.
    case candidate(NodeReplacement)
    /// Where a client can tap an output, `node.port`.
    case look(String)
}

/// What a running graph answers.
package enum RunReply: Sendable {
    case status(RunStatus)
    case candidate(Candidate)
    case place(EdgePlace)
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
        /// `starting`, `loading`, `ready`, `running` or `ended`.
        package let state: String
        /// How often its process was replaced because it failed.
        package let restarts: Int
        /// How often it was replaced because a client asked for it.
        package let swaps: Int
        package let report: NodeReport
        /// Where it runs; nil on the supervisor's machine.
        package var machine: String?
        /// Whether it is a plugin that a relay speaks for to other machines.
        package var relayed: Bool?
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

// MARK: - JSON

extension RunRequest: Codable {
    private enum Word: String, Codable { case status, swap, apply, set, candidate, look }
    private enum Key: String, CodingKey {
        case type, replacement, graph, settings, output
        case isDry = "dry_run"
    }

    package func encode(to encoder: any Encoder) throws {
        var object = encoder.container(keyedBy: Key.self)
        switch self {
        case .status: try object.encode(Word.status, forKey: .type)
        case .candidate(let replacement):
            try object.encode(Word.candidate, forKey: .type)
            try object.encode(replacement, forKey: .replacement)
        case .look(let output):
            try object.encode(Word.look, forKey: .type)
            try object.encode(output, forKey: .output)
        case .change(let change, let isDry):
            if isDry { try object.encode(true, forKey: .isDry) }
            switch change {
            case .replace(let replacement):
                try object.encode(Word.swap, forKey: .type)
                try object.encode(replacement, forKey: .replacement)
            case .file(let path):
                try object.encode(Word.apply, forKey: .type)
                try object.encode(path, forKey: .graph)
            case .settings(let settings):
                try object.encode(Word.set, forKey: .type)
                try object.encode(settings, forKey: .settings)
            }
        }
    }

    package init(from decoder: any Decoder) throws {
        let object = try decoder.container(keyedBy: Key.self)
        let isDry = try object.decodeIfPresent(Bool.self, forKey: .isDry) ?? false
        switch try object.decode(Word.self, forKey: .type) {
        case .status: self = .status
        case .candidate:
            self = .candidate(try object.decode(NodeReplacement.self, forKey: .replacement))
        case .look: self = .look(try object.decode(String.self, forKey: .output))
        case .swap:
            let replacement = try object.decode(NodeReplacement.self, forKey: .replacement)
            self = .change(.replace(replacement), isDry: isDry)
        case .apply:
            self = .change(.file(path: try object.decode(String.self, forKey: .graph)), isDry: isDry)
        case .set:
            let settings = try object.decode([String: String].self, forKey: .settings)
            self = .change(.settings(settings), isDry: isDry)
        }
    }
}

extension RunReply: Codable {
    private enum Word: String, Codable { case status, candidate, place, note, done, refused }
    private enum Key: String, CodingKey { case type, run, text, reason, node, place }

    package func encode(to encoder: any Encoder) throws {
        var object = encoder.container(keyedBy: Key.self)
        switch self {
        case .status(let status):
            try object.encode(Word.status, forKey: .type)
            try object.encode(status, forKey: .run)
        case .candidate(let candidate):
            try object.encode(Word.candidate, forKey: .type)
            try object.encode(candidate, forKey: .node)
        case .place(let place):
            try object.encode(Word.place, forKey: .type)
            try object.encode(place, forKey: .place)
        case .note(let text):
            try object.encode(Word.note, forKey: .type)
            try object.encode(text, forKey: .text)
        case .done(let text):
            try object.encode(Word.done, forKey: .type)
            try object.encode(text, forKey: .text)
        case .refused(let reason):
            try object.encode(Word.refused, forKey: .type)
            try object.encode(reason, forKey: .reason)
        }
    }

    package init(from decoder: any Decoder) throws {
        let object = try decoder.container(keyedBy: Key.self)
        switch try object.decode(Word.self, forKey: .type) {
        case .status: self = .status(try object.decode(RunStatus.self, forKey: .run))
        case .candidate: self = .candidate(try object.decode(Candidate.self, forKey: .node))
        case .place: self = .place(try object.decode(EdgePlace.self, forKey: .place))
        case .note: self = .note(try object.decode(String.self, forKey: .text))
        case .done: self = .done(try object.decode(String.self, forKey: .text))
        case .refused: self = .refused(try object.decode(String.self, forKey: .reason))
        }
    }
}

extension Encodable {
    /// The value as one line of JSON. Plain values cannot fail to be encoded.
    var jsonBytes: [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return Array(try! encoder.encode(self))
    }
}
