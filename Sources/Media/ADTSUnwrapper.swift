import CFFmpeg

/// Takes AAC out of the frames that broadcasts put around every packet; mp4 says that once.
final class ADTSUnwrapper {
    private var filter: UnsafeMutablePointer<AVBSFContext>?

    init(_ parameters: UnsafePointer<AVCodecParameters>) throws(MediaError) {
        let kind = av_bsf_get_by_name("aac_adtstoasc")
        try FFmpeg.check(av_bsf_alloc(kind, &filter), "av_bsf_alloc", "aac_adtstoasc")
        try FFmpeg.check(
            avcodec_parameters_copy(filter!.pointee.par_in, parameters),
            "avcodec_parameters_copy", "aac_adtstoasc")
        try FFmpeg.check(av_bsf_init(filter), "av_bsf_init", "aac_adtstoasc")
    }

    deinit { av_bsf_free(&filter) }

    /// Unwraps a packet in place; the first one carries the codec's header from then on.
    func unwrap(_ packet: Packet) throws(MediaError) {
        try FFmpeg.check(
            av_bsf_send_packet(filter, packet.pointer), "av_bsf_send_packet", "aac_adtstoasc")
        try FFmpeg.check(
            av_bsf_receive_packet(filter, packet.pointer), "av_bsf_receive_packet",
            "aac_adtstoasc")
    }
}
