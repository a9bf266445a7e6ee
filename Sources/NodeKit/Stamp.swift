/// When a frame was taken, when it is to be shown, and which one it is.
///
/// What a node makes from a frame carries that frame's stamp on: the number lets inputs that took
/// different ways meet again, the times make ages and true timestamps.
public struct Stamp: Sendable, Hashable, Codable {
    /// Number of the frame at its source, from 0, without gaps.
    public var frame: UInt64
    /// When the source got hold of it: nanoseconds of the source machine's monotonic clock.
    public var captured: Int64
    /// When it is to be shown: nanoseconds from the start of the stream. May be negative.
    public var presentation: Int64
    /// How long it is to be shown, nanoseconds; 0 when nobody knows.
    public var duration: Int64
    /// Which stretch of its stream the frame is of: it grows when the source begins anew, and with a flush.
    public var epoch: UInt32

    /// A stamp from its parts.
    public init(
        frame: UInt64, captured: Int64, presentation: Int64, duration: Int64 = 0, epoch: UInt32 = 0
    ) {
        self.frame = frame
        self.captured = captured
        self.presentation = presentation
        self.duration = duration
        self.epoch = epoch
    }
}
