import CFFmpeg
import Tensors

/// Turns the chunks of a browser's encoder (VP8, H.264 in Annex B, or JPEG) into frames.
///
/// No chunk is kept back: both codecs are decoded without delay. A decoder belongs to one thread.
package final class ChunkDecoder {
    private let context: UnsafeMutablePointer<AVCodecContext>
    private let codec: LiveMessage.Codec
    private let converter = RGBConverter(Orientation())
    private let picture = Picture()

    package init(_ codec: LiveMessage.Codec, threads: Int = 1) throws(MediaError) {
        FFmpeg.prepare()
        self.codec = codec
        let id =
            switch codec {
            case .jpeg: AV_CODEC_ID_MJPEG
            case .vp8: AV_CODEC_ID_VP8
            case .h264: AV_CODEC_ID_H264
            }
        guard let decoder = avcodec_find_decoder(id) else {
            throw .failed(call: "avcodec_find_decoder", argument: "\(codec)", reason: "there is none")
        }
        context = FFmpeg.allocated(avcodec_alloc_context3(decoder))
        context.pointee.thread_count = Int32(threads)
        // Threads that work on several frames at once would each hold one back.
        context.pointee.thread_type = FF_THREAD_SLICE
        context.pointee.flags |= AV_CODEC_FLAG_LOW_DELAY
        // The codec takes no memory for a picture that is refused below.
        context.pointee.max_pixels = Int64(Self.largestSide * Self.largestSide)
        try FFmpeg.check(avcodec_open2(context, decoder, nil), "avcodec_open2", "\(codec)")
    }

    deinit {
        var context: UnsafeMutablePointer<AVCodecContext>? = context
        avcodec_free_context(&context)
    }

    /// Pixels of a side beyond which a chunk is refused: what a browser sends is not believed.
    private static let largestSide = 4096

    /// Decodes one chunk into `[1, h, w, 3]`, scaled to that size if it has another.
    ///
    /// - Returns: whether there is a picture now.
    /// - Throws: ``MediaError`` when the chunk is damaged, or lacks what it refers to.
    package func decode(_ chunk: [UInt8], into tensor: Tensor<UInt8>) throws(MediaError) -> Bool {
        let packet = Packet(chunk)
        let sent = withExtendedLifetime(packet) { avcodec_send_packet(context, packet.pointer) }
        try FFmpeg.check(sent, "avcodec_send_packet", "\(codec)")
        let code = avcodec_receive_frame(context, picture.pointer)
        if code == FF_EAGAIN { return false }
        try FFmpeg.check(code, "avcodec_receive_frame", "\(codec)")
        guard picture.width <= Self.largestSide, picture.height <= Self.largestSide else {
            throw .failed(
                call: "decode", argument: "\(codec)",
                reason: "\(picture.width)x\(picture.height) is more than \(Self.largestSide) pixels")
        }
        try converter.convert(picture, into: tensor)
        return true
    }
}
