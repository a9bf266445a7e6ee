import Foundation
import NodeKit

/// What supervisor and nodes say to each other, as JSON.
package enum ControlMessage: Sendable, Codable {
    // From a node.
    /// The process runs and serves its endpoint.
    case hello
    /// The node has loaded.
    case ready
    /// How the node is getting on, a few times a second.
    case progress(NodeReport)
    /// Something that a person should read.
    case warning(String)
    /// The node gave up, with its reason.
    case failed(String)
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
        // Encoding a plain value cannot fail.
        Array(try! JSONEncoder().encode(self))
    }

    package init?(decoding bytes: UnsafeRawBufferPointer) {
        guard let message = try? JSONDecoder().decode(Self.self, from: Data(bytes)) else {
            return nil
        }
        self = message
    }
}
