import CFFmpeg

/// Finds out up to where a film is safe: a keyframe such that all pictures before it, and all sound
/// that came before it, are in the log of packets.
struct SavePoints {
    /// A place in the film from which another process can go on.
    struct Point {
        /// Frames and packets of sound that were taken in before it.
        var frames: Int, sounds: Int
        /// Compressed packets that came of that sound.
        var soundPackets: Int
        /// Bytes of the log before it.
        var logSize: Int64
        /// Time of the frame before it in the encoder's ticks, and in nanoseconds.
        var time: Int64, presentation: Int64, end: Int64
    }

    private struct Taken {
        var time: Int64, presentation: Int64, end: Int64
        var soundsBefore: Int, soundPacketsBefore: Int
    }

    /// Frames that were taken in and are not safe, oldest first; `first` is the number of the first.
    private var taken: [Taken] = []
    private var first = 0
    private var last: Taken?
    private(set) var sounds = 0
    private var soundPackets = 0
    /// Frames that were taken in.
    var frames: Int { first + taken.count }
    /// Keyframes in the log that are not safe yet: their times, and the log's size before them.
    private var keyframes: [(time: Int64, logSize: Int64)] = []

    /// Goes on from a point.
    init(after point: Point? = nil) {
        guard let point else { return }
        (first, sounds, soundPackets) = (point.frames, point.sounds, point.soundPackets)
        last = Taken(
            time: point.time, presentation: point.presentation, end: point.end,
            soundsBefore: point.sounds, soundPacketsBefore: point.soundPackets)
    }

    mutating func take(frameAt time: Int64, presentation: Int64, end: Int64) {
        taken.append(
            Taken(time: time, presentation: presentation, end: end, soundsBefore: sounds,
                soundPacketsBefore: soundPackets))
    }

    /// A packet of sound was taken in, and so many came of it.
    mutating func takeSound(packets: Int) {
        sounds += 1
        soundPackets += packets
    }

    /// A compressed frame is about to be logged.
    mutating func log(_ packet: Packet, at size: Int64) {
        guard packet.pointer.pointee.flags & AV_PKT_FLAG_KEY != 0 else { return }
        keyframes.append((packet.pointer.pointee.pts, size))
    }

    /// The newest safe place since the last one; the film's beginning is none.
    ///
    /// Sound is logged as it comes: what came between the keyframe's taking in and its coding is in
    /// the log before it, and has to be cut off by whoever goes on from there.
    mutating func newest() -> Point? {
        guard let keyframe = keyframes.last,
            let index = taken.firstIndex(where: { $0.time == keyframe.time })
        else { return nil }
        keyframes.removeAll()
        guard first + index > 0, let before = index > 0 ? taken[index - 1] : last else { return nil }
        let point = Point(
            frames: first + index, sounds: taken[index].soundsBefore,
            soundPackets: taken[index].soundPacketsBefore, logSize: keyframe.logSize,
            time: before.time, presentation: before.presentation, end: before.end)
        last = before
        taken.removeFirst(index)
        first += index
        return point
    }
}
