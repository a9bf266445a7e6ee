import CFFmpeg

/// Turns packets of one stream into frames.
final class Decoder {
    private let context: UnsafeMutablePointer<AVCodecContext>

    /// A decoder for a stream with these parameters.
    ///
    /// - Parameter name: the file or device, for errors.
    init(
        _ parameters: UnsafePointer<AVCodecParameters>, timeBase: AVRational, threads: Int,
        strict: Bool = false, name: String
    ) throws(MediaError) {
        let codec = String(cString: avcodec_get_name(parameters.pointee.codec_id))
        guard let decoder = avcodec_find_decoder(parameters.pointee.codec_id) else {
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
        if strict { context.pointee.err_recognition = AV_EF_CRCCHECK | AV_EF_EXPLODE }
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
