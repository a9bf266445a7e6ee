import CFFmpeg

/// Turns packets of sound of any codec into 16-bit samples of one rate, two channels, interleaved.
///
/// From one packet to the next the codec may be another. A decoder belongs to one thread.
package final class SoundDecoder {
    /// Channels of what comes out.
    package static let channels = 2
    private let rate: Int32
    private let name: String
    private var format: AudioFormat?
    private var decoder: Decoder?
    private var resampler: OpaquePointer?
    /// What the resampler is made for.
    private var source: (rate: Int32, format: Int32, channels: Int32) = (0, -1, 0)
    private let picture = Picture()

    /// - Parameters:
    ///   - rate: samples a second of what comes out.
    ///   - name: of the node, for errors.
    package init(rate: Int, name: String) { (self.rate, self.name) = (Int32(rate), name) }

    deinit { swr_free(&resampler) }

    /// The samples of a packet; none of one that is broken, as that is a gap and no reason to end.
    ///
    /// - Throws: ``MediaError`` when there is no decoder for it.
    package func samples(of packet: AudioPacket) throws(MediaError) -> [Int16] {
        if packet.format != format { try open(packet) }
        guard let decoder, decoder.send(packet.makePacket()) >= 0 else { return [] }
        var samples: [Int16] = []
        while decoder.receive(into: picture) >= 0 { try samples += converted() }
        return samples
    }

    private func open(_ packet: AudioPacket) throws(MediaError) {
        (format, decoder) = (packet.format, nil)
        var parameters: UnsafeMutablePointer<AVCodecParameters>? = FFmpeg.allocated(
            avcodec_parameters_alloc())
        defer { avcodec_parameters_free(&parameters) }
        try packet.format.copy(to: parameters!)
        decoder = try Decoder(
            parameters!, timeBase: packet.timeBase, threads: 1, name: "sound of \(name)")
    }

    private func converted() throws(MediaError) -> [Int16] {
        let frame = picture.pointer
        try prepare(for: frame)
        let room = swr_get_out_samples(resampler, frame.pointee.nb_samples)
        guard room > 0 else { return [] }
        let output = Picture()
        output.pointer.pointee.nb_samples = room
        output.pointer.pointee.format = AV_SAMPLE_FMT_S16.rawValue
        output.pointer.pointee.sample_rate = rate
        av_channel_layout_default(&output.pointer.pointee.ch_layout, Int32(Self.channels))
        try FFmpeg.check(av_frame_get_buffer(output.pointer, 0), "av_frame_get_buffer", name)
        let count = ff_convert_audio(resampler, output.pointer, room, frame)
        try FFmpeg.check(count, "swr_convert", name)
        return UnsafeRawPointer(output.pointer.pointee.data.0!)
            .withMemoryRebound(to: Int16.self, capacity: Int(count) * Self.channels) {
                Array(UnsafeBufferPointer(start: $0, count: Int(count) * Self.channels))
            }
    }

    private func prepare(for frame: UnsafeMutablePointer<AVFrame>) throws(MediaError) {
        let found = (
            rate: frame.pointee.sample_rate, format: frame.pointee.format,
            channels: frame.pointee.ch_layout.nb_channels
        )
        guard resampler == nil || found != source else { return }
        source = found
        swr_free(&resampler)
        var layout = AVChannelLayout()
        av_channel_layout_default(&layout, Int32(Self.channels))
        try FFmpeg.check(
            swr_alloc_set_opts2(
                &resampler, &layout, AV_SAMPLE_FMT_S16, rate, &frame.pointee.ch_layout,
                AVSampleFormat(frame.pointee.format), frame.pointee.sample_rate, 0, nil),
            "swr_alloc_set_opts2", name)
        try FFmpeg.check(swr_init(resampler), "swr_init", name)
    }
}
