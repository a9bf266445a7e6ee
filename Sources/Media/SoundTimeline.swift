/// Brings packets of sound onto the time line of pictures, by when both were captured, and holds each
/// until the picture of its time is there.
///
/// A source counts its sound from its own start, and what it says of the capture of a packet is some
/// milliseconds wrong, while samples have to follow each other without gaps. So times are the source's
/// own, moved by one number; that is found at the first packet, and anew when it is ``tolerance`` wrong on
/// average. Pure.
package struct SoundTimeline {
    /// One packet of sound, and when it was captured, as the time line has it.
    package struct Item: Equatable, Sendable {
        package var packet: AudioPacket
        /// When its first sample was captured, nanoseconds of the monotonic clock.
        package var captured: Int64
    }

    /// The largest error that is left alone, nanoseconds. People notice sound that is 45 ms early, or 125 ms
    /// late (ITU-R BT.1359-1).
    package static let tolerance: Int64 = 40_000_000
    /// Sound that waits for a picture is held for so long, nanoseconds.
    package static let longestHold: Int64 = 10_000_000_000
    /// How many packets the average is over: a third of a second of AAC.
    private static let smoothing: Int64 = 16

    private var held: [Item] = []
    /// Capture less the source's own time; nil before the first packet.
    private var shift: Int64?
    /// How far that is off, on average: positive where sound was captured later than it is said to be.
    package private(set) var error: Int64 = 0
    /// How often it was found anew, and how many packets came to no picture.
    package private(set) var jumps = 0
    package private(set) var droppedCount = 0

    package init() {}

    package var isEmpty: Bool { held.isEmpty }

    /// Takes a packet in.
    ///
    /// - Parameter captured: when its source got hold of it.
    package mutating func add(_ packet: AudioPacket, captured: Int64) {
        let own = packet.presentationNanoseconds
        if shift == nil { shift = captured - own }
        error += (captured - own - shift! - error) / Self.smoothing
        if error.magnitude > Self.tolerance {
            (shift, error, jumps) = (captured - own, 0, jumps + 1)
        }
        held.append(Item(packet: packet, captured: own + shift!))
        // A source's clock may have been set back, so what is held need not be in order.
        let (last, count) = (held.last!.captured, held.count)
        held.removeAll { ($0.captured - last).magnitude > Self.longestHold }
        droppedCount += count - held.count
    }

    /// The packets that were captured at some time or before.
    package mutating func take(until captured: Int64) -> [Item] {
        let due = held.filter { $0.captured <= captured }
        held.removeAll { $0.captured <= captured }
        return due
    }
}
