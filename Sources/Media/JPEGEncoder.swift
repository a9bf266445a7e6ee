import CFFmpeg
import Tensors

/// Makes JPEG pictures from frames, for previews and for viewers without a decoder of films.
///
/// 512x512 takes about 2 ms. An encoder belongs to one thread.
package final class JPEGEncoder {
    private var context: UnsafeMutablePointer<AVCodecContext>?
    private var scaler: OpaquePointer?
    private var from: (width: Int, height: Int) = (0, 0)
    private let largestWidth: Int
    private let quality: Int32

    /// - Parameters:
    ///   - largestWidth: wider frames are made smaller, in proportion, to so many pixels.
    ///   - quality: FFmpeg's quantiser, 2 (best) to 31.
    package init(largestWidth: Int = 1024, quality: Int = 4) {
        (self.largestWidth, self.quality) = (largestWidth, Int32(quality))
    }

    deinit { close() }

    private func close() {
        avcodec_free_context(&context)
        sws_freeContext(scaler)
        scaler = nil
    }

    /// The size of a picture that was made of a frame.
    package func size(of shape: [Int]) -> (width: Int, height: Int) {
        let (height, width) = (shape[1], shape[2])
        guard width > largestWidth else { return (width, height) }
        return (largestWidth, max(1, height * largestWidth / width))
    }

    /// Encodes the first frame of `[n, h, w, 3]` RGB.
    package func encode(_ tensor: Tensor<UInt8>) throws(MediaError) -> [UInt8] {
        precondition(tensor.shape.count == 4 && tensor.shape[3] == 3)
        let (height, width) = (tensor.shape[1], tensor.shape[2])
        // There is no scaler after an error.
        if scaler == nil || from != (width, height) {
            try open(width, height, size(of: tensor.shape))
        }
        let size = size(of: tensor.shape)
        let picture = Picture(width: size.width, height: size.height, format: AV_PIX_FMT_YUVJ420P)
        _ = ff_scale_from_rgb(
            scaler, tensor.pointer, Int32(3 * width), Int32(height), picture.pointer)
        // The quantiser is taken from each frame.
        picture.pointer.pointee.quality = quality * FF_QP2LAMBDA
        let argument = "JPEG \(size.width)x\(size.height)"
        try FFmpeg.check(
            avcodec_send_frame(context, picture.pointer), "avcodec_send_frame", argument)
        let packet = Packet()
        try FFmpeg.check(
            avcodec_receive_packet(context, packet.pointer), "avcodec_receive_packet", argument)
        return packet.bytes
    }

    private func open(_ width: Int, _ height: Int, _ size: (width: Int, height: Int))
        throws(MediaError)
    {
        FFmpeg.prepare()
        close()
        from = (width, height)
        context = avcodec_alloc_context3(avcodec_find_encoder(AV_CODEC_ID_MJPEG))
        context!.pointee.width = Int32(size.width)
        context!.pointee.height = Int32(size.height)
        context!.pointee.pix_fmt = AV_PIX_FMT_YUVJ420P
        context!.pointee.color_range = AVCOL_RANGE_JPEG
        context!.pointee.time_base = AVRational(num: 1, den: 25)
        context!.pointee.flags |= AV_CODEC_FLAG_QSCALE
        context!.pointee.global_quality = quality * FF_QP2LAMBDA
        context!.pointee.thread_count = 1
        try FFmpeg.check(
            avcodec_open2(context, nil, nil), "avcodec_open2", "JPEG \(size.width)x\(size.height)")
        scaler = sws_getContext(
            Int32(width), Int32(height), AV_PIX_FMT_RGB24, Int32(size.width), Int32(size.height),
            AV_PIX_FMT_YUVJ420P, SWS_BILINEAR, nil, nil, nil)
        guard let scaler else {
            throw .failed(
                call: "sws_getContext", argument: "\(width)x\(height)", reason: "it has no such size")
        }
        // JFIF: the matrix of ITU-R BT.601, in full range.
        sws_setColorspaceDetails(
            scaler, sws_getCoefficients(SWS_CS_ITU601), 1, sws_getCoefficients(SWS_CS_ITU601), 1, 0,
            1 << 16, 1 << 16)
    }
}
