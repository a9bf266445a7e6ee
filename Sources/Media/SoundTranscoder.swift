import CFFmpeg

/// Decodes sound of any codec and compresses it again as AAC or Opus.
final class SoundTranscoder {
    /// A codec and the encoder for it.
    enum Codec: String {
        case aac, opus = "libopus"

        var name: String { self == .aac ? "AAC" : "Opus" }
        /// What the encoder takes.
        fileprivate var format: AVSampleFormat {
            self == .aac ? AV_SAMPLE_FMT_FLTP : AV_SAMPLE_FMT_FLT
        }
        /// Its sample rates: ISO 14496-3, table 1.18, and RFC 6716, section 2.1.3.
        private var rates: [Int32] {
            self == .aac
                ? [
                    8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 64_000,
                    88_200, 96_000,
                ] : [8_000, 12_000, 16_000, 24_000, 48_000]
        }

        /// The smallest of its rates that loses nothing.
        fileprivate func rate(near rate: Int32) -> Int32 { rates.first { $0 >= rate } ?? 48_000 }
    }

    private let codec: Codec
    let encoder: UnsafeMutablePointer<AVCodecContext>
    private let decoder: Decoder
    private let sourceTimeBase: AVRational
    private let decoded = Picture()
    private var resampler: OpaquePointer?
    private let queue: OpaquePointer
    /// Time of the next sample that goes into the encoder, in samples.
    private var nextSample: Int64?
    private let path: String

    /// - Parameter form: what comes out; nil for what is nearest to what goes in.
    init(
        from source: UnsafeMutablePointer<AVCodecParameters>, of first: AudioPacket,
        to codec: Codec, form: (rate: Int32, channels: Int32)? = nil, path: String
    ) throws(MediaError) {
        (self.codec, self.path) = (codec, path)
        sourceTimeBase = first.timeBase
        decoder = try Decoder(
            source, timeBase: first.timeBase, threads: 1, name: "sound of \(path)")
        guard let library = avcodec_find_encoder_by_name(codec.rawValue) else {
            throw .failed(
                call: "avcodec_find_encoder_by_name", argument: codec.rawValue,
                reason: "this FFmpeg was built without it")
        }
        encoder = FFmpeg.allocated(avcodec_alloc_context3(library))
        let rate = form?.rate ?? codec.rate(near: source.pointee.sample_rate)
        // Surround is mixed down: a talking face needs no more than two channels.
        let channels = form?.channels ?? min(source.pointee.ch_layout.nb_channels, 2)
        queue = FFmpeg.allocated(av_audio_fifo_alloc(codec.format, channels, 4096))
        encoder.pointee.sample_rate = rate
        encoder.pointee.sample_fmt = codec.format
        encoder.pointee.time_base = AVRational(num: 1, den: rate)
        av_channel_layout_default(&encoder.pointee.ch_layout, channels)
        encoder.pointee.bit_rate = Int64(channels) * 96_000
        encoder.pointee.flags |= AV_CODEC_FLAG_GLOBAL_HEADER
        try FFmpeg.check(
            avcodec_open2(encoder, library, nil), "avcodec_open2", "\(codec.rawValue), \(rate) Hz")
    }

    deinit {
        swr_free(&resampler)
        av_audio_fifo_free(queue)
        var encoder: UnsafeMutablePointer<AVCodecContext>? = encoder
        avcodec_free_context(&encoder)
    }

    func packets(for packet: AudioPacket) throws(MediaError) -> [Packet] {
        // A broken packet is a gap in the sound and no reason to lose the film.
        guard decoder.send(packet.makePacket()) >= 0 else { return [] }
        try queueDecoded()
        return try encode(all: false)
    }

    func finish() throws(MediaError) -> [Packet] {
        _ = decoder.send(nil)
        try queueDecoded()
        if resampler != nil { try resample(nil) }
        var packets = try encode(all: true)
        try FFmpeg.check(avcodec_send_frame(encoder, nil), "avcodec_send_frame", path)
        try packets += received()
        return packets
    }

    private func queueDecoded() throws(MediaError) {
        while decoder.receive(into: decoded) >= 0 {
            if nextSample == nil {
                let time = decoded.pointer.pointee.best_effort_timestamp
                nextSample =
                    time == FF_NOPTS
                    ? 0 : av_rescale_q(time, sourceTimeBase, encoder.pointee.time_base)
            }
            try resample(decoded)
        }
    }

    /// Converts to the encoder's rate, layout and type; nil flushes.
    private func resample(_ input: Picture?) throws(MediaError) {
        if let input, resampler == nil {
            let frame = input.pointer
            try FFmpeg.check(
                swr_alloc_set_opts2(
                    &resampler, &encoder.pointee.ch_layout, codec.format,
                    encoder.pointee.sample_rate, &frame.pointee.ch_layout,
                    AVSampleFormat(frame.pointee.format), frame.pointee.sample_rate, 0, nil),
                "swr_alloc_set_opts2", path)
            try FFmpeg.check(swr_init(resampler), "swr_init", path)
        }
        let room = swr_get_out_samples(resampler, input?.pointer.pointee.nb_samples ?? 0)
        guard room > 0 else { return }
        let output = try makeFrame(samples: room)
        let count = ff_convert_audio(resampler, output.pointer, room, input?.pointer)
        try FFmpeg.check(count, "swr_convert", path)
        try FFmpeg.check(
            ff_queue_write(queue, output.pointer, count), "av_audio_fifo_write", path)
    }

    private func encode(all: Bool) throws(MediaError) -> [Packet] {
        var packets: [Packet] = []
        let size = encoder.pointee.frame_size
        while av_audio_fifo_size(queue) >= (all ? 1 : size) {
            let count = min(size, av_audio_fifo_size(queue))
            let frame = try makeFrame(samples: count)
            try FFmpeg.check(
                ff_queue_read(queue, frame.pointer, count), "av_audio_fifo_read", path)
            frame.pointer.pointee.pts = nextSample ?? 0
            nextSample = (nextSample ?? 0) + Int64(count)
            try FFmpeg.check(
                avcodec_send_frame(encoder, frame.pointer), "avcodec_send_frame", path)
            try packets += received()
        }
        return packets
    }

    private func received() throws(MediaError) -> [Packet] {
        var packets: [Packet] = []
        while true {
            let packet = Packet()
            let code = avcodec_receive_packet(encoder, packet.pointer)
            if code == FF_EAGAIN || code == FF_EOF { return packets }
            try FFmpeg.check(code, "avcodec_receive_packet", path)
            packets.append(packet)
        }
    }

    private func makeFrame(samples: Int32) throws(MediaError) -> Picture {
        let frame = Picture()
        frame.pointer.pointee.nb_samples = samples
        frame.pointer.pointee.format = codec.format.rawValue
        frame.pointer.pointee.sample_rate = encoder.pointee.sample_rate
        av_channel_layout_copy(&frame.pointer.pointee.ch_layout, &encoder.pointee.ch_layout)
        try FFmpeg.check(av_frame_get_buffer(frame.pointer, 0), "av_frame_get_buffer", path)
        return frame
    }
}
