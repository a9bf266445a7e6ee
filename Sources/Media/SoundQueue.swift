import CFFmpeg

/// Packets of sound that were read and are still to be handed out, moved to the film's one clock.
struct SoundQueue {
    let format: AudioFormat
    private let timeBase: AVRational
    /// Nanoseconds, in the file's own time, that count as zero.
    private let start: Int64
    private var packets: [(packet: AudioPacket, part: Int)] = []
    private var taken = 0
    /// Where the sound read so far ends, in its own ticks: for packets without a time.
    private var end: Int64 = 0
    /// The part that was handed out last, and where it ends, in nanoseconds.
    private var heard = (part: 0, end: Int64.min)

    init(_ stream: AVStream, start: Int64) {
        format = AudioFormat(stream.codecpar.pointee)
        timeBase = stream.time_base
        self.start = start
    }

    /// Takes a packet as the file has it.
    mutating func append(_ packet: Packet, clock: inout FilmClock) {
        let fields = packet.pointer
        if fields.pointee.pts == FF_NOPTS { fields.pointee.pts = fields.pointee.dts }
        if fields.pointee.pts == FF_NOPTS { fields.pointee.pts = end }
        end = fields.pointee.pts + fields.pointee.duration
        let part = clock.soundPart(
            at: nanoseconds(fields.pointee.pts), lasting: nanoseconds(fields.pointee.duration))
        packets.append((AudioPacket(packet, format, timeBase: timeBase, start: start), part))
    }

    /// The oldest packet that is heard at `time` (nanoseconds) or before.
    ///
    /// - Parameter isEnd: no more pictures come.
    mutating func take(until time: Int64, clock: FilmClock, isEnd: Bool) -> AudioPacket? {
        while taken < packets.count {
            var (packet, part) = packets[taken]
            let known = clock.shift(ofSoundPart: part)
            guard let shift = isEnd ? clock.finalShift(ofSoundPart: part) : known else {
                return nil
            }
            packet.presentation += av_rescale_q(shift, .nanosecond, timeBase)
            let begin = packet.presentationNanoseconds
            guard begin <= time else { return nil }
            removeFirst()
            // Sound of a new part that was heard already in the one before.
            let half = packet.durationNanoseconds / 2
            if part != heard.part, begin + half < heard.end { continue }
            heard = (part, begin + packet.durationNanoseconds)
            return packet
        }
        return nil
    }

    private mutating func removeFirst() {
        taken += 1
        guard taken == packets.count || taken > 256 else { return }
        packets.removeFirst(taken)
        taken = 0
    }

    private func nanoseconds(_ ticks: Int64) -> Int64 {
        av_rescale_q(ticks, timeBase, .nanosecond)
    }
}
