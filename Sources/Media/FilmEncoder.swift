import CFFmpeg
import Kernels
import Marks
import Tensors

/// Compresses RGB frames as H.264 or VP9: yuv420p, limited range.
///
/// From 1280x577 on, colours are coded and flagged as BT.709, below as BT.601: what players assume
/// of films that do not say. An odd side is made even by repeating its last row or column.
final class FilmEncoder {
    /// A codec and the library that compresses with it.
    enum Codec: String {
        case h264 = "libx264", vp9 = "libvpx-vp9"

        var name: String { self == .h264 ? "H.264" : "VP9" }
    }

    /// Ticks a second: every usual frame rate, 24000/1001 and its kin included, is exact.
    static let timeBase = AVRational(num: 1, den: 360_000)

    /// Size of the coded picture: even.
    let width: Int, height: Int
    let context: UnsafeMutablePointer<AVCodecContext>
    private let picture: Picture
    private var weights: picture_weights
    private var scratchRows: [Int16]
    private var padded: Picture?
    private var scaler: OpaquePointer?
    private var scaledFrom = (width: 0, height: 0)
    /// Durations by presentation time, of what is still inside the encoder.
    private var durations: [Int64: Int64] = [:]
    private let marks: FrameMarks
    private let path: String

    /// An encoder for frames of this size, for a film.
    ///
    /// - Parameters:
    ///   - interval: nanoseconds from frame to frame, a hint for the file's header.
    ///   - path: the file, for errors.
    convenience init(
        _ codec: Codec, width: Int, height: Int, interval: Int64, options: VideoWriterOptions,
        path: String
    ) throws(MediaError) {
        let ticks = max(av_rescale_q(interval, .nanosecond, Self.timeBase), 1)
        let group = Int64(VideoWriterOptions.keyframeInterval) * Int64(Self.timeBase.den) / ticks
        try self.init(
            library: codec.rawValue, width: width, height: height, interval: interval,
            values: [("g", String(group))] + options.values(for: codec), threads: options.threads,
            marks: options.marks, path: path)
    }

    /// An encoder of one of FFmpeg's libraries.
    ///
    /// - Parameters:
    ///   - interval: nanoseconds from frame to frame, a hint for the header.
    ///   - values: the library's options.
    ///   - marks: what says in the pictures that a network made them.
    ///   - path: what is made, for errors.
    init(
        library name: String, width: Int, height: Int, interval: Int64,
        values options: [(name: String, value: String)], threads: Int, marks: MarkOptions,
        path: String
    ) throws(MediaError) {
        FFmpeg.prepare()
        self.marks = FrameMarks(marks)
        (self.width, self.height, self.path) = (width + width % 2, height + height % 2, path)
        guard let library = avcodec_find_encoder_by_name(name) else {
            throw .failed(
                call: "avcodec_find_encoder_by_name", argument: name,
                reason: "this FFmpeg was built without it")
        }
        weights = Self.weights(isHD: Self.isHD(width: self.width, height: self.height))
        scratchRows = [Int16](repeating: 0, count: 3 * (self.width + 2))
        picture = Picture(width: self.width, height: self.height, format: AV_PIX_FMT_YUV420P)
        context = FFmpeg.allocated(avcodec_alloc_context3(library))
        describe(interval: interval)
        context.pointee.thread_count = Int32(threads)
        var values = Options([:])
        for (name, value) in options { av_dict_set(&values.pointer, name, value, 0) }
        try FFmpeg.check(
            avcodec_open2(context, library, &values.pointer), "avcodec_open2",
            "\(name) \(self.width)x\(self.height), "
                + (options.first { $0.name == "preset" }.map { "preset \($0.value)" } ?? ""))
    }

    deinit {
        sws_freeContext(scaler)
        var context: UnsafeMutablePointer<AVCodecContext>? = context
        avcodec_free_context(&context)
    }

    private static func isHD(width: Int, height: Int) -> Bool { width >= 1280 || height > 576 }

    private func describe(interval: Int64) {
        let isHD = Self.isHD(width: width, height: height)
        context.pointee.width = Int32(width)
        context.pointee.height = Int32(height)
        context.pointee.pix_fmt = AV_PIX_FMT_YUV420P
        context.pointee.time_base = Self.timeBase
        let ticks = max(av_rescale_q(interval, .nanosecond, Self.timeBase), 1)
        av_reduce(
            &context.pointee.framerate.num, &context.pointee.framerate.den,
            Int64(Self.timeBase.den), ticks, Int64(Int32.max))
        context.pointee.sample_aspect_ratio = AVRational(num: 1, den: 1)
        context.pointee.color_range = AVCOL_RANGE_MPEG
        context.pointee.colorspace = isHD ? AVCOL_SPC_BT709 : AVCOL_SPC_SMPTE170M
        context.pointee.color_primaries = isHD ? AVCOL_PRI_BT709 : AVCOL_PRI_SMPTE170M
        context.pointee.color_trc = isHD ? AVCOL_TRC_BT709 : AVCOL_TRC_SMPTE170M
        context.pointee.chroma_sample_location = AVCHROMA_LOC_LEFT
        // mp4 keeps the codec's header apart from the pictures.
        context.pointee.flags |= AV_CODEC_FLAG_GLOBAL_HEADER
    }

