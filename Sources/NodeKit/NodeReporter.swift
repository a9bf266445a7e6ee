import Synchronization

/// What a node says of itself while it runs: its state in words, and figures of its own.
///
/// A node gets it with its settings, may keep it, and may use it from any thread. `personalive status` and
/// `top` show the state; figures are in the run's status and metrics as well.
public final class NodeReporter: Sendable {
    private struct Contents {
        var describe: (@Sendable () -> String)?
        var figures: [String: Double] = [:]
    }

    private let contents = Mutex(Contents())

    /// A reporter that nobody asks yet.
    public init() {}

    /// Says what the node does now: `sending to rtmp://host/…`.
    public func describe(_ text: String) { describe { text } }

    /// Says how to find out what the node does; called a few times a second, from another thread.
    public func describe(_ words: @escaping @Sendable () -> String) {
        contents.withLock { $0.describe = words }
    }

    /// Sets a figure; its name ends with its unit: `av_offset_ms`. It has no value while that is not finite,
    /// which JSON cannot say.
    public func set(_ figure: String, to value: Double) {
        contents.withLock { $0.figures[figure] = value.isFinite ? value : nil }
    }

    /// The state as it is now; nil where the node says nothing.
    public var state: String? { contents.withLock { $0.describe }?() }
    /// All figures by name.
    public var figures: [String: Double] { contents.withLock { $0.figures } }
}
