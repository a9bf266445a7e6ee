import CFFmpeg
import Kernels
import Tensors

/// Turns a film into a GIF: FFmpeg's palette of 256 colours, errors spread over the neighbours.
final class AnimatedPicture {
    /// GIF counts in hundredths of a second.
    private static let timeBase = AVRational(num: 1, den: 100)

    private let reader: VideoReader
    private let context: UnsafeMutablePointer<AVCodecContext>
    private let scaler: OpaquePointer
    private let padded: Picture, palette: Picture

    /// - Parameter path: a complete film.
    init(of path: String) throws(MediaError) {
        reader = try VideoReader(path: path)
        let (width, height) = (reader.width, reader.height)
        let codec = avcodec_find_encoder(AV_CODEC_ID_GIF)
        context = FFmpeg.allocated(avcodec_alloc_context3(codec))
        context.pointee.width = Int32(width)
        context.pointee.height = Int32(height)
        context.pointee.pix_fmt = AV_PIX_FMT_RGB8
        context.pointee.time_base = Self.timeBase
        padded = Picture(width: width, height: height, format: AV_PIX_FMT_RGB24)
        palette = Picture(width: width, height: height, format: AV_PIX_FMT_RGB8)
        scaler = FFmpeg.allocated(sws_alloc_context())
        let object = UnsafeMutableRawPointer(scaler)
        let values: KeyValuePairs = [
            "srcw": width, "srch": height, "src_format": Int(AV_PIX_FMT_RGB24.rawValue),
            "dstw": width, "dsth": height, "dst_format": Int(AV_PIX_FMT_RGB8.rawValue),
            "sws_flags": Int(SWS_BICUBIC),
        ]
        for (name, value) in values { av_opt_set_int(object, name, Int64(value), 0) }
        av_opt_set(object, "sws_dither", "ed", 0)
        try FFmpeg.check(sws_init_context(scaler, nil, nil), "sws_init_context", "rgb8")
        try FFmpeg.check(avcodec_open2(context, codec, nil), "avcodec_open2", "GIF \(width)x\(height)")
    }

    deinit {
        sws_freeContext(scaler)
        var context: UnsafeMutablePointer<AVCodecContext>? = context
        avcodec_free_context(&context)
    }

    func write(to path: String) throws(MediaError) {
        let muxer = try Muxer(path: path, .gif)
        let parameters = FFmpeg.allocated(avcodec_parameters_alloc())
        avcodec_parameters_from_context(parameters, context)
        muxer.addStream(parameters, timeBase: Self.timeBase, rate: nil)
        var used: UnsafeMutablePointer<AVCodecParameters>? = parameters
        avcodec_parameters_free(&used)
        try muxer.begin(Options([:]))
        let frame = Tensor<UInt8>(uninitialized: reader.shape)
        var last: Int64 = -1
        while let item = try reader.next() {
            guard case .frame(let time) = item else { continue }
            let shown = av_rescale_q(time.presentation, .nanosecond, Self.timeBase)
            // Two frames in the same hundredth: one of them would never be seen.
            guard shown > last else { continue }
            last = shown
            try reader.copyFrame(into: frame)
            try send(frame, at: shown)
            try passPackets(to: muxer)
        }
        try FFmpeg.check(avcodec_send_frame(context, nil), "avcodec_send_frame", path)
        try passPackets(to: muxer)
        try muxer.finish()
    }

    private func send(_ frame: Tensor<UInt8>, at time: Int64) throws(MediaError) {
        try FFmpeg.check(av_frame_make_writable(palette.pointer), "av_frame_make_writable", "GIF")
        let (rows, stride) = padded.rows
        let (width, height) = (Int32(frame.shape[2]), Int32(frame.shape[1]))
        picture_pad(frame.pointer, width, height, rows, stride, width, height)
        ff_scale_from_rgb(scaler, rows, Int32(stride), height, palette.pointer)
        palette.pointer.pointee.pts = time
        try FFmpeg.check(avcodec_send_frame(context, palette.pointer), "avcodec_send_frame", "GIF")
    }

    private func passPackets(to muxer: Muxer) throws(MediaError) {
        while true {
            let packet = Packet()
            let code = avcodec_receive_packet(context, packet.pointer)
            if code == FF_EAGAIN || code == FF_EOF { return }
            try FFmpeg.check(code, "avcodec_receive_packet", "GIF")
            try muxer.write(packet, stream: 0, timeBase: Self.timeBase, interleaved: false)
        }
    }
}
