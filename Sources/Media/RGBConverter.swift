import CFFmpeg
import Kernels
import Tensors

/// Turns decoded frames of any pixel format into RGB as they are shown.
///
/// The matrix and range are the stream's. 8-bit 4:2:0 at its own size, which is nearly every film,
/// goes through our own loop, straight into the tensor; all else through swscale with full chroma
/// interpolation and exact rounding.
final class RGBConverter {
    private let orientation: Orientation
    private var plan: Plan?
    private var scaler: OpaquePointer?
    private var scratch: Picture?
    private var scratchRows: [Int16] = []

    init(_ orientation: Orientation) { self.orientation = orientation }

    deinit { sws_freeContext(scaler) }

    /// All that the scaler depends on.
    private struct Plan: Equatable {
        let format: Int32
        let width, height, toWidth, toHeight: Int
        let matrix: Int32
        let isFullRange: Bool
        let chroma: (x: Int, y: Int)

        static func == (a: Plan, b: Plan) -> Bool {
            a.format == b.format && a.width == b.width && a.height == b.height
                && a.toWidth == b.toWidth && a.toHeight == b.toHeight && a.matrix == b.matrix
                && a.isFullRange == b.isFullRange && a.chroma == b.chroma
        }
    }

    /// Writes a frame into `[1, h, w, 3]`, scaled to that size if it has another.
    func convert(_ picture: Picture, into tensor: Tensor<UInt8>) throws(MediaError) {
        let (height, width) = (tensor.shape[1], tensor.shape[2])
        let turned = orientation.swapsAxes
        if orientation.keepsRows && convertDirectly(picture, into: tensor) { return }
        try prepare(picture, width: turned ? height : width, height: turned ? width : height)
        // swscale touches bytes past the ends of rows, so it gets a padded picture.
        let (rows, stride) = scratch!.rows
        ff_scale_to_rgb(scaler, picture.pointer, rows, Int32(stride))
        picture_orient(
            rows, stride, Int32(scratch!.width), Int32(scratch!.height), tensor.pointer,
            turned ? 1 : 0, orientation.flipsX ? 1 : 0, orientation.flipsY ? 1 : 0)
    }

    /// The loop of ``Kernels`` for the most usual kind of frame; false when it is another.
    ///
    /// 512x512 takes it 0.3 ms, where swscale at this quality takes 2.2 ms.
    private func convertDirectly(_ picture: Picture, into tensor: Tensor<UInt8>) -> Bool {
        let frame = picture.pointer.pointee
        let format = AVPixelFormat(frame.format)
        guard format == AV_PIX_FMT_YUV420P || format == AV_PIX_FMT_YUVJ420P,
            tensor.shape[1] == picture.height, tensor.shape[2] == picture.width,
            let shares = Self.lumaShares[Self.matrix(of: frame)],
            Self.chroma(of: frame).y == 128
        else { return false }
        var matrix = Self.matrix(
            red: shares.red, blue: shares.blue, isFullRange: Self.isFullRange(frame))
        matrix.is_centred = Self.chroma(of: frame).x == 128 ? 1 : 0
        let room = 2 * (picture.width + 2)
        if scratchRows.count < room { scratchRows = [Int16](repeating: 0, count: room) }
        let (planes, strides) = (frame.data, frame.linesize)
        picture_from_yuv420(
            planes.0, Int(strides.0), planes.1, Int(strides.1), planes.2, Int(strides.2),
            frame.width, frame.height, &matrix, &scratchRows, tensor.pointer)
        return true
    }

    /// How much red and blue count for luma, by swscale's name of the matrix (ITU-T H.273, table 4).
    private static let lumaShares: [Int32: (red: Double, blue: Double)] = [
        SWS_CS_ITU601: (0.299, 0.114), SWS_CS_ITU709: (0.2126, 0.0722),
        SWS_CS_BT2020: (0.2627, 0.0593),
    ]

    private static func matrix(red: Double, blue: Double, isFullRange: Bool) -> picture_matrix {
        let green = 1 - red - blue
        let light = isFullRange ? 1 : 255.0 / 219, colour = isFullRange ? 1 : 255.0 / 224
        func fixed(_ value: Double) -> Int32 { Int32((value * 16_384).rounded()) }
        return picture_matrix(
            luma: fixed(light), red_v: fixed(2 * (1 - red) * colour),
            green_u: fixed(-2 * (1 - blue) * blue / green * colour),
            green_v: fixed(-2 * (1 - red) * red / green * colour),
            blue_u: fixed(2 * (1 - blue) * colour), black: isFullRange ? 0 : 16, is_centred: 0)
    }