    /// Marks a frame and gives it to the encoder; times in ``timeBase``.
    ///
    /// - Parameters:
    ///   - isKey: whether a decoder has to be able to begin with it.
    ///   - start: time of the film's first frame, from which the sign's seconds count.
    func send(
        _ frame: Tensor<UInt8>, at time: Int64, for duration: Int64, isKey: Bool = false,
        start: Int64 = 0
    ) throws(MediaError) {
        try FFmpeg.check(av_frame_make_writable(picture.pointer), "av_frame_make_writable", path)
        let presentation = av_rescale_q(time - start, Self.timeBase, .nanosecond)
        try convert(marks.apply(to: frame, at: presentation))
        picture.pointer.pointee.pts = time
        picture.pointer.pointee.pict_type = isKey ? AV_PICTURE_TYPE_I : AV_PICTURE_TYPE_NONE
        durations[time] = duration
        try FFmpeg.check(avcodec_send_frame(context, picture.pointer), "avcodec_send_frame", path)
    }

    /// The codec's parameters, as Annex B of H.264.
    var header: [UInt8] {
        Array(
            UnsafeBufferPointer(
                start: context.pointee.extradata, count: Int(context.pointee.extradata_size)))
    }

    /// Makes the encoder hand out what it holds back.
    func end() throws(MediaError) {
        try FFmpeg.check(avcodec_send_frame(context, nil), "avcodec_send_frame", path)
    }

    /// The next compressed frame, or nil when the encoder wants more (or has ended).
    func receive() throws(MediaError) -> Packet? {
        let packet = Packet()
        let code = avcodec_receive_packet(context, packet.pointer)
        if code == FF_EAGAIN || code == FF_EOF { return nil }
        try FFmpeg.check(code, "avcodec_receive_packet", path)
        packet.pointer.pointee.duration =
            durations.removeValue(forKey: packet.pointer.pointee.pts) ?? 0
        return packet
    }

    private func convert(_ frame: Tensor<UInt8>) throws(MediaError) {
        let (height, width) = (frame.shape[1], frame.shape[2])
        if width + width % 2 == self.width && height + height % 2 == self.height {
            convertDirectly(frame)
            return
        }
        // swscale reads past the end of packed rows, where another process's memory may end.
        try prepareScaler(width: width, height: height)
        if padded?.width != width || padded?.height != height {
            padded = Picture(width: width, height: height, format: AV_PIX_FMT_RGB24)
        }
        let (rows, stride) = padded!.rows
        picture_pad(
            frame.pointer, Int32(width), Int32(height), rows, stride, Int32(width), Int32(height))
        ff_scale_from_rgb(scaler, rows, Int32(stride), Int32(height), picture.pointer)
    }

    private func convertDirectly(_ frame: Tensor<UInt8>) {
        let (planes, strides) = (picture.pointer.pointee.data, picture.pointer.pointee.linesize)
        picture_to_yuv420(
            frame.pointer, Int32(frame.shape[2]), Int32(frame.shape[1]), &weights, Int32(width),
            Int32(height), &scratchRows, planes.0, Int(strides.0), planes.1, Int(strides.1),
            planes.2, Int(strides.2))
    }

    /// The matrix of ITU-T H.273, equations 38 to 40, in the limited range.
    private static func weights(isHD: Bool) -> picture_weights {
        let (red, blue) = isHD ? (0.2126, 0.0722) : (0.299, 0.114)
        let green = 1 - red - blue
        func fixed(_ value: Double) -> Int32 { Int32((value * 65_536 / 255).rounded()) }
        let u = 224 / (2 * (1 - blue)), v = 224 / (2 * (1 - red))
        return picture_weights(
            luma: (fixed(219 * red), fixed(219 * green), fixed(219 * blue)),
            u: (fixed(-red * u), fixed(-green * u), fixed(112)),
            v: (fixed(112), fixed(-green * v), fixed(-blue * v)))
    }

    private func prepareScaler(width: Int, height: Int) throws(MediaError) {
        guard scaler == nil || scaledFrom != (width, height) else { return }
        sws_freeContext(scaler)
        scaledFrom = (width, height)
        let flags = SWS_BICUBIC | SWS_FULL_CHR_H_INP | SWS_ACCURATE_RND
        scaler = sws_getContext(
            Int32(width), Int32(height), AV_PIX_FMT_RGB24, Int32(self.width), Int32(self.height),
            AV_PIX_FMT_YUV420P, flags, nil, nil, nil)
        guard scaler != nil else {
            throw .failed(
                call: "sws_getContext", argument: "\(width)x\(height)",
                reason: FFmpeg.reason(FF_INVALIDDATA))
        }
        let isHD = context.pointee.colorspace == AVCOL_SPC_BT709
        let table = sws_getCoefficients(isHD ? SWS_CS_ITU709 : SWS_CS_ITU601)
        sws_setColorspaceDetails(scaler, table, 1, table, 0, 0, 1 << 16, 1 << 16)
    }
}
