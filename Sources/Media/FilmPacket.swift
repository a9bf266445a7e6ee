import Tensors

/// One compressed picture of a stream with the sound that belongs to it: what `live-encoder` makes once and
/// any number of outputs send on.
///
/// Sound stands with the first picture that was captured after it, so a consumer that takes whole packets
/// has both or neither. Its byte form crosses process boundaries. A consumer that finds a gap in
/// ``sequence``, or another ``stream``, has to wait for a packet that ``isKey``.
package struct FilmPacket: Equatable, Sendable {
    /// What is known of a packet besides its contents.
    package struct Flags: OptionSet, Sendable {
        package let rawValue: UInt16
        package init(rawValue: UInt16) { self.rawValue = rawValue }

        /// A decoder can begin here: the picture needs none before it, and its parameters are with it.
        package static let key = Flags(rawValue: 1)
        /// The picture before it once more, because no other came in time.
        package static let repeated = Flags(rawValue: 2)
        /// A file or stream that it goes into has to say that its pictures are AI-generated.
        package static let labelled = Flags(rawValue: 4)
        /// Sound belongs to the stream, whether or not there is some with this packet.
        package static let hasSound = Flags(rawValue: 8)
        /// With ``labelled``: pixels of a photo are in the pictures.
        package static let composite = Flags(rawValue: 16)
    }

    package var flags: Flags
    /// Counts the encoders of one node: from another one on, parameters may be others.
    package var stream: UInt32
    /// Counts the packets of a node, without gaps.
    package var sequence: UInt64
    /// When the picture is shown, nanoseconds from the capture of the node's first picture.
    package var presentation: Int64
    /// How long it is shown, nanoseconds; a guess, since the next one is not there yet.
    package var duration: Int64
    package var width: UInt16, height: UInt16
    /// FFmpeg's name of the codec: `h264`.
    package var codec: String
    /// Of a key packet, the codec's parameters, which are at the beginning of ``picture`` as well.
    package var header: [UInt8]
    /// The picture: H.264 as Annex B, decoded in the order in which it comes.
    package var picture: [UInt8]
    /// Sound in the order of time, on the pictures' time line.
    package var sounds: [AudioPacket]

    package init(
        flags: Flags, stream: UInt32, sequence: UInt64, presentation: Int64, duration: Int64,
        width: UInt16, height: UInt16, codec: String, header: [UInt8], picture: [UInt8],
        sounds: [AudioPacket]
    ) {
        (self.flags, self.stream, self.sequence) = (flags, stream, sequence)
        (self.presentation, self.duration) = (presentation, duration)
        (self.width, self.height, self.codec) = (width, height, codec)
        (self.header, self.picture, self.sounds) = (header, picture, sounds)
    }

    package var isKey: Bool { flags.contains(.key) }
}

extension FilmPacket {
    /// First bytes of the byte form, `PLFP`, and the version of the layout behind them.
    private static let magic: UInt32 = 0x5046_4c50
    private static let version: UInt16 = 1
    /// So many packets of sound are in one of these at most: more than ten seconds of any codec.
    private static let mostSounds = 4096

    /// The byte form, `[bytes]`, all little-endian:
    ///
    /// | bytes | |
    /// |---|---|
    /// | 4 | `PLFP` |
    /// | 2 | version, 1 |
    /// | 2 | flags: 1 key, 2 repeated, 4 labelled, 8 has sound, 16 composite |
    /// | 4 | stream |
    /// | 8 | sequence |
    /// | 8, 8 | presentation and duration, ns |
    /// | 2, 2 | width and height, px |
    /// | 4 + n | codec, behind its length |
    /// | 4 + n | header, behind its length |
    /// | 4 + n | picture, behind its length |
    /// | 4 | number of packets of sound |
    /// | 4 + n each | ``AudioPacket``, `PLAP`, behind its length |
    package func encoded() -> Tensor<UInt8> {
        var writer = ByteWriter()
        writer.put(Self.magic)
        writer.put(Self.version)
        writer.put(flags.rawValue)
        writer.put(stream)
        writer.put(sequence)
        writer.put(presentation)
        writer.put(duration)
        writer.put(width)
        writer.put(height)
        writer.put(codec)
        writer.put(header)
        writer.put(picture)
        writer.put(UInt32(sounds.count))
        for sound in sounds { writer.put(sound.encoded().array) }
        return Tensor(writer.bytes, shape: [writer.bytes.count])
    }

    /// Reads the byte form.
    ///
    /// - Throws: ``MediaError/badFilmPacket(reason:)``, never a crash, whatever the bytes are.
    package init(decoding tensor: Tensor<UInt8>) throws(MediaError) {
        do throws(MediaError) {
            try self.init(reading: tensor)
        } catch .badAudioPacket(let reason) {
            throw .badFilmPacket(reason: reason)
        }
    }

    private init(reading tensor: Tensor<UInt8>) throws(MediaError) {
        var reader = ByteReader(UnsafeRawBufferPointer(tensor.buffer))
        guard try reader.take(UInt32.self) == Self.magic else {
            throw .badFilmPacket(reason: "it does not begin with PLFP")
        }
        let version = try reader.take(UInt16.self)
        guard version == Self.version else {
            throw .badFilmPacket(reason: "version \(version), but \(Self.version) is understood")
        }
        flags = Flags(rawValue: try reader.take())
        stream = try reader.take()
        sequence = try reader.take()
        presentation = try reader.take()
        duration = try reader.take()
        width = try reader.take()
        height = try reader.take()
        codec = try reader.takeText()
        header = try reader.takeBytes()
        picture = try reader.takeBytes()
        let count = try reader.take(UInt32.self)
        guard count <= Self.mostSounds else {
            throw .badFilmPacket(reason: "\(count) packets of sound")
        }
        sounds = []
        for _ in 0..<count {
            let bytes = try reader.takeBytes()
            sounds.append(try AudioPacket(decoding: Tensor(bytes, shape: [bytes.count])))
        }
        guard reader.isAtEnd else { throw .badFilmPacket(reason: "bytes are left over") }
        // Beyond 2^60 ns, which are 36 years, sums could overflow.
        guard presentation.magnitude < 1 << 60, (0..<(1 << 60)).contains(duration) else {
            throw .badFilmPacket(reason: "time \(presentation) ns, duration \(duration) ns")
        }
    }
}
