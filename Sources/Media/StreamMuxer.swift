import CFFmpeg
import Glibc

/// One connection to a server, or one file: packed from its first packet to its last.
///
/// It belongs to one thread. Whatever libavformat waits for, it gives up after some time.
final class StreamMuxer {
    private let address: StreamAddress
    private let patience: Patience
    private var context: UnsafeMutablePointer<AVFormatContext>?
    private let hasSound: Bool
    private let header: [UInt8]
    /// Time of the first picture that is sent, on the packets' time line: it is 0 here.
    private var origin: Int64?
    private var isHeaderWritten = false
    private var lastSound = Int64.min

    /// Makes the connection and says what will come.
    ///
    /// - Parameters:
    ///   - path: the file to write, should the address be one.
    ///   - first: the key packet that it begins with.
    ///   - sound: how sound is coded; nil for none.
    ///   - latency: nanoseconds for which SRT's receiver waits for what was lost.
    init(
        _ address: StreamAddress, path: String?, first: FilmPacket, sound: AudioFormat?,
        latency: Int64, patience: Patience
    ) throws(MediaError) {
        FFmpeg.prepare()
        (self.address, self.patience) = (address, patience)
        (hasSound, header) = (sound != nil, first.header)
        patience.begin()
        let url = path.map { "file:" + $0 } ?? address.url
        try check(
            avformat_alloc_output_context2(&context, nil, address.form.rawValue, url), "open")
        patience.attach(to: context!)
        do throws(MediaError) {
            try addStreams(first, sound)
            if first.flags.contains(.labelled) { label() }
            try open(url, latency: latency)
            try writeHeader()
        } catch {
            close()
            throw error
        }
    }

    deinit { close() }

    private func addStreams(_ first: FilmPacket, _ sound: AudioFormat?) throws(MediaError) {
        let picture = FFmpeg.allocated(avformat_new_stream(context, nil))
        let parameters = picture.pointee.codecpar!
        guard let codec = avcodec_descriptor_get_by_name(first.codec) else {
            throw .badFilmPacket(reason: "this FFmpeg knows no codec '\(first.codec)'")
        }
        parameters.pointee.codec_type = AVMEDIA_TYPE_VIDEO
        parameters.pointee.codec_id = codec.pointee.id
        parameters.pointee.width = Int32(first.width)
        parameters.pointee.height = Int32(first.height)
        parameters.pointee.format = AV_PIX_FMT_YUV420P.rawValue
        let header = FFmpeg.allocated(
            av_mallocz(first.header.count + Int(AV_INPUT_BUFFER_PADDING_SIZE)))
        first.header.withUnsafeBytes {
            if let base = $0.baseAddress { header.copyMemory(from: base, byteCount: $0.count) }
        }
        parameters.pointee.extradata = header.assumingMemoryBound(to: UInt8.self)
        parameters.pointee.extradata_size = Int32(first.header.count)
        picture.pointee.time_base = AVRational(num: 1, den: 90_000)
        if first.duration > 0 {
            picture.pointee.avg_frame_rate = av_d2q(1e9 / Double(first.duration), 1_000_000)
        }
        guard let sound else { return }
        let stream = FFmpeg.allocated(avformat_new_stream(context, nil))
        try sound.copy(to: stream.pointee.codecpar)
        stream.pointee.codecpar.pointee.codec_tag = 0
        stream.pointee.time_base = AVRational(num: 1, den: Int32(clamping: sound.sampleRate))
    }

    private func label() {
        for (key, value) in AILabel.metadata {
            av_dict_set(&context!.pointee.metadata, key, value, 0)
        }
    }

    private func open(_ url: String, latency: Int64) throws(MediaError) {
        context!.pointee.flags |= AVFMT_FLAG_FLUSH_PACKETS
        context!.pointee.flush_packets = 1
        context!.pointee.max_delay = 0
        guard context!.pointee.oformat.pointee.flags & AVFMT_NOFILE == 0 else { return }
        var options = Options([
            // What is in the system's buffer counts as sent, so a large one hides that a server takes
            // nothing. Linux doubles this number. 128 KiB are enough for 5 Mbit/s to a server that is
            // 200 ms away; a link of 300 kbit/s takes 3.5 s for them.
            "send_buffer_size": "65536", "tcp_nodelay": "1", "pkt_size": "1316",
            "rw_timeout": "\(patience.microseconds)",
        ])
        if !url.contains("latency=") {
            av_dict_set(&options.pointer, "latency", "\(latency / 1000)", 0)
        }
        try check(
            avio_open2(
                &context!.pointee.pb, url, AVIO_FLAG_WRITE, &context!.pointee.interrupt_callback,
                &options.pointer), "open")
    }

