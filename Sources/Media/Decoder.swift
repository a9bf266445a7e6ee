import CFFmpeg

/// Turns packets of one stream into frames.
final class Decoder {
    private let context: UnsafeMutablePointer<AVCodecContext>

    /// A decoder for a stream with these parameters.
    ///
    /// - Parameters:
    ///   - strict: whether damage is an error; for pictures, of which half is none.
    ///   - reduction: how often the decoder halves what it decodes, where its codec can.
    ///   - hasAlphaBeside: whether WebM's second stream of transparency comes with the packets.
    ///   - name: the file or device, for errors.
    init(
        _ parameters: UnsafePointer<AVCodecParameters>, timeBase: AVRational, threads: Int,
        strict: Bool = false, reduction: Int32 = 0, hasAlphaBeside: Bool = false, name: String
    ) throws(MediaError) {
        let codec = String(cString: avcodec_get_name(parameters.pointee.codec_id))
        // FFmpeg's own decoders of VP8 and VP9 leave transparency out, and the colours under it show.
        let special = hasAlphaBeside ? avcodec_find_decoder_by_name("libvpx-\(codec)") : nil
        let other = hasAlphaBeside && codec == "vp8" ? avcodec_find_decoder_by_name("libvpx") : nil
        guard let decoder = special ?? other ?? avcodec_find_decoder(parameters.pointee.codec_id)
        else {
            throw .damaged(
                path: name, found: "its codec '\(codec)' has no decoder in this FFmpeg",
                needed: "a codec that FFmpeg can decode")
        }
        context = FFmpeg.allocated(avcodec_alloc_context3(decoder))
        try FFmpeg.check(
            avcodec_parameters_to_context(context, parameters), "avcodec_parameters_to_context",
            name)
        context.pointee.pkt_timebase = timeBase
        context.pointee.thread_count = Int32(threads)
        if strict {
            context.pointee.err_recognition = AV_EF_CRCCHECK
            // FFmpeg's TIFF decoder calls every tag that it does not know damage.
            if parameters.pointee.codec_id != AV_CODEC_ID_TIFF {
                context.pointee.err_recognition |= AV_EF_EXPLODE
            }
        }
        context.pointee.lowres = reduction
        try FFmpeg.check(avcodec_open2(context, decoder, nil), "avcodec_open2", "\(codec), \(name)")
    }

    deinit {
        var context: UnsafeMutablePointer<AVCodecContext>? = context
        avcodec_free_context(&context)
    }

    /// Gives the decoder a packet, or nil to make it hand out what it holds back.
    func send(_ packet: Packet?) -> Int32 { avcodec_send_packet(context, packet?.pointer) }

    /// Takes the next frame, when there is one.
    func receive(into picture: Picture) -> Int32 {
        avcodec_receive_frame(context, picture.pointer)
    }
}
