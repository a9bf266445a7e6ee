import Foundation
import NodeKit

/// What supervisor and nodes say to each other, as JSON objects with a `type`.
package enum ControlMessage: Sendable {
    // From a node.
    /// The process runs and serves its endpoint.
    case hello
    /// The node has loaded.
    case ready
    /// How the node is getting on, a few times a second.
    case progress(NodeReport)
    /// Something that a person should read.
    case warning(String)
    /// The node gave up, with its reason; `culprit` is the node that it could not go on with.
    case failed(String, culprit: String? = nil)
    /// Everything is done; the process ends.
    case done(NodeReport)

    // From the supervisor.
    /// Load.
    case configure(NodeConfiguration)
    /// All processes serve their endpoints: connect.
    case connect
    /// All nodes have loaded: sources may begin.
    case start
    /// Sources stop; what is under way is finished.
    case drain
    /// Sinks keep what they have; everyone ends now.
    case finishNow

    package func encoded() -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        // Encoding a plain value cannot fail.
        return Array(try! encoder.encode(self))
    }

    package init?(decoding bytes: UnsafeRawBufferPointer) {
        guard let message = try? JSONDecoder().decode(Self.self, from: Data(bytes)) else {
            return nil
        }
        self = message
    }
}

// MARK: - JSON

/// The form is a promise to plugins (`Plugins/README.md`): members may come, none may change.
extension ControlMessage: Codable {
    private enum Word: String, Codable {
        case hello, ready, progress, warning, failed, done
        case configure, connect, start, drain, finish
    }

    private enum Key: String, CodingKey {
        case type, report, text, reason, culprit
    }

    private var word: Word {
        switch self {
        case .hello: .hello
        case .ready: .ready
        case .progress: .progress
        case .warning: .warning
        case .failed: .failed
        case .done: .done
        case .configure: .configure
        case .connect: .connect
        case .start: .start
        case .drain: .drain
        case .finishNow: .finish
        }
    }

    package func encode(to encoder: any Encoder) throws {
        var object = encoder.container(keyedBy: Key.self)
        try object.encode(word, forKey: .type)
        switch self {
        case .progress(let report), .done(let report): try object.encode(report, forKey: .report)
        case .warning(let text): try object.encode(text, forKey: .text)
        case .failed(let reason, let culprit):
            try object.encode(reason, forKey: .reason)
            try object.encodeIfPresent(culprit, forKey: .culprit)
        case .configure(let configuration): try configuration.encode(to: encoder)
        case .hello, .ready, .connect, .start, .drain, .finishNow: break
        }
    }

    package init(from decoder: any Decoder) throws {
        let object = try decoder.container(keyedBy: Key.self)
        func report() throws -> NodeReport {
            try object.decodeIfPresent(NodeReport.self, forKey: .report) ?? NodeReport()
        }
        switch try object.decode(Word.self, forKey: .type) {
        case .hello: self = .hello
        case .ready: self = .ready
        case .progress: self = .progress(try report())
        case .warning: self = .warning(try object.decode(String.self, forKey: .text))
        case .failed:
            self = .failed(
                try object.decode(String.self, forKey: .reason),
                culprit: try object.decodeIfPresent(String.self, forKey: .culprit))
        case .done: self = .done(try report())
        case .configure: self = .configure(try NodeConfiguration(from: decoder))
        case .connect: self = .connect
        case .start: self = .start
        case .drain: self = .drain
        case .finish: self = .finishNow
        }
    }
}