    private func prepare(
        _ picture: Picture, width: Int, height: Int
    ) throws(MediaError) {
        let frame = picture.pointer.pointee
        let wanted = Plan(
            format: frame.format, width: picture.width, height: picture.height, toWidth: width,
            toHeight: height, matrix: Self.matrix(of: frame),
            isFullRange: Self.isFullRange(frame), chroma: Self.chroma(of: frame))
        guard wanted != plan else { return }
        sws_freeContext(scaler)
        scaler = try Self.makeScaler(wanted)
        scratch = Picture(width: width, height: height, format: AV_PIX_FMT_RGB24)
        plan = wanted
    }

    private static func makeScaler(_ plan: Plan) throws(MediaError) -> OpaquePointer {
        let scaler = FFmpeg.allocated(sws_alloc_context())
        let object = UnsafeMutableRawPointer(scaler)
        let flags = SWS_BICUBIC | SWS_FULL_CHR_H_INT | SWS_FULL_CHR_H_INP | SWS_ACCURATE_RND
        let values: KeyValuePairs = [
            "srcw": plan.width, "srch": plan.height, "src_format": Int(plan.format),
            "dstw": plan.toWidth, "dsth": plan.toHeight,
            "dst_format": Int(AV_PIX_FMT_RGB24.rawValue), "sws_flags": Int(flags),
            "src_h_chr_pos": plan.chroma.x, "src_v_chr_pos": plan.chroma.y,
            "src_range": plan.isFullRange ? 1 : 0, "dst_range": 1,
        ]
        for (key, value) in values { av_opt_set_int(object, key, Int64(value), 0) }
        let code = sws_init_context(scaler, nil, nil)
        guard code >= 0 else {
            sws_freeContext(scaler)
            let name = av_get_pix_fmt_name(AVPixelFormat(plan.format)).map { String(cString: $0) }
            throw .failed(
                call: "sws_init_context", argument: "\(name ?? "?") \(plan.width)x\(plan.height)",
                reason: FFmpeg.reason(code))
        }
        sws_setColorspaceDetails(
            scaler, sws_getCoefficients(plan.matrix), plan.isFullRange ? 1 : 0,
            sws_getCoefficients(SWS_CS_DEFAULT), 1, 0, 1 << 16, 1 << 16)
        return scaler
    }

    /// The stream's matrix; unsaid, BT.709 from 1280x577 on and BT.601 below, as players guess.
    private static func matrix(of frame: AVFrame) -> Int32 {
        switch frame.colorspace {
        case AVCOL_SPC_BT709: SWS_CS_ITU709
        case AVCOL_SPC_FCC: SWS_CS_FCC
        case AVCOL_SPC_SMPTE240M: SWS_CS_SMPTE240M
        case AVCOL_SPC_BT2020_NCL, AVCOL_SPC_BT2020_CL: SWS_CS_BT2020
        case AVCOL_SPC_BT470BG, AVCOL_SPC_SMPTE170M: SWS_CS_ITU601
        default:
            !isFullRange(frame) && (frame.width >= 1280 || frame.height > 576)
                ? SWS_CS_ITU709 : SWS_CS_ITU601
        }
    }

    /// Whether luma uses 0...255; grey pictures and JPEG's own formats always do.
    private static func isFullRange(_ frame: AVFrame) -> Bool {
        let format = AVPixelFormat(frame.format)
        let isJPEG = [
            AV_PIX_FMT_YUVJ420P, AV_PIX_FMT_YUVJ422P, AV_PIX_FMT_YUVJ444P, AV_PIX_FMT_YUVJ440P,
            AV_PIX_FMT_YUVJ411P,
        ].contains { $0 == format }
        let components = av_pix_fmt_desc_get(format)?.pointee.nb_components ?? 3
        return isJPEG || frame.color_range == AVCOL_RANGE_JPEG
            || (components < 3 && frame.color_range != AVCOL_RANGE_MPEG)
    }

    /// Where chroma samples lie, in 1/256 of a pixel: left for films, centre for JPEG.
    private static func chroma(of frame: AVFrame) -> (x: Int, y: Int) {
        guard let description = av_pix_fmt_desc_get(AVPixelFormat(frame.format))?.pointee,
            description.log2_chroma_w == 1
        else { return (-513, -513) }  // swscale's "not set"
        let vertical = description.log2_chroma_h == 1
        switch frame.chroma_location {
        case AVCHROMA_LOC_CENTER: return (128, vertical ? 128 : -513)
        case AVCHROMA_LOC_TOPLEFT: return (0, vertical ? 0 : -513)
        case AVCHROMA_LOC_TOP: return (128, vertical ? 0 : -513)
        case AVCHROMA_LOC_LEFT: return (0, vertical ? 128 : -513)
        default: return (isFullRange(frame) ? 128 : 0, vertical ? 128 : -513)
        }
    }
}
