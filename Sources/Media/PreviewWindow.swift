import CFFmpeg
import Glibc
import Tensors

/// A window of this machine's screen, by SDL2, which libavdevice brings along. It belongs to one thread.
final class PreviewWindow {
    private var context: UnsafeMutablePointer<AVFormatContext>?
    private let size: (width: Int, height: Int)
    private var count: Int64 = 0

    /// Opens a window for frames `[n, h, w, 3]` of one shape.
    ///
    /// - Throws: ``MediaError/failed(call:argument:reason:)`` where there is neither a screen nor the library.
    init(title: String, shape: [Int]) throws(MediaError) {
        size = (shape[2], shape[1])
        guard Self.hasScreen else {
            throw .failed(
                call: "SDL", argument: "a window",
                reason: "there is no screen: neither DISPLAY nor WAYLAND_DISPLAY is set")
        }
        guard FFmpeg.prepareDevices(), let format = av_guess_format("sdl", nil, nil) else {
            throw .failed(
                call: "av_guess_format", argument: "sdl", reason: "libavdevice is not installed")
        }
        FFmpeg.prepare()
        // SDL would take the signals that end this process for wishes to close the window.
        setenv("SDL_NO_SIGNAL_HANDLERS", "1", 1)
        // Where the screen is gone, SDL would draw into memory, and nobody would know.
        setenv("SDL_VIDEODRIVER", Self.drivers, 0)
        try FFmpeg.check(
            avformat_alloc_output_context2(&context, format, nil, title),
            "avformat_alloc_output_context2", "sdl")
        do throws(MediaError) {
            let stream = FFmpeg.allocated(avformat_new_stream(context, nil))
            let parameters = stream.pointee.codecpar!
            parameters.pointee.codec_type = AVMEDIA_TYPE_VIDEO
            parameters.pointee.codec_id = AV_CODEC_ID_RAWVIDEO
            parameters.pointee.format = AV_PIX_FMT_RGB24.rawValue
            parameters.pointee.width = Int32(size.width)
            parameters.pointee.height = Int32(size.height)
            stream.pointee.time_base = AVRational(num: 1, den: 25)
            var options = Options(["window_title": title])
            try FFmpeg.check(
                avformat_write_header(context, &options.pointer), "SDL", "a window")
        } catch {
            avformat_free_context(context)
            context = nil
            throw error
        }
    }

    /// Whether SDL knows where to open a window; without, it would draw into nothing.
    private static var hasScreen: Bool {
        ["DISPLAY", "WAYLAND_DISPLAY", "SDL_VIDEODRIVER"].contains { (name: String) in
            getenv(name) != nil
        }
    }

    /// SDL's names of what the environment speaks of.
    private static var drivers: String {
        [("WAYLAND_DISPLAY", "wayland"), ("DISPLAY", "x11")]
            .filter { getenv($0.0) != nil }.map(\.1).joined(separator: ",")
    }

    deinit {
        guard context != nil else { return }
        av_write_trailer(context)
        avformat_free_context(context)
    }

    /// Whether frames of a shape go into this window.
    func fits(_ shape: [Int]) -> Bool { size == (shape[2], shape[1]) }

    /// Shows the first frame of `[n, h, w, 3]`.
    ///
    /// - Throws: when the window is not there: a person may have closed it.
    func show(_ frame: Tensor<UInt8>) throws(MediaError) {
        let bytes = 3 * size.width * size.height
        let packet = Packet(Array(UnsafeBufferPointer(start: frame.pointer, count: bytes)))
        packet.pointer.pointee.pts = count
        packet.pointer.pointee.dts = count
        packet.pointer.pointee.flags |= AV_PKT_FLAG_KEY
        count += 1
        try FFmpeg.check(av_write_frame(context, packet.pointer), "SDL", "a window")
    }
}
