import NodeKit

/// Reports come from any program: every member may be missing, and what is there is brought
/// within bounds, so that no arithmetic on it can overflow.
extension NodeReport: Codable {
    /// Characters of a state, and figures of a node, that are read.
    private static let longestState = 400, mostFigures = 16

    private enum Key: String, CodingKey {
        case state, figures, ticks, recent, emitted, delivered, work, age, inputs, outputs, dropped, epoch
        case emittedCount = "emitted_count"
        case deliveredCount = "delivered_count"
        case lateCount = "late_count"
        case expectedFrames = "expected_frames"
        case loading = "load_s"
        case busy = "busy_s"
        case waitingForInput = "waiting_for_input_s"
        case waitingForOutput = "waiting_for_output_s"
        case peakMemory = "peak_memory_bytes"
        case refusedPeers = "turned_away"
        case beginsStream = "begins_stream"
    }

    package func encode(to encoder: any Encoder) throws {
        var object = encoder.container(keyedBy: Key.self)
        try object.encodeIfPresent(state, forKey: .state)
        if !figures.isEmpty { try object.encode(figures, forKey: .figures) }
        try object.encode(ticks, forKey: .ticks)
        if !recent.isEmpty { try object.encode(recent, forKey: .recent) }
        try object.encode(emittedCount, forKey: .emittedCount)
        try object.encode(deliveredCount, forKey: .deliveredCount)
        if lateCount > 0 { try object.encode(lateCount, forKey: .lateCount) }
        if epoch > 0 { try object.encode(epoch, forKey: .epoch) }
        if beginsStream { try object.encode(true, forKey: .beginsStream) }
        try object.encode(emitted, forKey: .emitted)
        try object.encode(delivered, forKey: .delivered)
        try object.encodeIfPresent(expectedFrames, forKey: .expectedFrames)
        try object.encode(loading, forKey: .loading)
        try object.encode(busy, forKey: .busy)
        try object.encode(waitingForInput, forKey: .waitingForInput)
        try object.encode(waitingForOutput, forKey: .waitingForOutput)
        try object.encode(work, forKey: .work)
        try object.encode(age, forKey: .age)
        try object.encode(inputs, forKey: .inputs)
        try object.encode(outputs, forKey: .outputs)
        try object.encode(dropped, forKey: .dropped)
        try object.encode(peakMemory, forKey: .peakMemory)
        if refusedPeers > 0 { try object.encode(refusedPeers, forKey: .refusedPeers) }
    }

    package init(from decoder: any Decoder) throws {
        let object = try decoder.container(keyedBy: Key.self)
        self.init()
        let words = try object.decodeIfPresent(String.self, forKey: .state)
        state = words.map { String($0.prefix(Self.longestState)) }
        let named = try object.decodeIfPresent([String: Double].self, forKey: .figures) ?? [:]
        for (name, value) in named.sorted(by: { $0.key < $1.key }).prefix(Self.mostFigures) {
            if value.isFinite { figures[String(name.prefix(64))] = value }
        }
        ticks = try object.count(.ticks)
        recent = try object.decodeIfPresent([Tick].self, forKey: .recent) ?? []
        emitted = try object.decodeIfPresent(FrameSet.self, forKey: .emitted) ?? emitted
        delivered = try object.decodeIfPresent(FrameSet.self, forKey: .delivered) ?? delivered
        emittedCount = max(try object.count(.emittedCount), emitted.count)
        deliveredCount = max(try object.count(.deliveredCount), delivered.count)
        lateCount = try object.count(.lateCount)
        epoch = min(try object.decodeIfPresent(UInt32.self, forKey: .epoch) ?? 0, 1 << 30)
        beginsStream = try object.decodeIfPresent(Bool.self, forKey: .beginsStream) ?? false
        if object.contains(.expectedFrames) { expectedFrames = try object.count(.expectedFrames) }
        loading = try object.seconds(.loading)
        busy = try object.seconds(.busy)
        waitingForInput = try object.seconds(.waitingForInput)
        waitingForOutput = try object.seconds(.waitingForOutput)
        work = try object.decodeIfPresent(AgeHistogram.self, forKey: .work) ?? work
        age = try object.decodeIfPresent(AgeHistogram.self, forKey: .age) ?? age
        inputs = try object.decodeIfPresent([Input].self, forKey: .inputs) ?? []
        outputs = try object.decodeIfPresent([Output].self, forKey: .outputs) ?? []
        dropped = try object.decodeIfPresent([Dropped].self, forKey: .dropped) ?? []
        peakMemory = try object.count(.peakMemory)
        refusedPeers = try object.count(.refusedPeers)
    }
}

extension NodeReport.Input: Codable {
    private enum Key: String, CodingKey {
        case port, pace, received, bytes, hop, age, arrived
    }

