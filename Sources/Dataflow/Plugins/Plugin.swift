import Foundation
import NodeKit

/// A kind of node that is described in a file and served by a program of its own.
package struct Plugin: Sendable {
    package let spec: NodeSpec
    /// The program and its first arguments, ready to be started from any folder.
    package let command: [String]
    /// A file that lists what its program needs in Python, which the command names, too.
    package let requirements: String?
    /// How long its process may take until it says hello.
    package let startWithin: Duration
    /// The `node.yaml` that says all this.
    package let file: String
    /// Where that is, and what its program is made of.
    package var folder: String {
        URL(fileURLWithPath: file).deletingLastPathComponent().standardizedFileURL.path
    }
}
