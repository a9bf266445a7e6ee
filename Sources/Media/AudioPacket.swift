import CFFmpeg
import Tensors

/// One packet of compressed sound with all that is needed to place, copy or decode it.
///
/// Its byte form crosses process boundaries; every packet says its format again, so that a node
/// may start at any of them.
package struct AudioPacket: Equatable, Sendable {
    package var format: AudioFormat
    /// Seconds per tick, as a fraction, of the three times below.
    var timeBaseNumerator: Int32
    var timeBaseDenominator: Int32
    /// When it is to be heard, from the start of the shown stream. Negative for priming.
    var presentation: Int64
    var duration: Int64
    /// FFmpeg's packet flags (key, discard, …).
    var flags: Int32
    /// Samples not to be heard at the beginning and at the end.
    var skippedAtStart: UInt32
    var skippedAtEnd: UInt32
    /// The compressed sound.
    package var data: [UInt8]

    /// When it is to be heard, nanoseconds from the start of the shown stream.
    package var presentationNanoseconds: Int64 { nanoseconds(presentation) }
    /// How long it sounds, nanoseconds; 0 when unknown.
    package var durationNanoseconds: Int64 { nanoseconds(duration) }

    /// Moves it to a later time, nanoseconds.
    package mutating func delay(by time: Int64) {
        presentation += av_rescale_q(time, .nanosecond, timeBase)
    }

    var timeBase: AVRational { AVRational(num: timeBaseNumerator, den: timeBaseDenominator) }

    private func nanoseconds(_ ticks: Int64) -> Int64 {
        av_rescale_q(ticks, timeBase, .nanosecond)
    }
}

extension AVRational {
    static var nanosecond: AVRational { AVRational(num: 1, den: 1_000_000_000) }
}

extension AudioPacket {
    /// A packet of a stream, whose `pts` is set; `start` is the time in nanoseconds that counts as zero.
    init(_ packet: Packet, _ format: AudioFormat, timeBase: AVRational, start: Int64) {
        let fields = packet.pointer.pointee
        self.format = format
        timeBaseNumerator = timeBase.num
        timeBaseDenominator = timeBase.den
        presentation = fields.pts - av_rescale_q(start, .nanosecond, timeBase)
        duration = fields.duration
        flags = fields.flags
        (skippedAtStart, skippedAtEnd) = packet.skippedSamples
        data = packet.bytes
    }

    /// The packet as FFmpeg has it, times in ``timeBase``.
    func makePacket() -> Packet {
        let packet = Packet(data)
        packet.pointer.pointee.pts = presentation
        packet.pointer.pointee.dts = presentation
        packet.pointer.pointee.duration = duration
        packet.pointer.pointee.flags = flags
        if skippedAtStart > 0 || skippedAtEnd > 0 {
            packet.skippedSamples = (skippedAtStart, skippedAtEnd)
        }
        return packet
    }
}

extension Packet {
    /// Side data AV_PKT_DATA_SKIP_SAMPLES: two little-endian counts and two reasons.
    var skippedSamples: (start: UInt32, end: UInt32) {
        get {
            var size = 0
            let side = av_packet_get_side_data(pointer, AV_PKT_DATA_SKIP_SAMPLES, &size)
            guard let side, size >= 10 else { return (0, 0) }
            let bytes = UnsafeRawPointer(side)
            return (
                UInt32(littleEndian: bytes.loadUnaligned(as: UInt32.self)),
                UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: 4, as: UInt32.self))
            )
        }
        set {
            let side = FFmpeg.allocated(
                av_packet_new_side_data(pointer, AV_PKT_DATA_SKIP_SAMPLES, 10))
            let bytes = UnsafeMutableRawPointer(side)
            bytes.storeBytes(of: newValue.start.littleEndian, as: UInt32.self)
            bytes.storeBytes(of: newValue.end.littleEndian, toByteOffset: 4, as: UInt32.self)
            bytes.storeBytes(of: 0, toByteOffset: 8, as: UInt16.self)
        }
    }
}

