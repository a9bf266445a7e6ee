import CFFmpeg

/// Packs packets of a live stream into fragments of mp4, in memory: a header once, then as many pictures
/// with their sound as the caller wants in each fragment.
///
/// It belongs to one thread.
final class FragmentMuxer {
    /// What a player needs before any fragment: `ftyp` and `moov`.
    private(set) var header: [UInt8] = []
    private var context: UnsafeMutablePointer<AVFormatContext>?
    private var tracks: FilmTracks?
    private var isHeaderWritten = false

    /// - Parameters:
    ///   - first: the key packet that it begins with.
    ///   - sound: how sound is coded; nil for none.
    init(first: FilmPacket, sound: AudioFormat?) throws(MediaError) {
        FFmpeg.prepare()
        try FFmpeg.check(
            avformat_alloc_output_context2(&context, nil, "mp4", nil),
            "avformat_alloc_output_context2", "mp4")
        do throws(MediaError) {
            tracks = try FilmTracks(in: context!, first: first, sound: sound)
            try openBuffer()
            var options = Options([
                "movflags": "frag_custom+empty_moov+default_base_moof+use_metadata_tags"
            ])
            try FFmpeg.check(
                avformat_write_header(context, &options.pointer), "avformat_write_header", "mp4")
            isHeaderWritten = true
            header = closeBuffer()
            try openBuffer()
        } catch {
            close()
            throw error
        }
    }

    deinit { close() }

    /// Whether a packet is coded as the header says.
    func takes(_ packet: FilmPacket) -> Bool { tracks?.takes(packet) ?? false }

    /// Adds a picture, and the sound before it, to the fragment.
    func write(_ packet: FilmPacket) throws(MediaError) {
        try tracks?.write(packet) { (packet, stream, timeBase) throws(MediaError) in
            packet.pointer.pointee.stream_index = Int32(stream)
            let target = context!.pointee.streams[stream]!.pointee.time_base
            av_packet_rescale_ts(packet.pointer, timeBase, target)
            try FFmpeg.check(
                av_write_frame(context, packet.pointer), "av_write_frame", "mp4")
        }
    }

    /// Ends the fragment: `moof` and `mdat`.
    func takeFragment() throws(MediaError) -> [UInt8] {
        try FFmpeg.check(av_write_frame(context, nil), "av_write_frame", "mp4")
        let fragment = closeBuffer()
        try openBuffer()
        // The next one says by itself when it begins, and not when this one should have ended: how long a
        // fragment's last picture lasts was a guess. FFmpeg forgets the flag with each fragment.
        av_opt_set(context!.pointee.priv_data, "movflags", "+frag_discont", 0)
        return fragment
    }

    private func openBuffer() throws(MediaError) {
        try FFmpeg.check(avio_open_dyn_buf(&context!.pointee.pb), "avio_open_dyn_buf", "mp4")
    }

    private func closeBuffer() -> [UInt8] {
        var bytes: UnsafeMutablePointer<UInt8>?
        let count = avio_close_dyn_buf(context!.pointee.pb, &bytes)
        context!.pointee.pb = nil
        defer { av_free(bytes) }
        return Array(UnsafeBufferPointer(start: bytes, count: Int(count)))
    }

    private func close() {
        guard let format = context else { return }
        if isHeaderWritten {
            if format.pointee.pb == nil { avio_open_dyn_buf(&format.pointee.pb) }
            av_write_trailer(format)
        }
        if format.pointee.pb != nil { _ = closeBuffer() }
        avformat_free_context(format)
        context = nil
    }
}
