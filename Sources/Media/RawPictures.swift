import CFFmpeg
import Tensors

/// Makes pictures without compression, as virtual cameras take them, from RGB frames: BT.601, limited range.
///
/// It belongs to one thread.
final class RawPictures {
    /// How pixels lie in memory.
    enum Layout: String, CaseIterable, Sendable {
        /// Two pixels in four bytes: Y U Y V.
        case yuyv
        /// A plane of Y, and planes of U and V of half its width and height.
        case i420

        var format: AVPixelFormat { self == .yuyv ? AV_PIX_FMT_YUYV422 : AV_PIX_FMT_YUV420P }
    }

    let layout: Layout
    let width: Int, height: Int
    private let picture: Picture
    private var scaler: OpaquePointer?
    private var from = (width: 0, height: 0)

    /// - Parameters:
    ///   - width: even, as is the height.
    init(_ layout: Layout, width: Int, height: Int) {
        (self.layout, self.width, self.height) = (layout, width, height)
        picture = Picture(width: width, height: height, format: layout.format)
    }

    deinit { sws_freeContext(scaler) }

    /// Bytes of a picture.
    var byteCount: Int {
        width * height * (layout == .yuyv ? 2 : 1) + (layout == .i420 ? width * height / 2 : 0)
    }

    /// The first frame of `[n, h, w, 3]`; one of another size is scaled.
    func make(_ frame: Tensor<UInt8>) throws(MediaError) -> [UInt8] {
        try prepare(width: frame.shape[2], height: frame.shape[1])
        _ = ff_scale_from_rgb(
            scaler, frame.pointer, Int32(3 * from.width), Int32(from.height), picture.pointer)
        var bytes = [UInt8](repeating: 0, count: byteCount)
        _ = ff_copy_picture(picture.pointer, &bytes, Int32(bytes.count))
        return bytes
    }

    private func prepare(width: Int, height: Int) throws(MediaError) {
        guard scaler == nil || from != (width, height) else { return }
        FFmpeg.prepare()
        sws_freeContext(scaler)
        from = (width, height)
        scaler = sws_getContext(
            Int32(width), Int32(height), AV_PIX_FMT_RGB24, Int32(self.width), Int32(self.height),
            layout.format, SWS_BILINEAR, nil, nil, nil)
        guard let scaler else {
            throw .failed(
                call: "sws_getContext", argument: "\(width)x\(height)",
                reason: "it has no such size")
        }
        sws_setColorspaceDetails(
            scaler, sws_getCoefficients(SWS_CS_ITU601), 1, sws_getCoefficients(SWS_CS_ITU601), 0, 0,
            1 << 16, 1 << 16)
    }
}
