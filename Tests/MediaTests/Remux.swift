import CFFmpeg
import Testing

/// Films in other containers, as other programs would have made them.
enum Remux {
    /// Copies a film's packets into the container that the new name's ending says.
    ///
    /// - Parameters:
    ///   - change: changes what the streams say of themselves.
    ///   - shift: milliseconds that are added to all times of a packet, which begins at so many.
    static func copy(
        _ path: String, to target: String,
        change: (UnsafeMutablePointer<AVCodecParameters>) -> Void = { _ in },
        shift: (Int64) -> Int64 = { _ in 0 }
    ) throws {
        var input: UnsafeMutablePointer<AVFormatContext>?
        try #require(avformat_open_input(&input, path, nil, nil) >= 0)
        defer { avformat_close_input(&input) }
        try #require(avformat_find_stream_info(input, nil) >= 0)
        var output: UnsafeMutablePointer<AVFormatContext>?
        try #require(avformat_alloc_output_context2(&output, nil, nil, target) >= 0)
        defer { avformat_free_context(output) }
        for index in 0..<Int(input!.pointee.nb_streams) {
            let stream = try #require(avformat_new_stream(output, nil))
            avcodec_parameters_copy(
                stream.pointee.codecpar, input!.pointee.streams[index]!.pointee.codecpar)
            stream.pointee.codecpar.pointee.codec_tag = 0
            change(stream.pointee.codecpar)
        }
        try #require(avio_open(&output!.pointee.pb, target, AVIO_FLAG_WRITE) >= 0)
        defer { avio_closep(&output!.pointee.pb) }
        try #require(avformat_write_header(output, nil) >= 0)
        var packet = av_packet_alloc()
        defer { av_packet_free(&packet) }
        while av_read_frame(input, packet) >= 0 {
            let index = Int(packet!.pointee.stream_index)
            let to = output!.pointee.streams[index]!.pointee.time_base
            av_packet_rescale_ts(packet, input!.pointee.streams[index]!.pointee.time_base, to)
            let milliseconds = AVRational(num: 1, den: 1_000)
            let moved = av_rescale_q(
                shift(av_rescale_q(packet!.pointee.dts, to, milliseconds)), milliseconds, to)
            packet!.pointee.pts += moved
            packet!.pointee.dts += moved
            try #require(av_interleaved_write_frame(output, packet) >= 0)
        }
        try #require(av_write_trailer(output) >= 0)
    }
}
