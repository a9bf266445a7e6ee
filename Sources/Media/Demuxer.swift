import CFFmpeg
import Glibc

/// An open file, address or device, from which packets come.
final class Demuxer {
    /// The name that errors use.
    let name: String
    let context: UnsafeMutablePointer<AVFormatContext>
    /// Whether it is a file of this machine.
    let isFile: Bool
    /// What an address is patient with; nil for files and devices.
    private let patience: Patience?

    /// Opens a file, whatever its name looks like: it is never taken for an address or a pattern.
    ///
    /// - Parameter needed: what the caller hopes to find, for errors: `a video`.
    init(path: String, needed: String) throws(MediaError) {
        FFmpeg.prepare()
        let contents = try FileContents(path: path, needed: needed)
        var options = Options(["pattern_type": "none"])
        var opened: UnsafeMutablePointer<AVFormatContext>?
        let code = avformat_open_input(&opened, "file:" + path, nil, &options.pointer)
        guard code >= 0, let opened else {
            // A file that begins like a film or picture is one that is cut or damaged.
            if code == FF_INVALIDDATA && !Self.looksLikeMedia(path) {
                throw .notMedia(path: path, found: contents.description, needed: needed)
            }
            throw .damaged(path: path, found: FFmpeg.reason(code), needed: needed)
        }
        name = path
        context = opened
        isFile = true
        patience = nil
        try refuseText(contents.description, needed: needed)
        // Without find_stream_info raw streams have no size; a failure shows at the decoder.
        avformat_find_stream_info(context, nil)
    }

    /// Opens an address on the network.
    ///
    /// - Parameters:
    ///   - timeout: nanoseconds without any data after which the other side counts as gone.
    ///   - isLive: little is read ahead, and a broken connection is the caller's to make again.
    init(
        _ address: MediaAddress, needed: String, timeout: Int64, isLive: Bool = false
    ) throws(MediaError) {
        FFmpeg.prepare()
        avformat_network_init()
        let patience = Patience(timeout)
        var options = address.options(timeout: timeout, isLive: isLive)
        var opened: UnsafeMutablePointer<AVFormatContext>? = FFmpeg.allocated(
            avformat_alloc_context())
        patience.attach(to: opened!)
        patience.begin()
        let code = avformat_open_input(&opened, address.text, nil, &options.pointer)
        guard code >= 0, let opened else {
            if code == FF_INVALIDDATA {
                throw .notMedia(
                    path: address.shown, found: "no film or picture that FFmpeg knows",
                    needed: needed)
            }
            throw .unreachable(address: address.shown, reason: patience.reason(code))
        }
        name = address.shown
        context = opened
        isFile = false
        self.patience = patience
        try refuseText("a text or a web page", needed: needed)
        patience.begin()
        // A stream that ended meanwhile may have given all that is needed.
        let found = avformat_find_stream_info(context, nil)
        if found < 0 && patience.isOver { try throwIfUnreachable(found) }
    }

    /// Opens a capture device.
    init(
        device: String, format: UnsafePointer<AVInputFormat>, options: consuming Options
    ) throws(MediaError) {
        FFmpeg.prepare()
        var opened: UnsafeMutablePointer<AVFormatContext>?
        let code = avformat_open_input(&opened, device, format, &options.pointer)
        guard code >= 0, let opened else {
            throw .failed(
                call: "avformat_open_input", argument: device, reason: FFmpeg.reason(code))
        }
        name = device
        context = opened
        isFile = false
        patience = nil
    }

    deinit {
        var context: UnsafeMutablePointer<AVFormatContext>? = context
        avformat_close_input(&context)
    }

    /// FFmpeg draws text files as films of a terminal; here they are mistakes.
    private func refuseText(_ found: String, needed: String) throws(MediaError) {
        if ["tty", "bin", "xbin", "adf", "idf"].contains(format) {
            throw .notMedia(path: name, found: found, needed: needed)
        }
    }

    /// FFmpeg's name of the container: `matroska,webm`, `png_pipe`.
    var format: String { String(cString: context.pointee.iformat.pointee.name) }

    /// FFmpeg's `AVFMT_…` of the container.
    var formatFlags: Int32 { context.pointee.iformat.pointee.flags }

    /// Whether the file is a picture and not a film.
    var isPicture: Bool { format == "image2" || format.hasSuffix("_pipe") }

    /// Whether probing by content alone recognises the file.
    private static func looksLikeMedia(_ path: String) -> Bool {
        var io: UnsafeMutablePointer<AVIOContext>?
        guard avio_open(&io, "file:" + path, AVIO_FLAG_READ) >= 0 else { return false }
        defer { avio_closep(&io) }
        var format: UnsafePointer<AVInputFormat>?
        let score = av_probe_input_buffer2(io, &format, "", nil, 0, 0)
        return score > Int32(AVPROBE_SCORE_RETRY)
    }

    /// A stream by its index.
    func stream(_ index: Int32) -> UnsafeMutablePointer<AVStream> {
        context.pointee.streams[Int(index)]!
    }

    /// The stream of this type that a player would choose, or nil. Cover art is not moving pictures.
    func bestStream(_ type: AVMediaType, besides: Int32 = -1) -> Int32? {
        let index = av_find_best_stream(context, type, -1, besides, nil, 0)
        guard index >= 0 else { return nil }
        let isCover = stream(index).pointee.disposition & AV_DISPOSITION_ATTACHED_PIC != 0
        return type == AVMEDIA_TYPE_VIDEO && isCover ? nil : index
    }

    /// Whether at least one stream is of a codec that the file names.
    var hasKnownStream: Bool {
        (0..<Int32(context.pointee.nb_streams)).contains {
            stream($0).pointee.codecpar.pointee.codec_id != AV_CODEC_ID_NONE
        }
    }

    /// What the file holds, for errors: `audio aac, subtitle mov_text`.
    var streamList: String {
        let names = (0..<Int32(context.pointee.nb_streams)).map { index in
            let parameters = stream(index).pointee.codecpar.pointee
            let type = av_get_media_type_string(parameters.codec_type).map { String(cString: $0) }
            let isCover = stream(index).pointee.disposition & AV_DISPOSITION_ATTACHED_PIC != 0
            return (isCover ? "cover art" : type ?? "data") + " "
                + String(cString: avcodec_get_name(parameters.codec_id))
        }
        return names.isEmpty
            ? "it has no streams at all" : "it has " + names.joined(separator: ", ")
    }

    /// Reads the next packet of any stream; FFmpeg's code.
    func read(into packet: Packet) -> Int32 {
        patience?.begin()
        return av_read_frame(context, packet.pointer)
    }

    /// Throws when a code means that an address does not answer any more.
    func throwIfUnreachable(_ code: Int32) throws(MediaError) {
        if let error = unreachable(code) { throw error }
    }

    /// What a code means for an address; nil for a stream that ended, early or not: HTTP says EIO of one
    /// whose length was not said.
    func unreachable(_ code: Int32) -> MediaError? {
        guard let patience, code < 0, ![FF_EOF, FF_INVALIDDATA, FF_EAGAIN].contains(code),
            code != -EIO || patience.isOver
        else { return nil }
        return .unreachable(address: name, reason: patience.reason(code))
    }
}
