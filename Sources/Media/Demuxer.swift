import CFFmpeg

/// An open file or device, from which packets come.
final class Demuxer {
    /// The name that errors use.
    let name: String
    let context: UnsafeMutablePointer<AVFormatContext>

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
        try refuseText(contents, needed: needed)
        // Without find_stream_info raw streams have no size; a failure shows at the decoder.
        avformat_find_stream_info(context, nil)
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
    }

    deinit {
        var context: UnsafeMutablePointer<AVFormatContext>? = context
        avformat_close_input(&context)
    }

    /// FFmpeg draws text files as films of a terminal; here they are mistakes.
    private func refuseText(_ contents: FileContents, needed: String) throws(MediaError) {
        let format = String(cString: context.pointee.iformat.pointee.name)
        if ["tty", "bin", "xbin", "adf", "idf"].contains(format) {
            throw .notMedia(path: name, found: contents.description, needed: needed)
        }
    }

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
    func read(into packet: Packet) -> Int32 { av_read_frame(context, packet.pointer) }
}
