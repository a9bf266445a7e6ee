import CPosix
import Foundation
import NodeKit
import Tensors

/// Sends what was recorded of an output, as a source.
///
/// Frames keep the numbers that they had, so several recordings of one run meet by them. The one output
/// has name, type, axes and meaning of the recording: ``spec(of:)``.
package struct ReplayNode: Node {
    static let path = Setting(
        "path", String.self, type: .inputFile, "a file that 'personalive record' made")
    static let pace = Setting(
        "pace", String.self, type: .choice(["own", "flat-out"]), default: "own",
        "at the times at which it was captured, or as fast as it is taken")

    package static let spec = NodeSpec(
        "replay", "Sends what 'personalive record' took down, on a port of the same name and kind.",
        settings: [path, pace])

    /// The kind with the port of one recording; nil when the file cannot be read.
    package static func spec(of path: String) -> NodeSpec? {
        Recording.port(of: path).map {
            NodeSpec(
                kind: spec.kind, summary: spec.summary, inputs: [], outputs: [$0],
                settings: spec.settings, heldFrames: 0)
        }
    }

    private let reader: Recording.Reader
    private let isPaced: Bool
    /// When the first message was captured, and when it was sent again.
    private var start: (captured: Int64, now: Int64)?

    package init(settings: Settings) throws {
        reader = try Recording.Reader(path: settings[Self.path])
        isPaced = settings[Self.pace] == "own"
    }

    package mutating func process(_ inputs: Inputs, into outputs: inout Outputs) throws {
        let port = reader.header.port
        let room = outputs
        let message = try reader.next { room.memory(for: port, bytes: $0) }
        guard let message else { return outputs.finish() }
        let now = posix_monotonic_ns()
        let start = self.start ?? (message.stamp.captured, now)
        self.start = start
        let (since, overflows) = message.stamp.captured.subtractingReportingOverflow(start.captured)
        // A pause of hours is a damaged time rather than a recording.
        let due = start.now + (overflows ? 0 : min(max(since, 0), 3_600_000_000_000))
        if isPaced, due > now {
            outputs.wait { Thread.sleep(forTimeInterval: Double(due - now) / 1e9) }
        }
        var stamp = message.stamp
        // Captured now. The number stays, so that what was recorded of other outputs meets it again.
        (stamp.captured, stamp.epoch) = (posix_monotonic_ns(), 0)
        outputs.send(Message(message.tensor, stamp), on: port)
    }
}
