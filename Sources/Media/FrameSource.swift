import CFFmpeg

/// The shown frames of a file's video stream as decoded and treated, and its sound's packets, in file
/// order and on one clock.
final class FrameSource: PictureSource {
    let demuxer: Demuxer
    private let videoIndex: Int32
    private let audioIndex: Int32?
    private let decoder: Decoder
    private let treater: FrameTreater
    private let packet = Packet()
    /// Nanoseconds, in the file's own time, that count as zero.
    private let start: Int64
    private var clock: FilmClock
    private var clockBreak: FilmClock.Break?
    /// Added to the pictures' times, nanoseconds.
    private var pictureShift: Int64 = 0
    private var sound: SoundQueue?
    /// Whether the decoder was told that no more comes, and whether it has given all.
    private var isEnding = false, isDrained = false
    private var readError: Int32?
    /// Why an address gives no more: thrown behind the frames that came.
    private var loss: MediaError?
    private var brokenFrames = 0
    /// Where pictures and sound that were read end, nanoseconds from the start of the shown stream.
    private var readEnd: Int64 = 0
    private var warnings: [String] = []

    convenience init(path: String, threads: Int) throws(MediaError) {
        try self.init(Demuxer(path: path, needed: "a video"), threads: threads)
    }

    init(_ demuxer: Demuxer, threads: Int) throws(MediaError) {
        self.demuxer = demuxer
        guard let index = demuxer.bestStream(AVMEDIA_TYPE_VIDEO) else {
            guard demuxer.hasKnownStream else {
                throw .damaged(
                    path: demuxer.name, found: "its index is missing or broken", needed: "a video")
            }
            throw .noVideo(path: demuxer.name, found: demuxer.streamList)
        }
        videoIndex = index
        audioIndex = demuxer.bestStream(AVMEDIA_TYPE_AUDIO, besides: index)
        let stream = demuxer.stream(index).pointee
        decoder = try Decoder(
            stream.codecpar, timeBase: stream.time_base, threads: threads,
            hasAlphaBeside: av_dict_get(stream.metadata, "alpha_mode", nil, 0) != nil,
            name: demuxer.name)
        treater = FrameTreater(stream: stream.codecpar.pointee, name: demuxer.name)
        start = Self.start(video: index, audio: audioIndex, in: demuxer)
        clock = FilmClock(breaksOften: demuxer.formatFlags & AVFMT_TS_DISCONT != 0)
        if let audioIndex {
            sound = SoundQueue(demuxer.stream(audioIndex).pointee, start: start)
        }
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

    var audioFormat: AudioFormat? { sound?.format }

    var video: UnsafeMutablePointer<AVStream> { demuxer.stream(videoIndex) }

    func orientation(of first: Picture) -> Orientation {
        Orientation(stream: video, in: demuxer, picture: first)
    }

    func nextPicture() throws(MediaError) -> TimedPicture? {
        while true {
            if let ready = treater.next() { return ready }
            guard isDrained else {
                decode()
                continue
            }
            if let loss { throw loss }
            return nil
        }
    }

    /// Moves on by one frame or one packet.
    private func decode() {
        let picture = Picture()
        let code = decoder.receive(into: picture)
        if code >= 0 {
            guard !picture.isBroken else { return brokenFrames += 1 }
            treater.send(
                TimedPicture(
                    picture: picture, time: time(of: picture), duration: duration(of: picture)))
        } else if code == FF_EAGAIN && !isEnding {
            readPacket()
        } else if code == FF_EOF || isEnding {
            treater.send(nil)
            isDrained = true
        } else {
            brokenFrames += 1
        }
    }

    /// Feeds the decoder from the file, or ends its input.
    private func readPacket() {
        defer { av_packet_unref(packet.pointer) }
        let code = demuxer.read(into: packet)
        if code == FF_EAGAIN { return }
        guard code >= 0 else {
            loss = demuxer.unreachable(code)
            if code != FF_EOF { readError = code }
            isEnding = true
            _ = decoder.send(nil)
            return
        }
        if packet.pointer.pointee.stream_index == videoIndex {
            move(packet)
            if decoder.send(packet) < 0 { brokenFrames += 1 }
        } else if packet.pointer.pointee.stream_index == audioIndex {
            sound?.append(packet, clock: &clock)
        }
    }

    /// Moves a packet of pictures to the continuous clock.
    private func move(_ packet: Packet) {
        let fields = packet.pointer
        let own = nanoseconds(fields.pointee.duration)
        // Matroska's first packets have no decoding time; those are no place for a break.
        if fields.pointee.dts != FF_NOPTS {
            pictureShift = clock.shift(
                ofPictures: nanoseconds(fields.pointee.dts), lasting: own > 0 ? own : usualInterval)
        }
        let moved = av_rescale_q(pictureShift, .nanosecond, video.pointee.time_base)
        if fields.pointee.dts != FF_NOPTS { fields.pointee.dts += moved }
        if fields.pointee.pts != FF_NOPTS { fields.pointee.pts += moved }
        if clockBreak == nil, let found = clock.firstBreak { warn(of: found, at: fields.pointee) }
    }

    private func warn(of found: FilmClock.Break, at packet: AVPacket) {
        clockBreak = found
        let direction = found.by < 0 ? "back" : "on"
        let shown = nanoseconds(packet.pts == FF_NOPTS ? packet.dts : packet.pts) - start
        warn(
            "its clock jumps \(direction) by \(Self.seconds(Int64(found.by.magnitude))) after "
                + "\(Self.seconds(shown)) of film: what follows is shown right behind, here and "
                + "wherever that happens again")
    }

    func takeAudio(until time: Int64) -> AudioPacket? {
        let packet = sound?.take(until: time, clock: clock, isEnd: time == .max)
        if let packet {
            readEnd = max(readEnd, packet.presentationNanoseconds + packet.durationNanoseconds)
        }
        return packet
    }

    /// When a frame is shown, nanoseconds from the start of the shown stream.
    private func time(of picture: Picture) -> Int64? {
        let ticks = picture.pointer.pointee.best_effort_timestamp
        guard ticks != FF_NOPTS else { return nil }
        return nanoseconds(ticks) - start
    }

    /// How long the file says that a frame is shown, nanoseconds, or 0.
    private func duration(of picture: Picture) -> Int64 {
        max(nanoseconds(picture.pointer.pointee.pkt_duration), 0)
    }

    private func nanoseconds(_ ticks: Int64) -> Int64 {
        av_rescale_q(ticks, video.pointee.time_base, .nanosecond)
    }

    func warn(_ text: String) { warnings.append("\(demuxer.name): \(text)") }

    func takeWarnings() -> [String] {
        defer { warnings = [] }
        return treater.takeWarnings() + warnings
    }

    var summary: String {
        let codec = String(cString: avcodec_get_name(video.pointee.codecpar.pointee.codec_id))
        return brokenFrames > 0
            ? "\(codec), \(brokenFrames) broken frames" : "\(codec), no frame at all"
    }

    /// Nanoseconds from frame to frame by the stream's average rate; 25 a second when unknown.
    private(set) lazy var usualInterval: Int64 = {
        let rate = av_guess_frame_rate(demuxer.context, video, nil)
        return rate.num > 0 ? 1_000_000_000 * Int64(rate.den) / Int64(rate.num) : 40_000_000
    }()
}

/// How long the film should be.
extension FrameSource {
    /// From the declared length and rate, since a file may store frames that it does not show.
    var estimatedFrames: Int? {
        let rate = video.pointee.avg_frame_rate
        guard rate.num > 0, let end = declaredEnd ?? declaredWhole else {
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

    /// How long the file as a whole says that it is, nanoseconds.
    private var declaredWhole: Int64? {
        let whole = demuxer.context.pointee.duration  // in microseconds
        return whole > 0 ? whole * 1_000 : nil
    }

    func lastDuration(of picture: TimedPicture, at time: Int64, interval: Int64) -> Int64 {
        let usual = picture.duration > 0 ? picture.duration : interval
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
        let good = "its \(frames) good frames end at \(Self.seconds(end)); those are used"
        let second: Int64 = 1_000_000_000
        // What libavformat measured itself, or adds up over a clock that jumps, the file does not say.
        let isDeclared =
            demuxer.context.pointee.duration_estimation_method == AVFMT_DURATION_FROM_STREAM
            && clockBreak == nil
        let size = demuxer.isFile ? DeclaredSize(path: demuxer.name) : nil
        // The whole may be as long as a stream that is not read: the size knows better.
        let whole = size.map(\.isCut) ?? true ? declaredWhole : nil
        let declared = isDeclared ? declaredEnd ?? whole : nil
        let read = declaredEnd == nil ? max(end, readEnd) : end
        if readError != nil || (declared ?? read) - read > second {
            let reason = readError.map { ": " + FFmpeg.reason($0) } ?? ""
            let said = declared.map { "it declares \(Self.seconds($0)), and " } ?? ""
            warn("the file is cut short\(reason): \(said)\(good)")
        } else if let size, size.isCut {
            warn(
                "the file is cut short: it declares \(size.declared) bytes and has \(size.found), "
                    + "and \(good)")
        }
    }

    private static func seconds(_ nanoseconds: Int64) -> String {
        let hundredths = (nanoseconds + 5_000_000) / 10_000_000
        let cents = hundredths % 100
        return "\(hundredths / 100).\(cents < 10 ? "0" : "")\(cents) s"
    }
}