    private func writeHeader() throws(MediaError) {
        var options = Options([:])
        let values: KeyValuePairs<String, String> =
            switch address.form {
            case .flv: ["flvflags": "no_duration_filesize"]
            case .mpegts: ["mpegts_flags": "resend_headers+initial_discontinuity"]
            case .rtsp: ["rtsp_transport": "tcp"]
            // Fragments: what is there can be played wherever it breaks off.
            case .mp4:
                ["movflags": "frag_keyframe+empty_moov+default_base_moof+use_metadata_tags"]
            case .matroska: ["cluster_time_limit": "1000"]
            }
        for (key, value) in values { av_dict_set(&options.pointer, key, value, 0) }
        patience.begin()
        try check(avformat_write_header(context, &options.pointer), "begin")
        isHeaderWritten = true
    }

    /// Whether a packet is coded as was said at the beginning.
    func takes(_ packet: FilmPacket) -> Bool { !packet.isKey || packet.header == header }

    /// Sends a picture and the sound before it.
    func write(_ packet: FilmPacket) throws(MediaError) {
        let origin = self.origin ?? packet.presentation
        self.origin = origin
        for sound in packet.sounds where hasSound { try write(sound, after: origin) }
        let picture = Packet(packet.picture)
        picture.pointer.pointee.pts = packet.presentation - origin
        picture.pointer.pointee.dts = picture.pointer.pointee.pts
        picture.pointer.pointee.duration = packet.duration
        if packet.isKey { picture.pointer.pointee.flags |= AV_PKT_FLAG_KEY }
        try write(picture, stream: 0, timeBase: .nanosecond)
    }

    private func write(_ sound: AudioPacket, after origin: Int64) throws(MediaError) {
        let packet = sound.makePacket()
        let start = av_rescale_q(origin, .nanosecond, sound.timeBase)
        let time = packet.pointer.pointee.pts - start
        // Left out: sound from before the first picture, and sound of a time that was sent already, as
        // comes after its clock jumped.
        guard time >= 0, time > lastSound else { return }
        lastSound = time
        (packet.pointer.pointee.pts, packet.pointer.pointee.dts) = (time, time)
        try write(packet, stream: 1, timeBase: sound.timeBase)
    }

    private func write(
        _ packet: Packet, stream: Int, timeBase: AVRational
    ) throws(MediaError) {
        packet.pointer.pointee.stream_index = Int32(stream)
        let target = context!.pointee.streams[stream]!.pointee.time_base
        av_packet_rescale_ts(packet.pointer, timeBase, target)
        patience.begin()
        try check(av_write_frame(context, packet.pointer), "send")
    }

    /// Writes what belongs at the end, and closes.
    func finish() throws(MediaError) {
        defer { close() }
        guard isHeaderWritten else { return }
        isHeaderWritten = false
        patience.begin()
        try check(av_write_trailer(context), "end")
    }

    private func close() {
        guard let format = context else { return }
        patience.begin()
        if format.pointee.oformat.pointee.flags & AVFMT_NOFILE == 0 {
            avio_closep(&context!.pointee.pb)
        } else if isHeaderWritten {
            // RTSP tears its session down here.
            av_write_trailer(format)
        }
        avformat_free_context(context)
        context = nil
    }

    /// The system's words for EIO.
    private static let noReason = String(cString: strerror(EIO))

    private func check(_ code: Int32, _ call: String) throws(MediaError) {
        guard code < 0 else { return }
        var reason = patience.reason(code)
        // A server that does not take an application or a key may say no more than this.
        if reason == Self.noReason {
            reason = "the server ended the connection: does it know the application and the key?"
        }
        throw .cannotSend(address: address.shown, reason: address.cleaned(reason))
    }
}
