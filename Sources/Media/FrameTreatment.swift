import CFFmpeg

/// What has to be done to decoded frames before they are pictures as screens show them.
///
/// Pure: it is told what stream and frame say of themselves.
struct FrameTreatment: Equatable {
    /// How light is coded in films with more of it than screens show.
    enum HighRange: Equatable {
        /// Hybrid log-gamma (ARIB STD-B67), as phones film.
        case hlg
        /// Perceptual quantiser (SMPTE ST 2084, HDR10), with the brightest light in nits, if said.
        case pq(peak: Double?)
    }

    /// Whether frames hold two fields, taken at different times.
    var isInterlaced = false
    var highRange: HighRange?

    var isNone: Bool { self == FrameTreatment() }

    /// Diffuse white in HDR, in nits: ITU-R BT.2408, table 1.
    private static let white = 203.0
    /// The screen that HLG is made for, and the usual one of HDR10, in nits: BT.2100, table 5.
    private static let usualPeak = 1_000.0

    /// The chain of libavfilter's filters, as `ffmpeg -vf` takes it; nil when there is nothing to do.
    ///
    /// - Parameter tags: what frames say of their colours.
    func chain(_ tags: Tags) -> String? {
        var filters: [String] = []
        if isInterlaced { filters.append("bwdif=mode=send_frame:parity=auto:deint=interlaced") }
        if let highRange { filters.append(Self.toneMapping(highRange, tags)) }
        return filters.isEmpty ? nil : filters.joined(separator: ",")
    }

    /// What frames say of their colours, by the numbers of ITU-T H.273; what they leave open is what
    /// HDR films have (BT.2100).
    struct Tags: Equatable {
        var primaries = AVCOL_PRI_UNSPECIFIED
        var matrix = AVCOL_SPC_UNSPECIFIED
        var isFullRange = false
        var isRGB = false
    }

    /// Light up to diffuse white stays nearly as it is; what is brighter is bent below it.
    private static func toneMapping(_ range: HighRange, _ tags: Tags) -> String {
        let peak: Double
        let transfer: String
        switch range {
        case .hlg: (transfer, peak) = ("arib-std-b67", usualPeak)
        case .pq(let said): (transfer, peak) = ("smpte2084", said ?? usualPeak)
        }
        let primaries =
            tags.primaries == AVCOL_PRI_UNSPECIFIED
            ? "2020" : "\(tags.primaries.rawValue)"
        let isKnown =
            tags.matrix != AVCOL_SPC_UNSPECIFIED && (tags.matrix != AVCOL_SPC_RGB || tags.isRGB)
        let matrix = tags.isRGB ? "gbr" : isKnown ? "\(tags.matrix.rawValue)" : "2020_ncl"
        let given =
            "tin=\(transfer):pin=\(primaries):min=\(matrix):rin=\(tags.isFullRange ? "full" : "limited")"
        return "zscale=\(given):t=linear:npl=\(Int(white)):p=bt709,format=gbrpf32le,"
            + "tonemap=mobius:param=0.7:desat=0:peak=\(max(peak / white, 1)),"
            + "zscale=t=bt709:m=bt709:r=limited,format=yuv420p"
    }
}

extension FrameTreatment {
    /// What a frame needs; the stream's word counts where the frame says nothing.
    ///
    /// - Parameter isInterlaced: whether frames before it held two fields: the filter goes on then,
    ///   and passes whole ones as they are.
    init(of frame: AVFrame, in stream: AVCodecParameters, isInterlaced: Bool, peak: Double?) {
        self.isInterlaced = isInterlaced || frame.interlaced_frame != 0
        let transfer =
            frame.color_trc == AVCOL_TRC_UNSPECIFIED ? stream.color_trc : frame.color_trc
        switch transfer {
        case AVCOL_TRC_ARIB_STD_B67: highRange = .hlg
        case AVCOL_TRC_SMPTE2084: highRange = .pq(peak: peak)
        default: break
        }
    }
}

extension FrameTreatment.Tags {
    init(of frame: AVFrame, in stream: AVCodecParameters) {
        primaries =
            frame.color_primaries == AVCOL_PRI_UNSPECIFIED
            ? stream.color_primaries : frame.color_primaries
        matrix =
            frame.colorspace == AVCOL_SPC_UNSPECIFIED ? stream.color_space : frame.colorspace
        isFullRange = frame.color_range == AVCOL_RANGE_JPEG
        let flags = av_pix_fmt_desc_get(AVPixelFormat(frame.format))?.pointee.flags ?? 0
        isRGB = flags & UInt64(AV_PIX_FMT_FLAG_RGB) != 0
    }
}
