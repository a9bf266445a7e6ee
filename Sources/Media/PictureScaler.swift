import CFFmpeg

/// One set of swscale's tables: frames of one size and format into packed rows of another.
///
/// The matrix and range are the frame's; chroma is interpolated in full, and rounding is exact.
final class PictureScaler {
    /// All that the tables depend on.
    struct Plan: Equatable {
        let format: Int32
        let width, height, toWidth, toHeight: Int
        let toFormat: AVPixelFormat
        let matrix: Int32
        let isFullRange: Bool
        let chromaX, chromaY: Int

        init(_ picture: Picture, width: Int, height: Int, to format: AVPixelFormat) {
            let frame = picture.pointer.pointee
            self.format = frame.format
            (self.width, self.height) = (picture.width, picture.height)
            (toWidth, toHeight, toFormat) = (width, height, format)
            (matrix, isFullRange) = (frame.matrix, frame.isFullRange)
            (chromaX, chromaY) = frame.chroma
        }
    }

    let plan: Plan
    private let scaler: OpaquePointer

    init(_ plan: Plan) throws(MediaError) {
        let scaler = FFmpeg.allocated(sws_alloc_context())
        let object = UnsafeMutableRawPointer(scaler)
        let flags = SWS_BICUBIC | SWS_FULL_CHR_H_INT | SWS_FULL_CHR_H_INP | SWS_ACCURATE_RND
        let values: KeyValuePairs = [
            "srcw": plan.width, "srch": plan.height, "src_format": Int(plan.format),
            "dstw": plan.toWidth, "dsth": plan.toHeight,
            "dst_format": Int(plan.toFormat.rawValue), "sws_flags": Int(flags),
            "src_h_chr_pos": plan.chromaX, "src_v_chr_pos": plan.chromaY,
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
        self.plan = plan
        self.scaler = scaler
    }

    deinit { sws_freeContext(scaler) }

    /// Fills a picture of the plan's size and format.
    func scale(_ picture: Picture, into target: Picture) {
        let (rows, stride) = target.rows
        ff_scale_to_rgb(scaler, picture.pointer, rows, Int32(stride))
    }
}

/// How a frame's numbers become colours.
extension AVFrame {
    /// The frame's matrix; unsaid, BT.709 from 1280x577 on and BT.601 below, as players guess.
    var matrix: Int32 {
        switch colorspace {
        case AVCOL_SPC_BT709: SWS_CS_ITU709
        case AVCOL_SPC_FCC: SWS_CS_FCC
        case AVCOL_SPC_SMPTE240M: SWS_CS_SMPTE240M
        case AVCOL_SPC_BT2020_NCL, AVCOL_SPC_BT2020_CL: SWS_CS_BT2020
        case AVCOL_SPC_BT470BG, AVCOL_SPC_SMPTE170M: SWS_CS_ITU601
        default: !isFullRange && (width >= 1280 || height > 576) ? SWS_CS_ITU709 : SWS_CS_ITU601
        }
    }

    /// Whether luma uses 0...255; grey pictures and JPEG's own formats always do.
    var isFullRange: Bool {
        let format = AVPixelFormat(self.format)
        let isJPEG = [
            AV_PIX_FMT_YUVJ420P, AV_PIX_FMT_YUVJ422P, AV_PIX_FMT_YUVJ444P, AV_PIX_FMT_YUVJ440P,
            AV_PIX_FMT_YUVJ411P,
        ].contains { $0 == format }
        let components = av_pix_fmt_desc_get(format)?.pointee.nb_components ?? 3
        return isJPEG || color_range == AVCOL_RANGE_JPEG
            || (components < 3 && color_range != AVCOL_RANGE_MPEG)
    }

    /// Where chroma samples lie, in 1/256 of a pixel: left for films, centre for JPEG.
    var chroma: (x: Int, y: Int) {
        guard let description = av_pix_fmt_desc_get(AVPixelFormat(format))?.pointee,
            description.log2_chroma_w == 1
        else { return (-513, -513) }  // swscale's "not set"
        let vertical = description.log2_chroma_h == 1
        switch chroma_location {
        case AVCHROMA_LOC_CENTER: return (128, vertical ? 128 : -513)
        case AVCHROMA_LOC_TOPLEFT: return (0, vertical ? 0 : -513)
        case AVCHROMA_LOC_TOP: return (128, vertical ? 0 : -513)
        case AVCHROMA_LOC_LEFT: return (0, vertical ? 128 : -513)
        default: return (isFullRange ? 128 : 0, vertical ? 128 : -513)
        }
    }

    /// Whether the format has room for transparency.
    var hasAlpha: Bool {
        let flags = av_pix_fmt_desc_get(AVPixelFormat(format))?.pointee.flags ?? 0
        return flags & UInt64(AV_PIX_FMT_FLAG_ALPHA) != 0
    }
}
