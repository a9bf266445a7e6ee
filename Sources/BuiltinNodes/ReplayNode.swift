import CPosix
import Foundation
import NodeKit
import Tensors

/// Sends what was recorded of an output, or of several, as a source.
///
/// Frames keep the numbers that they had, so several recordings of one run meet by them. The outputs
/// have names, types, axes and meanings of the recording: ``spec(of:)``.
package struct ReplayNode: Node {
    package static let path = Setting(
        "path", String.self, type: .inputFile,
        "a file that 'personalive record' or the node 'record' made")
    package static let pace = Setting(
        "pace", String.self, type: .choice(["own", "flat-out"]), default: "own",
        "at the times at which it was captured, or as fast as it is taken")
    package static let first = Setting(
        "from", Int.self, type: .integer(0...Int(Int32.max)), default: 0,
        "the first frame that is sent, as its source numbered it")
    package static let end = Setting(
        "to", Int.self, type: .integer(0...Int(Int32.max)), isOptional: true,
        "the first frame that is not sent any more")
    package static let loop = Setting(
        "loop", Bool.self, default: false,
        "begin again at the end, without end: numbers and times go on")

    package static let spec = NodeSpec(
        "replay", "Sends what was recorded, on ports of the same names and kinds.",
        settings: [path, pace, first, end, loop], state: .saved)

    /// The kind with the ports of one recording; nil when the file cannot be read.
    package static func spec(of path: String) -> NodeSpec? {
        Recording.ports(of: path).map {
            NodeSpec(
                kind: spec.kind, summary: spec.summary, inputs: [], outputs: $0,
                settings: spec.settings, heldFrames: 0, state: spec.state)
        }
    }

    /// What is added to a message of the recording, and what the next pass adds.
    private struct Pass {
        var frames: UInt64 = 0
        /// Nanoseconds.
        var time: Int64 = 0
        /// Of what was sent in this pass: the first number and the one behind the last, and likewise when
        /// they are shown.
        var numbers: Range<UInt64>?
        var shown: Range<Int64>?

        mutating func add(_ stamp: Stamp) {
            func extended<Bound: Comparable>(
                _ range: Range<Bound>?, _ low: Bound, _ high: Bound
            ) -> Range<Bound> {
                min(range?.lowerBound ?? low, low)..<max(range?.upperBound ?? high, high)
            }
            numbers = extended(numbers, stamp.frame, stamp.frame + 1)
            shown = extended(
                shown, stamp.presentation, stamp.presentation + max(stamp.duration, 1))
        }

        /// The pass behind this one.
        var next: Pass {
            Pass(
                frames: frames + UInt64(numbers?.count ?? 0),
                time: time + (shown.map { $0.upperBound - $0.lowerBound } ?? 0))
        }
    }

    private let path: String
    private var reader: Recording.Reader
    private let isPaced, loops: Bool
    private let first: UInt64
    private let end: UInt64?
    private var pass = Pass()
    /// Messages read in all.
    private var read = 0
    /// When the first message of the pass was captured, and when it was sent again.
    private var start: (captured: Int64, now: Int64)?

    package init(settings: Settings) throws {
        path = settings[Self.path]
        reader = try Recording.Reader(path: path)
        isPaced = settings[Self.pace] == "own"
        loops = settings[Self.loop]
        first = UInt64(settings[Self.first])
        end = settings[ifSet: Self.end].map { UInt64($0) }
    }

    package mutating func process(_ inputs: Inputs, into outputs: inout Outputs) throws {
        guard let (port, message) = try next(outputs) else {
            if reader.isCutShort {
                outputs.warn("\(path) breaks off: it was not finished, and what is whole of it is sent")
            }
            return outputs.finish()
        }
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
        stamp.frame += pass.frames
        stamp.presentation += pass.time
        outputs.send(Message(message.tensor, stamp), on: port)
    }

    /// The next message that is to be sent, as it was recorded; at the end of a pass another one begins,
    /// unless nothing was in this one.
    private mutating func next(_ room: Outputs) throws -> (port: String, Message)? {
        let names = reader.headers.map(\.port)
        while true {
            let found = try reader.nextOfAny { room.memory(for: names[$0], bytes: $1) }
            guard let (index, message) = found else {
                guard loops, pass.numbers != nil else { return nil }
                (pass, start) = (pass.next, nil)
                reader = try Recording.Reader(path: path)
                continue
            }
            read += 1
            let frame = message.stamp.frame
            // Sums of these must not overflow.
            guard frame < 1 << 53, message.stamp.presentation.magnitude < 1 << 61,
                message.stamp.duration.magnitude < 1 << 61
            else { throw RecordingError("\(path) is damaged: a message has an impossible number or time") }
            guard frame >= first, end.map({ frame < $0 }) ?? true else { continue }
            pass.add(message.stamp)
            return (names[index], message)
        }
    }

    package func save() -> SavedState? { SavedState(number: read) }

    /// Reads up to where an earlier process came.
    package mutating func restore(_ state: [UInt8]) throws {
        let count = SavedState.number(state)
        while read < count, try next(Outputs()) != nil {}
    }
}
