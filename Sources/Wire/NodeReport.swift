/// What a node has done so far.
package struct NodeReport: Sendable, Codable {
    /// One input, seen by its consumer.
    package struct Input: Sendable, Codable {
        package var port: String
        package var received = 0
        package var bytes = 0
        /// Handed over by the producer until received here: the hop.
        package var hop = AgeHistogram()
        /// Frames whose partner on another input never came.
        package var unpaired = FrameSet()
    }

    /// One output edge, seen by its producer.
    package struct Output: Sendable, Codable {
        package var port: String
        package var consumer: String
        package var keep: String
        package var sent = 0
        package var dropped = FrameSet()

        package init(
            port: String, consumer: String, keep: String, sent: Int = 0,
            dropped: FrameSet = FrameSet()
        ) {
            self.port = port
            self.consumer = consumer
            self.keep = keep
            self.sent = sent
            self.dropped = dropped
        }
    }

    /// A reason that the node itself gave for not passing frames on.
    package struct Dropped: Sendable, Codable {
        package var reason: String
        package var frames: FrameSet
    }

    package var ticks = 0
    /// Frames that a source has sent.
    package var emitted = FrameSet()
    /// Frames that a sink has taken.
    package var delivered = FrameSet()
    package var expectedFrames: Int?
    /// Seconds spent loading, computing, waiting for inputs, and waiting for consumers.
    package var loading = 0.0
    package var busy = 0.0
    package var waitingForInput = 0.0
    package var waitingForOutput = 0.0
    /// Capture until this node had handled the frame.
    package var age = AgeHistogram()
    package var inputs: [Input] = []
    package var outputs: [Output] = []
    package var dropped: [Dropped] = []
    /// Most memory that the process had at once, in bytes.
    package var peakMemory = 0

    package init() {}

    mutating func drop(_ frame: UInt64, because reason: String) {
        if let index = dropped.firstIndex(where: { $0.reason == reason }) {
            dropped[index].frames.insert(frame)
        } else {
            var frames = FrameSet()
            frames.insert(frame)
            dropped.append(Dropped(reason: reason, frames: frames))
        }
    }
}
