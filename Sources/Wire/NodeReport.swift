/// What a node has done so far.
package struct NodeReport: Sendable {
    /// One input, seen by its consumer.
    package struct Input: Sendable {
        package var port: String
        package var received = 0
        package var bytes = 0
        /// Handed over by the producer until received here: the hop.
        package var hop = AgeHistogram()
        /// Captured until received here.
        package var age = AgeHistogram()
        /// Frames whose partner on another input never came.
        package var unpaired = FrameSet()
        /// Frames from another machine that were too old when they came.
        package var late = FrameSet()
    }

    /// One output edge, seen by its producer.
    package struct Output: Sendable {
        package var port: String
        package var consumer: String
        package var keep: String
        package var sent = 0
        /// Messages that wait for a credit, and credits that wait for a message.
        package var waiting = 0
        package var credits = 0
        /// How many are in `dropped`, which only the last report has.
        package var droppedCount = 0
        package var dropped = FrameSet()
        /// Frames that the consumer ended without.
        package var unwanted = FrameSet()
        /// Frames that were under way when the connection to another machine broke.
        package var lost = FrameSet()

        package init(
            port: String, consumer: String, keep: String, sent: Int = 0,
            dropped: FrameSet = FrameSet(), unwanted: FrameSet = FrameSet()
        ) {
            self.port = port
            self.consumer = consumer
            self.keep = keep
            self.sent = sent
            self.dropped = dropped
            droppedCount = dropped.count
            self.unwanted = unwanted
        }
    }

    /// A reason that the node itself gave for not passing frames on.
    package struct Dropped: Sendable, Codable {
        package var reason: String
        package var frames: FrameSet

        package init(reason: String, frames: FrameSet) {
            (self.reason, self.frames) = (reason, frames)
        }
    }

    /// One call of a node.
    package struct Tick: Sendable, Equatable {
        /// Nanoseconds of the monotonic clock.
        package var start: Int64
        package var duration: Int64
        /// The frame that it was about; nil for a tick that belongs to none.
        package var frame: UInt64?
    }

    package var ticks = 0
    /// The last few of them, oldest first.
    package var recent: [Tick] = []
    /// Frames that a source has sent, and that a sink has taken.
    package var emittedCount = 0
    package var deliveredCount = 0
    /// Which ones: only in the last report, since sets grow with every gap.
    package var emitted = FrameSet()
    package var delivered = FrameSet()
    package var expectedFrames: Int?
    /// Seconds spent loading, computing, waiting for inputs, and waiting for consumers.
    package var loading = 0.0
    package var busy = 0.0
    package var waitingForInput = 0.0
    package var waitingForOutput = 0.0
    /// How long each tick took, what it waited for left out.
    package var work = AgeHistogram()
    /// Capture until this node had handled the frame.
    package var age = AgeHistogram()
    package var inputs: [Input] = []
    package var outputs: [Output] = []
    package var dropped: [Dropped] = []
    /// Most memory that the process had at once, in bytes.
    package var peakMemory = 0
    /// Connections from elsewhere that were turned away: their keys were not this run's.
    package var strangers = 0

    package init() {}

    /// The same without sets of frames: what a few reports a second can afford.
    var brief: NodeReport {
        var brief = NodeReport()
        (brief.ticks, brief.expectedFrames) = (ticks, expectedFrames)
        (brief.emittedCount, brief.deliveredCount) = (emittedCount, deliveredCount)
        (brief.loading, brief.busy) = (loading, busy)
        (brief.waitingForInput, brief.waitingForOutput) = (waitingForInput, waitingForOutput)
        (brief.work, brief.age, brief.recent) = (work, age, recent)
        return brief
    }

    /// So many ticks of a node that is called a thousand times a second reach back to the last report.
    private static let recentTicks = 256

    /// Remembers a call for whoever traces the run.
    mutating func remember(_ tick: Tick) {
        recent.append(tick)
        if recent.count > Self.recentTicks { recent.removeFirst() }
    }

    mutating func emit(_ frame: UInt64) {
        if emitted.insert(frame) { emittedCount += 1 }
    }

    mutating func deliver(_ frame: UInt64) {
        if delivered.insert(frame) { deliveredCount += 1 }
    }

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
