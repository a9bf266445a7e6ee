import CFFmpeg

/// The sound of a live stream: AAC is handed on as it is, all else is coded as AAC, and each packet waits
/// for the picture of its time.
///
/// A stream's receivers are told once how its sound is coded, so what comes later (another film, another
/// browser) is brought into that form. While no sound comes, silence stands for it: some services refuse a
/// stream without sound, and an output that has begun without cannot take any.
package final class LiveSound {
    private let name: String
    private var track: SoundTrack?
    private var timeline = SoundTimeline()
    /// How the stream's sound is coded; nil before the first packet.
    private var format: AudioFormat?
    /// How the source's sound is coded, where its next packet has to begin, and how much later its last one was
    /// captured than its own time says.
    private var source: (format: AudioFormat, next: Int64, shift: Int64)?
    /// When sound came last, or was first waited for, and where what came ends; both nanoseconds of the
    /// monotonic clock.
    private var heard: Int64?
    private var end: Int64?
    /// Whether silence goes out.
    private var isSilent = false
    /// The sound that is left out, as it can neither be copied nor decoded.
    private var leftOut: AudioFormat?
    private var warnings: [String] = []

    /// A source's times may be so far from the sum of its packets, nanoseconds. An encoder counts samples,
    /// so all sound after a gap would come out that much too early.
    private static let largestGap: Int64 = 30_000_000
    /// Silence begins when no sound came for so long, and is made in such pieces; nanoseconds.
    private static let patience: Int64 = 1_000_000_000, piece: Int64 = 20_000_000
    /// Samples a second of silence.
    private static let silenceRate = 48_000

    /// - Parameter name: of the node, for errors.
    package init(name: String) { self.name = name }

    package func takeWarnings() -> [String] {
        defer { warnings = [] }
        return warnings
    }

    package var isEmpty: Bool { timeline.isEmpty }

    /// Takes a packet in. Sound that can neither be copied nor decoded is left out, with a warning.
    ///
    /// - Parameter captured: when its source got hold of its first sample, nanoseconds.
    package func add(_ packet: AudioPacket, captured: Int64) throws(MediaError) {
        guard packet.format != leftOut else { return }
        heard = MonotonicClock.now
        isSilent = false
        end = captured + packet.durationNanoseconds
        try take(packet, captured: captured)
    }

    private func take(_ packet: AudioPacket, captured: Int64) throws(MediaError) {
        if follows(packet) == false {
            for coded in try track?.finish() ?? [] { add(coded, shift: source?.shift ?? 0) }
            track = nil
        }
        // What comes out may have begun in packets before this one.
        let shift = captured - packet.presentationNanoseconds
        note(packet, shift: shift)
        guard let track = track ?? makeTrack(for: packet) else { return }
        self.track = track
        for coded in try track.packets(for: packet) { add(coded, shift: shift) }
    }

    /// Whether a packet begins where the one before it ended; nil of the first.
    private func follows(_ packet: AudioPacket) -> Bool? {
        guard let source, track != nil else { return nil }
        let gap = packet.presentationNanoseconds - source.next
        return packet.format == source.format && gap.magnitude <= Self.largestGap
    }

    private func note(_ packet: AudioPacket, shift: Int64) {
        let begin = track == nil ? packet.presentationNanoseconds : source?.next
        let length = packet.durationNanoseconds
        let time = length > 0 ? begin ?? 0 : packet.presentationNanoseconds
        source = (packet.format, time + length, shift)
    }

    private func add(_ coded: Packet, shift: Int64) {
        guard let track else { return }
        let format = format ?? AudioFormat(track.parameters.pointee)
        self.format = format
        let sound = AudioPacket(coded, format, timeBase: track.timeBase, start: 0)
        timeline.add(sound, captured: sound.presentationNanoseconds + shift)
    }

    private func makeTrack(for packet: AudioPacket) -> SoundTrack? {
        do throws(MediaError) {
            let form = format.map { (Int32($0.sampleRate), $0.layout == "mono" ? Int32(1) : 2) }
            return try SoundTrack(
                for: packet, in: .mp4, else: .aac, form: form, path: name,
                isCopyable: isCopyable(packet.format))
        } catch {
            leftOut = packet.format
            warnings.append("the sound is left out: \(error)")
            return nil
        }
    }

    /// Only AAC is taken by every receiver of RTMP, and only such as the stream began with.
    private func isCopyable(_ source: AudioFormat) -> Bool {
        guard source.codec == "aac" else { return false }
        guard let format else { return true }
        return source.header == format.header && source.sampleRate == format.sampleRate
            && source.layout == format.layout
    }

    /// Makes silence up to a time, where no sound came for a while.
    ///
    /// - Parameters:
    ///   - captured: of the picture that goes out, nanoseconds.
    ///   - now: by the monotonic clock.
    package func fill(until captured: Int64, at now: Int64) throws(MediaError) {
        let since = heard ?? now
        heard = since
        guard now - since > Self.patience else { return }
        let count = Int(Self.piece) / 1_000_000 * Self.silenceRate / 1000
        if !isSilent { warnings.append("no sound came for a second: silence goes out meanwhile") }
        isSilent = true
        // Not for what nobody waits for any more.
        var begin = max(end ?? captured, captured - 2 * Self.patience)
        while begin + Self.piece <= captured {
            let first = Int(begin / 1_000_000) * Self.silenceRate / 1000
            let packet = AudioPacket(
                samples: [Int16](repeating: 0, count: 2 * count), sampleRate: Self.silenceRate,
                channels: 2, first: first)
            try take(packet, captured: begin)
            begin += Self.piece
        }
        end = begin
    }

    /// The packets that were captured at some time or before, on the time line that begins at `origin`.
    package func take(until captured: Int64, origin: Int64) -> [AudioPacket] {
        timeline.take(until: captured).compactMap { item in
            guard item.captured >= origin else { return nil }
            var packet = item.packet
            packet.presentation = av_rescale_q(
                item.captured - origin, .nanosecond, packet.timeBase)
            return packet
        }
    }

    /// How much later the sound is than its pictures, by when both were captured, on average; nanoseconds.
    package var offset: Int64 { -timeline.error }
    /// How often the sound's clock was found to be off.
    package var jumps: Int { timeline.jumps }
    /// Packets that came to no picture.
    package var droppedCount: Int { timeline.droppedCount }
}
