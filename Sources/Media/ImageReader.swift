import CFFmpeg
import Tensors

/// Reads a picture of any format that FFmpeg decodes.
package enum ImageReader {
    private static let needed = "a picture (PNG, JPEG, WebP, …)"

    /// The picture as `[1, h, w, 3]` RGB in 0...255, upright.
    ///
    /// Transparency is dropped, palettes and grey become RGB, 16 bits become 8; of an animation,
    /// the first frame counts.
    ///
    /// - Throws: ``MediaError`` naming the file, what it is, and what is needed.
    package static func read(_ path: String) throws(MediaError) -> Tensor<UInt8> {
        let demuxer = try Demuxer(path: path, needed: needed)
        guard let index = demuxer.bestStream(AVMEDIA_TYPE_VIDEO) else {
            throw .notMedia(
                path: path, found: "a file without pictures (\(demuxer.streamList))",
                needed: needed)
        }
        let stream = demuxer.stream(index)
        let picture = try firstPicture(of: demuxer, index)
        let orientation = Orientation(stream: stream, in: demuxer, picture: picture)
        let size = orientation.shownSize(width: picture.width, height: picture.height)
        let tensor = Tensor<UInt8>(uninitialized: [1, size.height, size.width, 3])
        try RGBConverter(orientation).convert(picture, into: tensor)
        return tensor
    }

    private static func firstPicture(
        of demuxer: Demuxer, _ index: Int32
    ) throws(MediaError) -> Picture {
        let stream = demuxer.stream(index).pointee
        let decoder = try Decoder(
            stream.codecpar, timeBase: stream.time_base, threads: 1, strict: true,
            name: demuxer.name)
        let (packet, picture) = (Packet(), Picture())
        var code: Int32 = 0
        var isEnd = false
        while true {
            code = decoder.receive(into: picture)
            if code >= 0 && !picture.isBroken { return picture }
            guard code == FF_EAGAIN, !isEnd else { break }
            isEnd = demuxer.read(into: packet) < 0
            if !isEnd && packet.pointer.pointee.stream_index != index { continue }
            let sent = decoder.send(isEnd ? nil : packet)
            av_packet_unref(packet.pointer)
            if sent < 0 {
                code = sent
                break
            }
        }
        let contents = try FileContents(path: demuxer.name, needed: needed)
        if contents.description.hasPrefix("a text file") {
            throw .notMedia(path: demuxer.name, found: contents.description, needed: needed)
        }
        let found = code >= 0 || code == FF_EOF ? "it is cut short" : FFmpeg.reason(code)
        throw .damaged(path: demuxer.name, found: found, needed: "a complete picture")
    }
}
