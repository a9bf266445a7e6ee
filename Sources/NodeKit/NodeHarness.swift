import Tensors

/// Runs a node in the calling thread, without sockets or processes: how nodes are tested.
///
///     var harness = try NodeHarness(TinyDecoderNode.self, settings)
///     try harness.tick([.init(TinyDecoderNode.latent, latent)])
///     let frame = try #require(harness.received(TinyDecoderNode.frame).first)
public struct NodeHarness<Subject: Node> {
    /// One tensor for one port of a tick.
    public struct Feed {
        let port: String
        let tensor: AnyTensor

        /// A tensor for a port.
        public init<Element>(_ port: Port<Element>, _ tensor: Tensor<Element>) {
            self.port = port.name
            self.tensor = AnyTensor(tensor)
        }
    }

    /// The node under test.
    public private(set) var node: Subject
    /// Everything that was sent, in order.
    public private(set) var sent: [(port: String, message: Message)] = []
    /// Frames dropped by the node, with the reason.
    public private(set) var dropped: [(stamp: Stamp, reason: String)] = []
    /// What the node wanted a person to read.
    public private(set) var warnings: [String] = []
    /// Whether a source said that it has ended.
    public private(set) var isFinished = false
    private var kept: [String: Message] = [:]
    private var nextFrame: UInt64 = 0

    /// Makes the node as a host would.
    public init(_: Subject.Type, _ settings: Settings = Settings()) throws {
        node = try Subject(settings: settings)
    }

    /// Goes on with a node that was made, and perhaps restored, elsewhere.
    public init(resuming node: Subject) throws { self.node = node }

    /// Runs one tick; inputs whose pace is `last` stay for later ticks.
    ///
    /// Without a stamp, frames are numbered from 0 and shown 40 ms each.
    public mutating func tick(_ feeds: [Feed] = [], stamp: Stamp? = nil) throws {
        let stamp =
            stamp
            ?? Stamp(
                frame: nextFrame, captured: 0, presentation: Int64(nextFrame) * 40_000_000,
                duration: 40_000_000)
        var messages = kept
        for feed in feeds {
            let message = Message(feed.tensor, stamp)
            messages[feed.port] = message
            let pace = Subject.spec.inputs.first { $0.name == feed.port }?.pace
            if pace == .last { kept[feed.port] = message }
        }
        nextFrame = stamp.frame + 1
        var outputs = Outputs(stamp: feeds.isEmpty ? nil : stamp)
        try node.process(Inputs(stamp: stamp, messages: messages), into: &outputs)
        take(outputs)
    }

    /// Changes live settings, as `personalive set` does between two ticks.
    public mutating func update(_ settings: Settings) { node.update(settings: settings) }

    /// Ends the stream.
    public mutating func finish() throws {
        var outputs = Outputs()
        try node.finish(into: &outputs)
        take(outputs)
    }

    /// Everything sent on a port so far.
    public func received<Element>(_ port: Port<Element>) -> [Tensor<Element>] {
        sent.filter { $0.port == port.name }.compactMap { $0.message.tensor.typed() }
    }

    /// The stamps of everything sent on a port so far.
    public func stamps<Element>(_ port: Port<Element>) -> [Stamp] {
        sent.filter { $0.port == port.name }.map(\.message.stamp)
    }

    private mutating func take(_ outputs: Outputs) {
        sent += outputs.sent
        dropped += outputs.dropped
        warnings += outputs.warnings
        isFinished = isFinished || outputs.isFinished
    }
}
