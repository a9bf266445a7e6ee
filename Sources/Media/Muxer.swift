import CFFmpeg
import Glibc

/// A film that is being written.
final class Muxer {
    let path: String
    private var context: UnsafeMutablePointer<AVFormatContext>?
    private var isHeaderWritten = false

    /// Creates the file, or writes into one that is open.
    ///
    /// - Throws: ``MediaError/cannotWrite(path:reason:kept:)`` with the system's words.
    init(path: String, _ container: FilmContainer, descriptor: Int32? = nil) throws(MediaError) {
        FFmpeg.prepare()
        self.path = path
        try FFmpeg.check(
            avformat_alloc_output_context2(&context, nil, container.format, path),
            "avformat_alloc_output_context2", path)
        let url = descriptor.map { "pipe:\($0)" } ?? "file:" + path
        let code = avio_open(&context!.pointee.pb, url, AVIO_FLAG_WRITE)
        guard code >= 0 else {
            throw .cannotWrite(path: path, reason: FFmpeg.reason(code), kept: nil)
        }
        // faststart reads the file again by this name.
        av_free(context!.pointee.url)
        context!.pointee.url = av_strdup(url)
    }

    deinit { close() }

    /// Adds a stream; `timeBase` is a wish that mp4 fulfils and Matroska does not.
    @discardableResult
    func addStream(
        _ parameters: UnsafePointer<AVCodecParameters>, timeBase: AVRational, rate: AVRational?
    ) -> UnsafeMutablePointer<AVStream> {
        let stream = FFmpeg.allocated(avformat_new_stream(context, nil))
        avcodec_parameters_copy(stream.pointee.codecpar, parameters)
        stream.pointee.codecpar.pointee.codec_tag = 0
        stream.pointee.time_base = timeBase
        if let rate { stream.pointee.avg_frame_rate = rate }
        return stream
    }

    /// Sets what the file says of itself.
    func describe(_ values: KeyValuePairs<String, String>) {
        for (key, value) in values { av_dict_set(&context!.pointee.metadata, key, value, 0) }
    }

    /// Writes the header; streams and descriptions are fixed from here on.
    func begin(_ options: consuming Options) throws(MediaError) {
        // Whole fragments go to the file at once, so that what is there can be played.
        context!.pointee.flush_packets = 1
        try check(avformat_write_header(context, &options.pointer))
        isHeaderWritten = true
    }

    /// Writes a packet whose times are in `timeBase`; the packet is used up.
    func write(
        _ packet: Packet, stream: Int, timeBase: AVRational, interleaved: Bool
    ) throws(MediaError) {
        packet.pointer.pointee.stream_index = Int32(stream)
        let target = context!.pointee.streams[stream]!.pointee.time_base
        av_packet_rescale_ts(packet.pointer, timeBase, target)
        try check(
            interleaved
                ? av_interleaved_write_frame(context, packet.pointer)
                : av_write_frame(context, packet.pointer))
    }

    /// Bytes in the file so far.
    var position: Int64 { avio_seek(context!.pointee.pb, 0, SEEK_CUR) }

    /// Writes what a complete file needs at its end, and closes it.
    func finish() throws(MediaError) {
        try check(av_write_trailer(context))
        isHeaderWritten = false
        let code = avio_closep(&context!.pointee.pb)
        try check(code)
        close()
    }

    /// Closes the file as it is; a fragmented one can be played.
    func close() {
        guard context != nil else { return }
        if context!.pointee.pb != nil { avio_closep(&context!.pointee.pb) }
        avformat_free_context(context)
        context = nil
    }

    /// Whether a container takes a stream that begins with this packet, tried out in memory: some
    /// refuse a codec that they know, or take it as an experiment only, when its packets come.
    static func takes(
        _ parameters: UnsafePointer<AVCodecParameters>, _ first: Packet, timeBase: AVRational,
        in container: FilmContainer
    ) -> Bool {
        FFmpeg.prepare()
        var context: UnsafeMutablePointer<AVFormatContext>?
        avformat_alloc_output_context2(&context, nil, container.format, nil)
        guard let context else { return false }
        defer { avformat_free_context(context) }
        guard avformat_query_codec(
            context.pointee.oformat, parameters.pointee.codec_id, FF_COMPLIANCE_NORMAL) == 1,
            avio_open_dyn_buf(&context.pointee.pb) >= 0
        else { return false }
        defer {
            var bytes: UnsafeMutablePointer<UInt8>?
            avio_close_dyn_buf(context.pointee.pb, &bytes)
            av_free(bytes)
        }
        let stream = FFmpeg.allocated(avformat_new_stream(context, nil))
        avcodec_parameters_copy(stream.pointee.codecpar, parameters)
        stream.pointee.codecpar.pointee.codec_tag = 0
        stream.pointee.time_base = timeBase
        guard avformat_write_header(context, nil) >= 0 else { return false }
        let packet = Packet(first.bytes)
        packet.pointer.pointee.pts = 0
        packet.pointer.pointee.dts = 0
        packet.pointer.pointee.duration = first.pointer.pointee.duration
        packet.pointer.pointee.flags = first.pointer.pointee.flags
        let written = av_write_frame(context, packet.pointer)
        return av_write_trailer(context) >= 0 && written >= 0
    }

    private func check(_ code: Int32) throws(MediaError) {
        guard code < 0 else { return }
        throw .cannotWrite(path: path, reason: FFmpeg.reason(code), kept: nil)
    }
}