    package func encode(to encoder: any Encoder) throws {
        var object = encoder.container(keyedBy: Key.self)
        try object.encode(port, forKey: .port)
        if pace != .frame { try object.encode(pace.rawValue, forKey: .pace) }
        try object.encode(received, forKey: .received)
        try object.encode(bytes, forKey: .bytes)
        try object.encode(hop, forKey: .hop)
        try object.encode(age, forKey: .age)
        try object.encodeIfPresent(arrived, forKey: .arrived)
        try drops.encode(to: encoder)
    }

    package init(from decoder: any Decoder) throws {
        let object = try decoder.container(keyedBy: Key.self)
        self.init(port: try object.decode(String.self, forKey: .port))
        pace = (try object.decodeIfPresent(String.self, forKey: .pace)).flatMap(Pace.init) ?? .frame
        received = try object.count(.received)
        bytes = try object.count(.bytes)
        hop = try object.decodeIfPresent(AgeHistogram.self, forKey: .hop) ?? hop
        age = try object.decodeIfPresent(AgeHistogram.self, forKey: .age) ?? age
        arrived = try object.decodeIfPresent(FrameSet.self, forKey: .arrived)
        drops = try Drops(from: decoder)
    }
}

extension NodeReport.Output: Codable {
    private enum Key: String, CodingKey {
        case port, to, input, edition, keep, since, until, sent, waiting, credits, past
        case droppedCount = "dropped_count"
    }

    package func encode(to encoder: any Encoder) throws {
        var object = encoder.container(keyedBy: Key.self)
        try object.encode(port, forKey: .port)
        try object.encode(consumer, forKey: .to)
        if !consumerPort.isEmpty { try object.encode(consumerPort, forKey: .input) }
        if edition != 0 { try object.encode(edition, forKey: .edition) }
        try object.encode(keep, forKey: .keep)
        try object.encodeIfPresent(since, forKey: .since)
        try object.encodeIfPresent(until, forKey: .until)
        try object.encode(sent, forKey: .sent)
        try object.encode(waiting, forKey: .waiting)
        try object.encode(credits, forKey: .credits)
        try object.encode(droppedCount, forKey: .droppedCount)
        if isPast { try object.encode(true, forKey: .past) }
        try drops.encode(to: encoder)
    }

    package init(from decoder: any Decoder) throws {
        let object = try decoder.container(keyedBy: Key.self)
        self.init(
            port: try object.decode(String.self, forKey: .port),
            consumer: try object.decode(String.self, forKey: .to),
            consumerPort: try object.decodeIfPresent(String.self, forKey: .input) ?? "",
            edition: try object.count(.edition), keep: try object.decode(String.self, forKey: .keep),
            sent: try object.count(.sent), drops: try Drops(from: decoder))
        since = try object.decodeIfPresent(UInt64.self, forKey: .since)
        until = try object.decodeIfPresent(UInt64.self, forKey: .until)
        isPast = try object.decodeIfPresent(Bool.self, forKey: .past) ?? false
        waiting = try object.count(.waiting)
        credits = try object.count(.credits)
        droppedCount = object.contains(.droppedCount)
            ? try object.count(.droppedCount) : drops[.superseded].count
    }
}

/// As JSON: `[start, duration, frame]`, the frame left out when there is none.
extension NodeReport.Tick: Codable {
    package func encode(to encoder: any Encoder) throws {
        var array = encoder.unkeyedContainer()
        try array.encode(start)
        try array.encode(duration)
        if let frame { try array.encode(frame) }
    }

    package init(from decoder: any Decoder) throws {
        var array = try decoder.unkeyedContainer()
        let bounds: ClosedRange<Int64> = 0...1 << 62
        let (start, duration) = (try array.decode(Int64.self), try array.decode(Int64.self))
        guard bounds.contains(start), bounds.contains(duration) else {
            throw DecodingError.dataCorruptedError(
                in: array, debugDescription: "a tick is [start, duration, frame] in nanoseconds")
        }
        (self.start, self.duration) = (start, duration)
        frame = array.isAtEnd ? nil : try array.decode(UInt64.self)
    }
}

extension KeyedDecodingContainer {
    /// A number of things: 0 when it is missing, never negative, at most 2⁴⁰.
    fileprivate func count(_ key: Key) throws -> Int {
        min(max(try decodeIfPresent(Int.self, forKey: key) ?? 0, 0), 1 << 40)
    }

    /// A time: 0 when it is missing, never negative, at most thirty years.
    fileprivate func seconds(_ key: Key) throws -> Double {
        min(max(try decodeIfPresent(Double.self, forKey: key) ?? 0, 0), 1e9)
    }
}
