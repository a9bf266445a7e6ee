import CFFmpeg

extension AudioPacket {
    /// Samples a second of a browser's sound, and those of one of its packets: 20 ms.
    private static let browserRate = 48_000, browserBlock = 960

    /// A packet of a browser's microphone; nil of a message that is none.
    package init?(_ message: LiveMessage) {
        guard message.kind == .audioUp, !message.chunk.isEmpty,
            (0..<1 << 50).contains(message.presentation)
        else { return nil }
        let first = Int((Double(message.presentation) * Double(Self.browserRate) / 1e6).rounded())
        switch LiveMessage.SoundCodec(rawValue: message.stream) {
        case .samples?:
            let chunk = message.chunk
            guard chunk.count % 2 == 0 else { return nil }
            let samples = stride(from: 0, to: chunk.count, by: 2).map {
                Int16(bitPattern: UInt16(chunk[$0]) | UInt16(chunk[$0 + 1]) << 8)
            }
            self.init(samples: samples, sampleRate: Self.browserRate, channels: 1, first: first)
        case .opus?:
            self.init(opus: message.chunk, first: first)
        case nil: return nil
        }
    }

    private init(opus chunk: [UInt8], first: Int) {
        var parameters = AVCodecParameters()
        parameters.codec_type = AVMEDIA_TYPE_AUDIO
        parameters.codec_id = AV_CODEC_ID_OPUS
        parameters.sample_rate = Int32(Self.browserRate)
        parameters.format = AV_SAMPLE_FMT_NONE.rawValue
        parameters.frame_size = Int32(Self.browserBlock)
        av_channel_layout_default(&parameters.ch_layout, 1)
        format = AudioFormat(parameters)
        (timeBaseNumerator, timeBaseDenominator) = (1, Int32(Self.browserRate))
        (presentation, duration) = (Int64(first), Int64(Self.browserBlock))
        flags = AV_PKT_FLAG_KEY
        (skippedAtStart, skippedAtEnd) = (0, 0)
        data = chunk
    }
}
