import Foundation
import Wire

/// What somebody asks of a running graph: a JSON object with a `type`, over the run's control socket.
///
/// Whoever asks connects a `DEALER` to `ipc://FOLDER/control.sock` with an identity that begins with
/// `?` (no node's name does), sends one frame, and reads replies until one is the last.
package enum RunRequest: Sendable, Equatable {
    /// How the run stands.
    case status
}

/// What a running graph answers.
package enum RunReply: Sendable {
    case status(RunStatus)
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
        package let report: NodeReport
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
}

// MARK: - JSON

extension RunRequest: Codable {
    private enum Word: String, Codable { case status }
    private enum Key: String, CodingKey { case type }

    package func encode(to encoder: any Encoder) throws {
        var object = encoder.container(keyedBy: Key.self)
        switch self {
        case .status: try object.encode(Word.status, forKey: .type)
        }
    }

    package init(from decoder: any Decoder) throws {
        let object = try decoder.container(keyedBy: Key.self)
        switch try object.decode(Word.self, forKey: .type) {
        case .status: self = .status
        }
    }
}

extension RunReply: Codable {
    private enum Word: String, Codable { case status, note, done, refused }
    private enum Key: String, CodingKey { case type, run, text, reason }

    package func encode(to encoder: any Encoder) throws {
        var object = encoder.container(keyedBy: Key.self)
        switch self {
        case .status(let status):
            try object.encode(Word.status, forKey: .type)
            try object.encode(status, forKey: .run)
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
