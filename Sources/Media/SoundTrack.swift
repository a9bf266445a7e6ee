import CFFmpeg

/// The sound on its way into a film: copied where the film's container takes it as it is, else coded
/// anew.
final class SoundTrack {
    /// What the file's header says of the sound.
    let parameters: UnsafeMutablePointer<AVCodecParameters>
    /// Seconds per tick of the packets that come out.
    let timeBase: AVRational
    /// Whether the packets' bytes stay as they are.
    let isCopied: Bool
    private let transcoder: SoundTranscoder?
    private let unwrapper: ADTSUnwrapper?
    private var lastTime = FF_NOPTS

    /// A track for packets like this one.
    ///
    /// - Parameters:
    ///   - form: rate and channels where it is coded anew; nil for what is nearest to the packet's.
    ///   - isCopyable: false to code anew whatever the container takes.
    /// - Throws: ``MediaError`` when the sound can neither be copied nor decoded.
    init(
        for first: AudioPacket, in container: FilmContainer, else codec: SoundTranscoder.Codec,
        form: (rate: Int32, channels: Int32)? = nil, path: String, isCopyable: Bool = true
    ) throws(MediaError) {
        let source = FFmpeg.allocated(avcodec_parameters_alloc())
        do throws(MediaError) {
            try first.format.copy(to: source)
            let isADTS = first.format.codec == "aac" && first.format.header.isEmpty
            isCopied =
                isCopyable
                && (isADTS && container != .webm
                    || Muxer.takes(
                        source, first.makePacket(), timeBase: first.timeBase, in: container))
            transcoder = isCopied
                ? nil : try SoundTranscoder(from: source, of: first, to: codec, form: form, path: path)
            unwrapper = isADTS && isCopied ? try ADTSUnwrapper(source) : nil
        } catch {
            var source: UnsafeMutablePointer<AVCodecParameters>? = source
            avcodec_parameters_free(&source)
            throw error
        }
        if let transcoder {
            avcodec_parameters_from_context(source, transcoder.encoder)
        } else if !container.hasBoxes, first.presentation < 0, source.pointee.initial_padding == 0 {
            // Matroska's times cannot be below 0: what comes before is the codec's delay, or the
            // pictures would begin late.
            source.pointee.initial_padding = Int32(
                clamping: av_rescale_q(
                    -first.presentation, first.timeBase,
                    AVRational(num: 1, den: source.pointee.sample_rate)))
        }
        source.pointee.codec_tag = 0
        parameters = source
        timeBase = AVRational(num: 1, den: source.pointee.sample_rate)
    }

    deinit {
        var parameters: UnsafeMutablePointer<AVCodecParameters>? = parameters
        avcodec_parameters_free(&parameters)
    }

    /// Packets for the file, times in ``timeBase``.
    func packets(for packet: AudioPacket) throws(MediaError) -> [Packet] {
        if let transcoder { return try transcoder.packets(for: packet) }
        let copy = packet.makePacket()
        let fields = copy.pointer
        let usual = av_get_audio_frame_duration2(parameters, Int32(packet.data.count))
        // Containers with coarse clocks (Matroska: 1 ms) round; whole packets tell the true times.
        let time = av_rescale_delta(
            packet.timeBase, packet.presentation, timeBase, max(usual, 1), &lastTime, timeBase)
        fields.pointee.pts = time
        fields.pointee.dts = time
        let own = av_rescale_q(packet.duration, packet.timeBase, timeBase)
        fields.pointee.duration = packet.duration > 0 ? own : Int64(usual)
        try unwrapper?.unwrap(copy)
        return [copy]
    }

    /// What the encoder still holds.
    func finish() throws(MediaError) -> [Packet] { try transcoder?.finish() ?? [] }
}
