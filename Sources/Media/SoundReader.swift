import CFFmpeg

/// Reads the sound of a file, with or without pictures in it, packet by packet and undecoded.
///
/// Times count from the sound's own start. A reader belongs to one thread.
package final class SoundReader {
    private let demuxer: Demuxer
    private let index: Int32
    private var queue: SoundQueue
    private var clock: FilmClock
    private let packet = Packet()
    private var warnings: [String] = []

    /// Opens a file.
    ///
    /// - Throws: ``MediaError`` where there is none, or no sound in it.
    package init(path: String) throws(MediaError) {
        demuxer = try Demuxer(path: path, needed: Self.needed)
        guard let index = demuxer.bestStream(AVMEDIA_TYPE_AUDIO) else {
            throw .notMedia(
                path: path, found: "a file without sound (\(demuxer.streamList))",
                needed: Self.needed)
        }
        self.index = index
        let stream = demuxer.stream(index).pointee
        let start = stream.start_time == FF_NOPTS
            ? 0 : av_rescale_q(stream.start_time, stream.time_base, .nanosecond)
        // Sound before the file's zero is an encoder's priming: it is decoded and not heard.
        queue = SoundQueue(stream, start: max(start, 0))
        clock = FilmClock(breaksOften: demuxer.formatFlags & AVFMT_TS_DISCONT != 0)
        for other in 0..<Int32(demuxer.context.pointee.nb_streams) where other != index {
            demuxer.stream(other).pointee.discard = AVDISCARD_ALL
        }
    }

    private static let needed = "a file with sound"

    /// The next packet, or nil at the end.
    package func next() -> AudioPacket? {
        while true {
            if let ready = queue.take(until: .max, clock: clock, isEnd: true) { return ready }
            let code = demuxer.read(into: packet)
            defer { av_packet_unref(packet.pointer) }
            if code == FF_EAGAIN { continue }
            guard code >= 0 else {
                warnIfShort(code)
                return nil
            }
            guard packet.pointer.pointee.stream_index == index else { continue }
            queue.append(packet, clock: &clock)
        }
    }

    package func takeWarnings() -> [String] {
        defer { warnings = [] }
        return warnings
    }

    /// Says so when the file ends before it should: a download that broke off, or one that cannot be read.
    private func warnIfShort(_ code: Int32) {
        if code != FF_EOF {
            warnings.append(
                "\(demuxer.name): the file is cut short: \(FFmpeg.reason(code)); the sound before that is used")
        } else if let size = DeclaredSize(path: demuxer.name), size.isCut {
            warnings.append(
                "\(demuxer.name): the file is cut short: it declares \(size.declared) bytes and has "
                    + "\(size.found); the sound in these is used")
        }
    }
}
