import CFFmpeg
import Tensors

/// Reads a picture of any format that FFmpeg, libheif or libwebp decodes.
package enum ImageReader {
    static let needed = "a picture (PNG, JPEG, WebP, …)"

    /// Pictures that are longer are scaled down to this many pixels: no network looks at more.
    package static let longestSide = 4_096
    /// The most pixels that are decoded at all, 0.6 GB of RGB; FFmpeg itself takes a third more.
    private static let mostPixels = 200_000_000
    /// Nanoseconds without an answer after which an address counts as dead.
    private static let timeout: Int64 = 10_000_000_000

    /// The picture as `[1, h, w, 3]` RGB in 0...255, upright, in square pixels.
    ///
    /// Transparent parts are laid over one colour, palettes and grey become RGB, 16 bits become 8; of
    /// an animation, the first frame counts; what is longer than ``longestSide`` is scaled down.
    ///
    /// - Parameters:
    ///   - path: a file, or an address such as `http://…` or `file:///…`.
    ///   - warn: takes what a person should know of the picture, with its name.
    /// - Throws: ``MediaError`` naming the file, what it is, and what is needed.
    package static func read(
        _ path: String, warn: (String) -> Void = { _ in }
    ) throws(MediaError) -> Tensor<UInt8> {
        let found = try decode(path)
        let composer = AlphaComposer(name: found.name)
        let picture = try composer.flatten(found.picture)
        composer.takeWarnings().forEach(warn)
        let (width, height) = found.orientation.shownSize(
            width: picture.width, height: picture.height)
        let size = shownSize(width: width, height: height)
        if max(found.width, found.height) > longestSide {
            warn(
                "\(found.name): \(found.width)x\(found.height) is scaled down to "
                    + "\(size.width)x\(size.height)")
        }
        let tensor = Tensor<UInt8>(uninitialized: [1, size.height, size.width, 3])
        try RGBConverter(found.orientation).convert(picture, into: tensor)
        return tensor
    }

    /// A picture that is to be laid over others: its colors, and how much of each pixel is seen, both
    /// `[1, h, w, 3]` in 0...255.
    ///
    /// - Throws: ``MediaError`` naming the file, what it is, and what is needed.
    package static func readLayer(
        _ path: String
    ) throws(MediaError) -> (pixels: Tensor<UInt8>, opacity: Tensor<UInt8>) {
        let picture = try decode(path).picture
        let (width, height) = (picture.width, picture.height)
        let layer = Picture(width: width, height: height, format: AV_PIX_FMT_RGBA)
        try PictureScaler(.init(picture, width: width, height: height, to: AV_PIX_FMT_RGBA))
            .scale(picture, into: layer)
        let pixels = Tensor<UInt8>(uninitialized: [1, height, width, 3])
        let opacity = Tensor<UInt8>(uninitialized: [1, height, width, 3])
        let (rows, stride) = layer.rows
        for y in 0..<height {
            for x in 0..<width {
                let (from, to) = (rows + y * stride + 4 * x, 3 * (y * width + x))
                for c in 0..<3 {
                    pixels.pointer[to + c] = from[c]
                    opacity.pointer[to + c] = from[3]
                }
            }
        }
        return (pixels, opacity)
    }

    /// A size that no side of exceeds ``longestSide``.
    static func shownSize(width: Int, height: Int) -> (width: Int, height: Int) {
        let side = max(width, height)
        guard side > longestSide else { return (width, height) }
        func scaled(_ length: Int) -> Int { max(1, (length * longestSide + side / 2) / side) }
        return (scaled(width), scaled(height))
    }

    /// A decoded picture, and its file's own upright size.
    private struct Decoded {
        let name: String
        let picture: Picture
        let orientation: Orientation
        let width, height: Int

        init(
            _ name: String, _ picture: Picture, _ orientation: Orientation, reduction: Int32 = 0
        ) {
            (self.name, self.picture, self.orientation) = (name, picture, orientation)
            let size = orientation.shownSize(width: picture.width, height: picture.height)
            (width, height) = (size.width << reduction, size.height << reduction)
        }
    }

    private static func decode(_ text: String) throws(MediaError) -> Decoded {
        switch try MediaLocation(text, needed: needed) {
        case .pictures(let paths):
            // Says so of a folder.
            _ = try FileContents(path: text, needed: needed)
            throw .notMedia(
                path: text, found: "a name for \(paths.count) pictures", needed: "one of them")
        case .address(let address):
            return try decode(Demuxer(address, needed: needed, timeout: timeout))
        case .file(let path):
            switch PictureFormat(path: path) {
            case .heif(let name):
                let size = try HeifReader.size(path, name: name)
                try checkSize(size.width, size.height, path)
                return Decoded(path, try HeifReader.read(path, name: name), Orientation())
            case .animatedWebP:
                let film = try AnimatedWebP(path: path)
                guard let first = film.nextPicture()?.picture else {
                    throw .damaged(path: path, found: film.summary, needed: "a complete picture")
                }
                return Decoded(path, first, film.orientation(of: first))
            case .foreign(let name, let advice):
                throw .unsupported(path: path, found: name, advice: advice)
            case .other:
                return try decode(Demuxer(path: path, needed: needed))
            }
        }
    }

    private static func checkSize(_ width: Int, _ height: Int, _ path: String) throws(MediaError) {
        guard width * height > mostPixels else { return }
        throw tooLarge(path, "\(width)x\(height) = \(width * height / 1_000_000) million pixels")
    }

    private static func tooLarge(_ path: String, _ size: String) -> MediaError {
        .unsupported(
            path: path,
            found: "a picture of \(size), and up to \(mostPixels / 1_000_000) million are read",
            advice: "scale it down first: vipsthumbnail FILE --size \(longestSide)")
    }

    private static func decode(_ demuxer: Demuxer) throws(MediaError) -> Decoded {
        guard let index = demuxer.bestStream(AVMEDIA_TYPE_VIDEO) else {
            throw .notMedia(
                path: demuxer.name, found: "a file without pictures (\(demuxer.streamList))",
                needed: needed)
        }
        let stream = demuxer.stream(index)
        let parameters = stream.pointee.codecpar.pointee
        try checkSize(Int(parameters.width), Int(parameters.height), demuxer.name)
        let reduction = reduction(of: parameters)
        let picture = try firstPicture(of: demuxer, index, reduction: reduction)
        let orientation = Orientation(stream: stream, in: demuxer, picture: picture)
        return Decoded(demuxer.name, picture, orientation, reduction: reduction)
    }

    /// How often the decoder itself may halve a picture: JPEG's can, three times.
    static func reduction(of parameters: AVCodecParameters) -> Int32 {
        let most = avcodec_find_decoder(parameters.codec_id)?.pointee.max_lowres ?? 0
        let side = Int(max(parameters.width, parameters.height))
        return (0...Int32(most)).last { side >> $0 >= longestSide } ?? 0
    }

    private static func firstPicture(
        of demuxer: Demuxer, _ index: Int32, reduction: Int32
    ) throws(MediaError) -> Picture {
        let stream = demuxer.stream(index).pointee
        let decoder = try Decoder(
            stream.codecpar, timeBase: stream.time_base, threads: 1, strict: true,
            reduction: reduction, name: demuxer.name)
        let (packet, picture) = (Packet(), Picture())
        var code: Int32 = 0
        var isEnd = false
        while true {
            code = decoder.receive(into: picture)
            if code >= 0 && !picture.isBroken { return picture }
            guard code == FF_EAGAIN, !isEnd else { break }
            let read = demuxer.read(into: packet)
            try demuxer.throwIfUnreachable(read)
            isEnd = read < 0
            if !isEnd && packet.pointer.pointee.stream_index != index { continue }
            let sent = decoder.send(isEnd ? nil : packet)
            av_packet_unref(packet.pointer)
            if sent < 0 {
                code = sent
                break
            }
        }
        if demuxer.isFile {
            let contents = try FileContents(path: demuxer.name, needed: needed)
            if contents.description.hasPrefix("a text file") {
                throw .notMedia(path: demuxer.name, found: contents.description, needed: needed)
            }
        }
        let found = code >= 0 || code == FF_EOF ? "it is cut short" : FFmpeg.reason(code)
        if found.contains("nvalid image size") || found.contains("Picture size") {
            throw tooLarge(demuxer.name, "more pixels than FFmpeg takes")
        }
        if stream.codecpar.pointee.codec_id == AV_CODEC_ID_PSD {
            throw .unsupported(
                path: demuxer.name,
                found: "a Photoshop document (PSD) that FFmpeg cannot read: \(found)",
                advice: "export it as PNG")
        }
        throw .damaged(path: demuxer.name, found: found, needed: "a complete picture")
    }
}
