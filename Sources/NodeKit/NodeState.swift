/// What a node remembers from one tick to the next.
public enum NodeState: String, Sendable, Codable, CaseIterable {
    /// Nothing: what a tick sends follows from its inputs and the settings alone. What a source of
    /// this kind sends follows from how often it was called.
    case none
    /// What ``Node/save()`` gives and ``Node/restore(_:)`` takes.
    case saved
    /// Nobody has said: should the process end, what it knew is lost.
    case unknown
}

/// What a node remembers, in bytes of its own choice.
public struct SavedState: Sendable {
    /// What ``Node/restore(_:)`` will get.
    public var bytes: [UInt8]
    /// How many of the newest ticks are not in it; only a node without outputs may have any.
    public var missingTicks: Int

    /// A state after all ticks but the last few.
    public init(_ bytes: [UInt8], missingTicks: Int = 0) {
        self.bytes = bytes
        self.missingTicks = missingTicks
    }
}
