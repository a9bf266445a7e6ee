import CFFmpeg

/// How a stream of sound is coded: all that is needed to decode it or to copy it into a file.
package struct AudioFormat: Equatable, Sendable {
    /// FFmpeg's name of the codec: `aac`, `opus`, `pcm_s16le`.
    package var codec: String
    /// Samples per second.
    package var sampleRate: Int
    /// FFmpeg's name of the channels' places: `mono`, `stereo`, `5.1`.
    package var layout: String
    /// FFmpeg's number for the type of decoded samples, or -1.
    var sampleFormat: Int32
    /// Samples per packet; 0 when that varies.
    var frameSize: Int32
    /// Samples that the encoder put before the first true one.
    var priming: Int32
    /// Samples to decode, and not to play, before a place that was jumped to.
    var preroll: Int32
    var bitRate: Int64
    var blockAlign: Int32
    var bitsPerSample: Int32
    var profile: Int32
    /// The codec's own header.
    package var header: [UInt8]

    /// The format of a stream.
    init(_ parameters: AVCodecParameters) {
        codec = String(cString: avcodec_get_name(parameters.codec_id))
        sampleRate = Int(parameters.sample_rate)
        var text = [CChar](repeating: 0, count: 128)
        var channels = parameters.ch_layout
        av_channel_layout_describe(&channels, &text, text.count)
        layout = text.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
        sampleFormat = parameters.format
        frameSize = parameters.frame_size
        priming = parameters.initial_padding
        preroll = parameters.seek_preroll
        bitRate = parameters.bit_rate
        blockAlign = parameters.block_align
        bitsPerSample = parameters.bits_per_coded_sample
        profile = parameters.profile
        header = Array(
            UnsafeBufferPointer(
                start: parameters.extradata, count: Int(parameters.extradata_size)))
    }

    /// Writes the format into FFmpeg's own structure.
    func copy(to parameters: UnsafeMutablePointer<AVCodecParameters>) throws(MediaError) {
        guard let descriptor = avcodec_descriptor_get_by_name(codec),
            descriptor.pointee.type == AVMEDIA_TYPE_AUDIO
        else { throw .badAudioPacket(reason: "this FFmpeg knows no audio codec '\(codec)'") }
        guard av_channel_layout_from_string(&parameters.pointee.ch_layout, layout) >= 0 else {
            throw .badAudioPacket(reason: "unknown channel layout '\(layout)'")
        }
        guard (1...768_000).contains(sampleRate) else {
            throw .badAudioPacket(reason: "sample rate \(sampleRate)")
        }
        parameters.pointee.codec_type = AVMEDIA_TYPE_AUDIO
        parameters.pointee.codec_id = descriptor.pointee.id
        parameters.pointee.sample_rate = Int32(sampleRate)
        parameters.pointee.format = sampleFormat
        parameters.pointee.frame_size = frameSize
        parameters.pointee.initial_padding = priming
        parameters.pointee.seek_preroll = preroll
        parameters.pointee.bit_rate = bitRate
        parameters.pointee.block_align = blockAlign
        parameters.pointee.bits_per_coded_sample = bitsPerSample
        parameters.pointee.profile = profile
        copyHeader(to: parameters)
    }

    private func copyHeader(to parameters: UnsafeMutablePointer<AVCodecParameters>) {
        guard !header.isEmpty else { return }
        // FFmpeg's bit readers look past the end, hence the zeros.
        let room = header.count + Int(AV_INPUT_BUFFER_PADDING_SIZE)
        let copy = FFmpeg.allocated(av_mallocz(room))
        header.withUnsafeBytes { copy.copyMemory(from: $0.baseAddress!, byteCount: $0.count) }
        parameters.pointee.extradata = copy.assumingMemoryBound(to: UInt8.self)
        parameters.pointee.extradata_size = Int32(header.count)
    }
}

extension AudioFormat {
    init(from reader: inout ByteReader) throws(MediaError) {
        codec = try reader.takeText()
        layout = try reader.takeText()
        sampleRate = Int(try reader.take(Int32.self))
        sampleFormat = try reader.take()
        frameSize = try reader.take()
        priming = try reader.take()
        preroll = try reader.take()
        bitRate = try reader.take()
        blockAlign = try reader.take()
        bitsPerSample = try reader.take()
        profile = try reader.take()
        header = try reader.takeBytes()
    }

    func write(to writer: inout ByteWriter) {
        writer.put(codec)
        writer.put(layout)
        writer.put(Int32(clamping: sampleRate))
        for value in [sampleFormat, frameSize, priming, preroll] { writer.put(value) }
        writer.put(bitRate)
        for value in [blockAlign, bitsPerSample, profile] { writer.put(value) }
        writer.put(header)
    }
}
