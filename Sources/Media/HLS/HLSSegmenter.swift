import Marks

/// Cuts the packets of a live stream into the parts and segments of HTTP Live Streaming.
///
/// A part is done as soon as it is long enough: it does not wait for the next picture. A segment ends at the
/// first key picture after its time, and without one when players would no longer allow it to go on. It
/// belongs to one thread.
package final class HLSSegmenter {
    package struct Options: Sendable {
        /// Nanoseconds of a part.
        package var part: Int64 = 200_000_000
        /// Nanoseconds of a segment, at least.
        package var segment: Int64 = 2_000_000_000

        package init() {}

        /// Nanoseconds that a part lasts at most. Pictures come at times of their own, so a part of five
        /// may last somewhat longer; and none but a segment's last may be shorter than 85 % of this.
        package var partTarget: Int64 { part * 11 / 10 }
    }

    /// What becomes of packets.
    package enum Step: Equatable, Sendable {
        /// A segment begins. `header` is what a player needs before it, if that changed; `isBreak`, whether
        /// its times do not follow those before; `captured`, when its first picture was, nanoseconds of the
        /// monotonic clock.
        case begin(captured: Int64, header: [UInt8]?, isBreak: Bool)
        case part(HLSPlaylist.Part)
        case endSegment
    }

    /// How the stream's pictures were made, as the last header's first packet says; nil where they have no
    /// label.
    package private(set) var kind: WatermarkPayload.Kind?
    private let options: Options
    private var muxer: FragmentMuxer?
    /// Where the packet after the last one belongs.
    private var next: (stream: UInt32, sequence: UInt64)?
    private var needsKey = true
    /// Packets that wait until it is known how the sound is coded.
    private var early: [(packet: FilmPacket, captured: Int64)] = []
    private var sound: AudioFormat?
    private var wasBroken = false
    /// Times of the packets' time line: of the segment and the part that are open, and where the last picture
    /// ends.
    private var segmentBegin: Int64?
    private var part: (begin: Int64, isIndependent: Bool)?
    private var end: Int64?
    /// When the last picture is shown, on the same time line.
    private var last: Int64?

    /// Frames that went into no part so far, as they could not be decoded.
    package private(set) var lost = 0

    /// A picture that comes so much later than the one before it ends breaks the time line: players jump over
    /// such a place, and would wait at it otherwise.
    private static let largestGap: Int64 = 500_000_000
    /// Sound that belongs to the stream and has not come by then is left out.
    private static let soundPatience: Int64 = 2_000_000_000

    package init(_ options: Options = Options()) { self.options = options }

    /// Adds a packet.
    ///
    /// - Parameter captured: when its picture was, nanoseconds of the monotonic clock.
    package func add(_ packet: FilmPacket, captured: Int64) throws(MediaError) -> [Step] {
        if let next, next != (packet.stream, packet.sequence) { needsKey = true }
        next = (packet.stream, packet.sequence &+ 1)
        guard packet.isKey || !needsKey else {
            lost += 1
            return []
        }
        needsKey = false
        if let format = packet.sounds.last?.format { sound = format }
        early.append((packet, captured))
        guard muxer != nil || knowsSound else { return [] }
        defer { early = [] }
        var steps: [Step] = []
        for item in early { steps += try place(item.packet, item.captured) }
        return steps
    }

    /// Ends what is open.
    package func finish() throws(MediaError) -> [Step] { try endSegment() }

    /// Whether how the sound is coded is known, or it is not waited for any longer.
    private var knowsSound: Bool {
        guard let first = early.first?.packet, let last = early.last?.packet else { return false }
        return sound != nil || !first.flags.contains(.hasSound)
            || (last.presentation - first.presentation).magnitude >= UInt64(Self.soundPatience)
    }

    private func place(_ packet: FilmPacket, _ captured: Int64) throws(MediaError) -> [Step] {
        var steps: [Step] = []
        let time = packet.presentation
        let isGap = end.map { (time - $0).magnitude > UInt64(Self.largestGap) } ?? false
        // A muxer's times only grow: an encoder that begins at 0 again needs another one.
        let isBack = packet.isKey && last.map { time <= $0 } ?? false
        let isOther = muxer.map { isBack || !$0.takes(packet) } ?? false
        if isGap || isOther || isDue(packet) { steps += try endSegment() }
        if isGap || isOther { wasBroken = true }
        var header: [UInt8]?
        if isOther || muxer == nil {
            let new = try FragmentMuxer(
                first: packet, sound: packet.flags.contains(.hasSound) ? sound : nil)
            (muxer, header) = (new, new.header)
            let isComposite = packet.flags.contains(.composite)
            kind = packet.flags.contains(.labelled) ? isComposite ? .composite : .synthetic : nil
        }
        if segmentBegin == nil {
            segmentBegin = time
            steps.append(.begin(captured: captured, header: header, isBreak: wasBroken))
            wasBroken = false
        }
        if let part, time + packet.duration - part.begin > options.partTarget {
            steps += try endPart()
        }
        if part == nil { part = (time, packet.isKey) }
        try muxer!.write(packet)
        (end, last) = (time + packet.duration, time)
        // Half a picture early rather than half a picture late.
        if end! - part!.begin >= options.part - packet.duration / 2 { steps += try endPart() }
        return steps
    }

    /// Whether a packet is to begin another segment.
    private func isDue(_ packet: FilmPacket) -> Bool {
        guard let segmentBegin else { return false }
        let elapsed = packet.presentation - segmentBegin
        if packet.isKey, elapsed >= options.segment - packet.duration / 2 { return true }
        // Rounded, a segment may not last longer than the whole seconds that were announced.
        let target = (options.segment + 999_999_999) / 1_000_000_000 * 1_000_000_000
        return elapsed + packet.duration > target + 450_000_000
    }

    private func endPart() throws(MediaError) -> [Step] {
        guard let part, let end, let muxer else { return [] }
        self.part = nil
        return [
            .part(
                HLSPlaylist.Part(
                    bytes: try muxer.takeFragment(), duration: end - part.begin,
                    isIndependent: part.isIndependent))
        ]
    }

    private func endSegment() throws(MediaError) -> [Step] {
        guard segmentBegin != nil else { return [] }
        segmentBegin = nil
        return try endPart() + [.endSegment]
    }
}