extension AudioPacket {
    /// First bytes of the byte form, `PLAP`, and the version of the layout behind them.
    private static let magic: UInt32 = 0x5041_4c50
    private static let version: UInt16 = 1

    /// The byte form, `[bytes]`: magic, version, format, times, flags, skipped samples, data; all
    /// little-endian, strings and data behind a 32-bit length.
    package func encoded() -> Tensor<UInt8> {
        var writer = ByteWriter()
        writer.put(Self.magic)
        writer.put(Self.version)
        format.write(to: &writer)
        writer.put(timeBaseNumerator)
        writer.put(timeBaseDenominator)
        writer.put(presentation)
        writer.put(duration)
        writer.put(flags)
        writer.put(skippedAtStart)
        writer.put(skippedAtEnd)
        writer.put(data)
        return Tensor(writer.bytes, shape: [writer.bytes.count])
    }

    /// Reads the byte form.
    ///
    /// - Throws: ``MediaError/badAudioPacket(reason:)``, never a crash, whatever the bytes are.
    package init(decoding tensor: Tensor<UInt8>) throws(MediaError) {
        var reader = ByteReader(UnsafeRawBufferPointer(tensor.buffer))
        guard try reader.take(UInt32.self) == Self.magic else {
            throw .badAudioPacket(reason: "it does not begin with PLAP")
        }
        let version = try reader.take(UInt16.self)
        guard version == Self.version else {
            throw .badAudioPacket(reason: "version \(version), but \(Self.version) is understood")
        }
        format = try AudioFormat(from: &reader)
        timeBaseNumerator = try reader.take()
        timeBaseDenominator = try reader.take()
        presentation = try reader.take()
        duration = try reader.take()
        flags = try reader.take()
        skippedAtStart = try reader.take()
        skippedAtEnd = try reader.take()
        data = try reader.takeBytes()
        try validate(isComplete: reader.isAtEnd)
    }

    private func validate(isComplete: Bool) throws(MediaError) {
        guard isComplete else { throw .badAudioPacket(reason: "bytes are left over") }
        guard timeBaseNumerator > 0, timeBaseDenominator > 0 else {
            throw .badAudioPacket(reason: "time base \(timeBaseNumerator)/\(timeBaseDenominator)")
        }
        // Beyond 2^53 ticks, conversions between time bases could overflow.
        guard presentation.magnitude < 1 << 53, (0..<(1 << 53)).contains(duration) else {
            throw .badAudioPacket(reason: "time \(presentation), duration \(duration)")
        }
    }
}

extension AudioPacket {
    /// Uncompressed sound: 16-bit samples, channels interleaved.
    ///
    /// - Parameters:
    ///   - first: number of the first sample, which gives the packet's time.
    package init(samples: [Int16], sampleRate: Int, channels: Int, first: Int) {
        var parameters = AVCodecParameters()
        parameters.codec_type = AVMEDIA_TYPE_AUDIO
        parameters.codec_id = AV_CODEC_ID_PCM_S16LE
        parameters.sample_rate = Int32(sampleRate)
        parameters.format = AV_SAMPLE_FMT_S16.rawValue
        parameters.block_align = Int32(2 * channels)
        parameters.bits_per_coded_sample = 16
        av_channel_layout_default(&parameters.ch_layout, Int32(channels))
        format = AudioFormat(parameters)
        (timeBaseNumerator, timeBaseDenominator) = (1, Int32(sampleRate))
        presentation = Int64(first)
        duration = Int64(samples.count / channels)
        flags = AV_PKT_FLAG_KEY
        (skippedAtStart, skippedAtEnd) = (0, 0)
        data = samples.flatMap {
            [UInt8(truncatingIfNeeded: $0), UInt8(truncatingIfNeeded: $0 >> 8)]
        }
    }
}
