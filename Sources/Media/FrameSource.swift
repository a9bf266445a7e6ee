import CFFmpeg

/// The shown frames of a file's video stream as decoded, and its sound's packets, in file order.
final class FrameSource {
    let demuxer: Demuxer
    let audioFormat: AudioFormat?
    private let videoIndex: Int32
    private let audioIndex: Int32?
    private let decoder: Decoder
    private let packet = Packet()
    /// Nanoseconds, in the file's own time, that count as zero.
    private let start: Int64
    private var audio: [AudioPacket] = []
    private var audioTaken = 0
    /// Where the sound read so far ends, in its own ticks: for packets without a time.
    private var audioEnd: Int64 = 0
    private var isDrained = false
    private var readError: Int32?
    private var brokenFrames = 0
    private var warnings: [String] = []

    init(path: String, threads: Int) throws(MediaError) {
        let demuxer = try Demuxer(path: path, needed: "a video")
        self.demuxer = demuxer
        guard let index = demuxer.bestStream(AVMEDIA_TYPE_VIDEO) else {
            guard demuxer.hasKnownStream else {
                throw .damaged(
                    path: path, found: "its index is missing or broken", needed: "a video")
            }
            throw .noVideo(path: path, found: demuxer.streamList)
        }
        videoIndex = index
        audioIndex = demuxer.bestStream(AVMEDIA_TYPE_AUDIO, besides: index)
        audioFormat = audioIndex.map { AudioFormat(demuxer.stream($0).pointee.codecpar.pointee) }
        let stream = demuxer.stream(index).pointee
        decoder = try Decoder(
            stream.codecpar, timeBase: stream.time_base, threads: threads, name: path)
        start = Self.start(video: index, audio: audioIndex, in: demuxer)
        for other in 0..<Int32(demuxer.context.pointee.nb_streams)
        where other != index && other != audioIndex {
            demuxer.stream(other).pointee.discard = AVDISCARD_ALL
        }
    }

    /// When picture or sound begins to be shown, nanoseconds in the file's own time.
    ///
    /// Sound before the file's zero is an encoder's priming: it is decoded and not heard.
    private static func start(video: Int32, audio: Int32?, in demuxer: Demuxer) -> Int64 {
        func start(_ index: Int32) -> Int64? {
            let stream = demuxer.stream(index).pointee
            return stream.start_time == FF_NOPTS
                ? nil : av_rescale_q(stream.start_time, stream.time_base, .nanosecond)
        }
        let pictures = start(video) ?? 0
        return audio.flatMap(start).map { min(pictures, max($0, min(pictures, 0))) } ?? pictures
    }

    var video: UnsafeMutablePointer<AVStream> { demuxer.stream(videoIndex) }

    /// The next frame that is to be shown, or nil at the end of the file.
    func nextPicture() throws(MediaError) -> Picture? {
        let picture = Picture()
        while true {
            let code = decoder.receive(into: picture)
            if code >= 0 {
                if !picture.isBroken { return picture }
                brokenFrames += 1
                av_frame_unref(picture.pointer)
            } else if code == FF_EAGAIN && !isDrained {
                readPacket()
            } else if code == FF_EOF || isDrained {
                return nil
            } else {
                brokenFrames += 1
            }
        }
    }

    /// Feeds the decoder from the file, or ends its input.
    private func readPacket() {
        defer { av_packet_unref(packet.pointer) }
        let code = demuxer.read(into: packet)
        if code == FF_EAGAIN { return }
        guard code >= 0 else {
            if code != FF_EOF { readError = code }
            isDrained = true
            _ = decoder.send(nil)
            return
        }
        if packet.pointer.pointee.stream_index == videoIndex {
            if decoder.send(packet) < 0 { brokenFrames += 1 }
        } else if packet.pointer.pointee.stream_index == audioIndex, let audioFormat {
            queue(audioFormat)
        }
    }

    private func queue(_ format: AudioFormat) {
        let timeBase = demuxer.stream(audioIndex!).pointee.time_base
        let fields = packet.pointer
        if fields.pointee.pts == FF_NOPTS { fields.pointee.pts = fields.pointee.dts }
        if fields.pointee.pts == FF_NOPTS { fields.pointee.pts = audioEnd }
        audioEnd = fields.pointee.pts + fields.pointee.duration
        audio.append(AudioPacket(packet, format, timeBase: timeBase, start: start))
    }

