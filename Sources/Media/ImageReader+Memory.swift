import CFFmpeg

/// What a picture takes, from its header alone.
extension ImageReader {
    /// Bytes that reading a picture takes at its peak; nil where there is no such picture to look at.
    ///
    /// The decoder holds the whole picture, and what it is scaled down to comes beside it, once in
    /// padded rows and once as it is sent.
    package static func memory(toRead path: String) -> Int? {
        header(of: path).map { $0.width * $0.height * $0.bytesPerPixel + 2 * $0.sentBytes }
    }

    /// Bytes of the picture as ``read(_:warn:)`` gives it; nil where there is none to look at.
    package static func bytes(of path: String) -> Int? { header(of: path)?.sentBytes }

    /// What a header says: the size that is decoded, and the bytes that a pixel takes until it is RGB.
    private struct Header {
        let width, height, bytesPerPixel: Int

        var sentBytes: Int {
            let size = ImageReader.shownSize(width: width, height: height)
            return 3 * size.width * size.height
        }
    }

    private static func header(of path: String) -> Header? {
        guard case .file(let path)? = try? MediaLocation(path, needed: needed) else { return nil }
        if case .heif(let name) = PictureFormat(path: path) {
            return (try? HeifReader.size(path, name: name)).map {
                // libheif's own planes, its RGB, and two copies of that.
                Header(width: $0.width, height: $0.height, bytesPerPixel: 10)
            }
        }
        guard let demuxer = try? Demuxer(path: path, needed: needed),
            let index = demuxer.bestStream(AVMEDIA_TYPE_VIDEO)
        else { return nil }
        let parameters = demuxer.stream(index).pointee.codecpar.pointee
        guard parameters.width > 0, parameters.height > 0 else { return nil }
        let description = av_pix_fmt_desc_get(AVPixelFormat(parameters.format))
        let bits = description.map { Int(av_get_padded_bits_per_pixel($0)) } ?? 24
        let flags = description?.pointee.flags ?? 0
        // What may be transparent is made RGBA as a whole.
        let isClear = flags & UInt64(AV_PIX_FMT_FLAG_ALPHA) != 0
        let reduction = reduction(of: parameters)
        return Header(
            width: Int(parameters.width) >> reduction, height: Int(parameters.height) >> reduction,
            bytesPerPixel: (bits + 7) / 8 + (isClear ? 4 : 0))
    }
}
