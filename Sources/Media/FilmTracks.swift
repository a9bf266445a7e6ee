import CFFmpeg
import Marks

/// The streams of pictures and sound that packets of a live stream go into, whatever packs them.
///
/// Times count from the first picture that is written. It belongs to one thread.
final class FilmTracks {
    private let hasSound: Bool
    private let header: [UInt8]
    /// Time of the first picture, on the packets' time line: it is 0 here.
    private var origin: Int64?
    private var lastSound = Int64.min

    /// Adds the streams to a context.
    ///
    /// - Parameters:
    ///   - first: the key packet that it begins with.
    ///   - sound: how sound is coded; nil for none.
    init(
        in context: UnsafeMutablePointer<AVFormatContext>, first: FilmPacket, sound: AudioFormat?
    ) throws(MediaError) {
        (hasSound, header) = (sound != nil, first.header)
        try Self.addPictures(first, to: context)
        if let sound {
            let stream = FFmpeg.allocated(avformat_new_stream(context, nil))
            try sound.copy(to: stream.pointee.codecpar)
            stream.pointee.codecpar.pointee.codec_tag = 0
            stream.pointee.time_base = AVRational(num: 1, den: Int32(clamping: sound.sampleRate))
        }
        guard first.flags.contains(.labelled) else { return }
        let label = AILabel(first.flags.contains(.composite) ? .composite : .synthetic)
        for (key, value) in label.metadata {
            av_dict_set(&context.pointee.metadata, key, value, 0)
        }
    }

    private static func addPictures(
        _ first: FilmPacket, to context: UnsafeMutablePointer<AVFormatContext>
    ) throws(MediaError) {
        let stream = FFmpeg.allocated(avformat_new_stream(context, nil))
        let parameters = stream.pointee.codecpar!
        guard let codec = avcodec_descriptor_get_by_name(first.codec) else {
            throw .badFilmPacket(reason: "this FFmpeg knows no codec '\(first.codec)'")
        }
        parameters.pointee.codec_type = AVMEDIA_TYPE_VIDEO
        parameters.pointee.codec_id = codec.pointee.id
        parameters.pointee.width = Int32(first.width)
        parameters.pointee.height = Int32(first.height)
        parameters.pointee.format = AV_PIX_FMT_YUV420P.rawValue
        let header = FFmpeg.allocated(
            av_mallocz(first.header.count + Int(AV_INPUT_BUFFER_PADDING_SIZE)))
        first.header.withUnsafeBytes {
            if let base = $0.baseAddress { header.copyMemory(from: base, byteCount: $0.count) }
        }
        parameters.pointee.extradata = header.assumingMemoryBound(to: UInt8.self)
        parameters.pointee.extradata_size = Int32(first.header.count)
        stream.pointee.time_base = AVRational(num: 1, den: 90_000)
        if first.duration > 0 {
            stream.pointee.avg_frame_rate = av_d2q(1e9 / Double(first.duration), 1_000_000)
        }
    }

    /// Whether a packet is coded as was said at the beginning.
    func takes(_ packet: FilmPacket) -> Bool { !packet.isKey || packet.header == header }

    /// Gives a picture, and the sound before it, as FFmpeg has them.
    ///
    /// - Parameter put: gets each packet, the number of its stream, and what its times count.
    func write(
        _ packet: FilmPacket, put: (Packet, Int, AVRational) throws(MediaError) -> Void
    ) throws(MediaError) {
        let origin = self.origin ?? packet.presentation
        self.origin = origin
        for sound in packet.sounds where hasSound {
            if let packet = place(sound, after: origin) { try put(packet, 1, sound.timeBase) }
        }
        let picture = Packet(packet.picture)
        picture.pointer.pointee.pts = packet.presentation - origin
        picture.pointer.pointee.dts = picture.pointer.pointee.pts
        picture.pointer.pointee.duration = packet.duration
        if packet.isKey { picture.pointer.pointee.flags |= AV_PKT_FLAG_KEY }
        try put(picture, 0, .nanosecond)
    }

    /// Nil for sound from before the first picture, and for sound of a time that was written already, as
    /// comes after its clock jumped.
    private func place(_ sound: AudioPacket, after origin: Int64) -> Packet? {
        let packet = sound.makePacket()
        let start = av_rescale_q(origin, .nanosecond, sound.timeBase)
        let time = packet.pointer.pointee.pts - start
        guard time >= 0, time > lastSound else { return nil }
        lastSound = time
        (packet.pointer.pointee.pts, packet.pointer.pointee.dts) = (time, time)
        return packet
    }
}