    /// The oldest packet of sound that is heard at `time` (nanoseconds) or before.
    func takeAudio(until time: Int64) -> AudioPacket? {
        guard audioTaken < audio.count, audio[audioTaken].presentationNanoseconds <= time else {
            return nil
        }
        defer {
            audioTaken += 1
            if audioTaken == audio.count || audioTaken > 256 {
                audio.removeFirst(audioTaken)
                audioTaken = 0
            }
        }
        return audio[audioTaken]
    }

    /// When a frame is shown, nanoseconds from the start of the shown stream.
    func time(of picture: Picture) -> Int64? {
        let ticks = picture.pointer.pointee.best_effort_timestamp
        guard ticks != FF_NOPTS else { return nil }
        return nanoseconds(ticks) - start
    }

    /// How long the file says that a frame is shown, nanoseconds, or 0.
    func duration(of picture: Picture) -> Int64 {
        max(nanoseconds(picture.pointer.pointee.pkt_duration), 0)
    }

    private func nanoseconds(_ ticks: Int64) -> Int64 {
        av_rescale_q(ticks, video.pointee.time_base, .nanosecond)
    }
}

extension FrameSource {
    /// Nanoseconds from frame to frame by the stream's average rate; 25 a second when unknown.
    var usualInterval: Int64 {
        let rate = av_guess_frame_rate(demuxer.context, video, nil)
        return rate.num > 0 ? 1_000_000_000 * Int64(rate.den) / Int64(rate.num) : 40_000_000
    }

    /// From the declared length and rate, since a file may store frames that it does not show.
    var estimatedFrames: Int? {
        let rate = video.pointee.avg_frame_rate
        let whole = demuxer.context.pointee.duration  // in microseconds
        guard rate.num > 0, let end = declaredEnd ?? (whole > 0 ? whole * 1_000 : nil) else {
            return video.pointee.nb_frames > 0 ? Int(video.pointee.nb_frames) : nil
        }
        let frames = Int((Double(end) / 1e9 * av_q2d(rate)).rounded())
        return video.pointee.nb_frames > 0 ? min(frames, Int(video.pointee.nb_frames)) : frames
    }

    /// When the stream says that it ends, nanoseconds from the start of the shown stream.
    private var declaredEnd: Int64? {
        let stream = video.pointee
        guard stream.duration != FF_NOPTS, stream.duration > 0 else { return nil }
        let first = stream.start_time == FF_NOPTS ? 0 : stream.start_time
        return nanoseconds(first + stream.duration) - start
    }

    /// How long the last frame is shown: to the declared end, when that is near.
    func lastDuration(of picture: Picture, at time: Int64, interval: Int64) -> Int64 {
        let own = duration(of: picture)
        let usual = own > 0 ? own : interval
        guard let end = declaredEnd, end > time, end - time < usual + 1_000_000_000 else {
            return usual
        }
        return end - time
    }

    /// Says so when the file ends long before it should, or had to be patched.
    func warnIfShort(end: Int64, frames: Int) {
        if brokenFrames > 0 {
            warn("\(brokenFrames) broken frames were left out")
        }
        let declared = declaredEnd ?? end
        if readError != nil || declared - end > 1_000_000_000 {
            let reason = readError.map { ": " + FFmpeg.reason($0) } ?? ""
            warn(
                "the file is cut short\(reason): it declares \(Self.seconds(declared)), and its "
                    + "\(frames) good frames end at \(Self.seconds(end)); those are used")
        }
    }

    private static func seconds(_ nanoseconds: Int64) -> String {
        let hundredths = (nanoseconds + 5_000_000) / 10_000_000
        let cents = hundredths % 100
        return "\(hundredths / 100).\(cents < 10 ? "0" : "")\(cents) s"
    }

    func warn(_ text: String) { warnings.append("\(demuxer.name): \(text)") }

    func takeWarnings() -> [String] {
        defer { warnings = [] }
        return warnings
    }

    /// What was found when there was no frame at all.
    var summary: String {
        let codec = String(cString: avcodec_get_name(video.pointee.codecpar.pointee.codec_id))
        return brokenFrames > 0
            ? "\(codec), \(brokenFrames) broken frames" : "\(codec), no frame at all"
    }
}
