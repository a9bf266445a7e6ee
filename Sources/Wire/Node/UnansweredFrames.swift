/// Frames that a node has taken, and for which nothing has come yet.
///
/// A node that keeps frames to itself, as a window of several, sends them later; of any other a frame for
/// which a tick gives nothing ends there.
struct UnansweredFrames {
    static let reason = "it gave nothing for them"

    private let holdsFrames: Bool
    private var waiting: Set<UInt64> = []

    init(holdsFrames: Bool) { self.holdsFrames = holdsFrames }

    /// One call of the node.
    ///
    /// - Parameters:
    ///   - frame: what it was called for; nil at the end.
    ///   - answered: frames that it sent on, or dropped with a reason of its own.
    /// - Returns: frames that have ended here.
    mutating func tick(_ frame: UInt64?, answered: some Sequence<UInt64>) -> [UInt64] {
        if let frame { waiting.insert(frame) }
        waiting.subtract(answered)
        guard frame == nil || !holdsFrames else { return [] }
        defer { waiting = [] }
        return waiting.sorted()
    }
}
