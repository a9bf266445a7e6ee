import NodeKit

/// What a node has done so far.
package struct NodeReport: Sendable {
    /// One input, seen by its consumer.
    package struct Input: Sendable {
        package var port: String
        package var pace: Pace
        package var received = 0
        package var bytes = 0
        /// Handed over by the producer until received here: the hop.
        package var hop = AgeHistogram()
        /// Captured until received here.
        package var age = AgeHistogram()
        /// Frames that came, earlier processes of the node included; nil where the input takes no
        /// frames, or its node does not say.
        package var arrived: FrameSet?
        package var drops = Drops()

        package init(port: String, pace: Pace = .frame) { (self.port, self.pace) = (port, pace) }
    }

    /// One output edge, seen by its producer.
    package struct Output: Sendable {
        package var port: String
        package var consumer: String
        /// The consumer's port, and which change of the running graph made the edge.
        package var consumerPort: String
        package var edition: Int
        package var keep: String
        /// The first frame that goes this way, and the first that does not any more.
        package var since: UInt64?
        package var until: UInt64?
        package var sent = 0
        /// Messages that wait for a credit, and credits that wait for a message.
        package var waiting = 0
        package var credits = 0
        /// How many messages were dropped here.
        package var droppedCount = 0
        /// Which ones: only in the last report.
        package var drops = Drops()
        /// Whether it ended before the process began that reports it: only its name and its drops are known.
        package var isPast = false

        package init(
            port: String, consumer: String, consumerPort: String = "", edition: Int = 0,
            keep: String, sent: Int = 0, drops: Drops = Drops()
        ) {
            (self.port, self.consumer, self.keep) = (port, consumer, keep)
            (self.consumerPort, self.edition) = (consumerPort, edition)
            (self.sent, self.drops) = (sent, drops)
        }

        init(_ output: NodeConfiguration.Output, sent: Int = 0) {
            self.init(
                port: output.port, consumer: output.consumer, consumerPort: output.consumerPort,
                edition: output.edition, keep: output.keep.rawValue, sent: sent)
            (since, until) = (output.since, output.until)
        }

        /// An edge that has ended, by its name (``NodeConfiguration/Output/name``).
        init?(name: String, drops: Drops) {
            let parts = name.split { ">.~".contains($0) }.map(String.init)
            guard parts.count >= 3 else { return nil }
            self.init(
                port: parts[0], consumer: parts[1], consumerPort: parts[2],
                edition: parts.count > 3 ? Int(parts[3]) ?? 0 : 0, keep: Keep.newest.rawValue,
                drops: drops)
            isPast = true
        }

        /// Whether it is the same edge: two nodes may have several. A plugin may not say which port.
        func isSame(as other: Output) -> Bool {
            port == other.port && consumer == other.consumer
                && (consumerPort == other.consumerPort && edition == other.edition
                    && (since == other.since || isPast || other.isPast)
                    || consumerPort.isEmpty || other.consumerPort.isEmpty)
        }
    }

    /// A reason that the node itself gave for not passing frames on.
    package struct Dropped: Sendable, Codable {
        package var reason: String
        /// The output that was given nothing while another one was; nil where a frame ended in the node.
        package var port: String?
        package var frames: FrameSet

        package init(reason: String, port: String? = nil, frames: FrameSet) {
            (self.reason, self.port, self.frames) = (reason, port, frames)
        }

        func isSame(as other: Dropped) -> Bool { reason == other.reason && port == other.port }
    }

    /// One call of a node.
    package struct Tick: Sendable, Equatable {
        /// Nanoseconds of the monotonic clock.
        package var start: Int64
        package var duration: Int64
        /// The frame that it was about; nil for a tick that belongs to none.
        package var frame: UInt64?
    }

    /// What the node says of itself, in words: `connecting to rtmp://host/…, third try, in 4 s`.
    package var state: String?
    /// Figures that the node names itself, with their unit at the end: `av_offset_ms`.
    package var figures: [String: Double] = [:]
    package var ticks = 0
    /// The last few of them, oldest first.
    package var recent: [Tick] = []
    /// Frames that a source has sent, and that a sink has taken.
    package var emittedCount = 0
    package var deliveredCount = 0
    /// Frames that a sink took when they were older than the latency budget.
    package var lateCount = 0
    /// Whether it numbers what it sends anew: what comes ends there, and another stream begins.
    package var beginsStream = false
    /// A source's epoch: it grows when the source begins anew, and with a flush.
    package var epoch: UInt32 = 0
    /// Which frames left the node, and which a sink took: only in the last report, since sets grow with
    /// every gap.
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
    package var refusedPeers = 0

    package init() {}

    /// Frames that ended in the node, whichever output they were for.
    package var ended: [Dropped] { dropped.filter { $0.port == nil } }

    /// The same without sets of frames: what a few reports a second can afford.
    var brief: NodeReport {
        var brief = NodeReport()
        (brief.state, brief.figures) = (state, figures)
        (brief.ticks, brief.expectedFrames) = (ticks, expectedFrames)
        (brief.emittedCount, brief.deliveredCount) = (emittedCount, deliveredCount)
        (brief.lateCount, brief.epoch) = (lateCount, epoch)
        brief.beginsStream = beginsStream
        (brief.loading, brief.busy) = (loading, busy)
        (brief.waitingForInput, brief.waitingForOutput) = (waitingForInput, waitingForOutput)
        (brief.work, brief.age, brief.recent) = (work, age, recent)
        return brief
    }

    /// All figures, without sets of frames.
    package var withoutSets: NodeReport {
        var report = self
        (report.emitted, report.delivered) = (FrameSet(), FrameSet())
        for index in inputs.indices {
            (report.inputs[index].arrived, report.inputs[index].drops) = (nil, Drops())
        }
        for index in outputs.indices { report.outputs[index].drops = Drops() }
        return report
    }

    /// So many ticks of a node that is called a thousand times a second reach back to the last report.
    private static let recentTicks = 256

    /// Remembers a call, for a trace of the run.
    mutating func remember(_ tick: Tick) {
        recent.append(tick)
        if recent.count > Self.recentTicks { recent.removeFirst() }
    }

    mutating func emit(_ frame: UInt64) {
        if emitted.insert(frame) { emittedCount += 1 }
    }

    mutating func deliver(_ frame: UInt64, isLate: Bool) {
        guard delivered.insert(frame) else { return }
        deliveredCount += 1
        if isLate { lateCount += 1 }
    }

    /// A sink that took frames could not pass them on after all.
    mutating func takeBack(_ frames: [UInt64]) {
        guard !delivered.isEmpty, !frames.isEmpty else { return }
        var back = FrameSet()
        for frame in frames { back.insert(frame) }
        delivered = delivered.subtracting(back)
        deliveredCount = delivered.count
    }

    /// So many reasons are told apart: one that names the frame would be another one each time.
    private static let mostReasons = 32
    private static let otherReasons = "for other reasons"

    mutating func drop(_ frame: UInt64, because reason: String) {
        let isKnown = dropped.contains { $0.reason == reason }
        let reason = isKnown || dropped.count < Self.mostReasons ? reason : Self.otherReasons
        add(frame, to: Dropped(reason: reason, frames: FrameSet()))
    }

    /// A frame for which an output was given nothing, while another one was.
    mutating func leaveOut(_ frame: UInt64, on port: String) {
        add(
            frame,
            to: Dropped(reason: "it gave no '\(port)' for them", port: port, frames: FrameSet()))
    }

    private mutating func add(_ frame: UInt64, to drop: Dropped) {
        let index = dropped.firstIndex(where: drop.isSame) ?? dropped.count
        if index == dropped.count { dropped.append(drop) }
        dropped[index].frames.insert(frame)
    }
}
