import CFFmpeg
import CHeif
import Glibc

/// Reads pictures of phones (HEIC, AVIF) as they are shown, by libheif.
enum HeifReader {
    /// The picture, upright, in RGB or RGBA.
    ///
    /// - Parameter name: the format, for errors.
    static func read(_ path: String, name: String) throws(MediaError) -> Picture {
        var found = heif_picture()
        heif_read(path, 1, &found)
        defer { free(found.pixels) }
        try check(found, path: path, name: name)
        let isClear = found.has_alpha != 0
        let (width, height) = (Int(found.width), Int(found.height))
        return Picture(
            copying: found.pixels, width: width, height: height,
            format: isClear ? AV_PIX_FMT_RGBA : AV_PIX_FMT_RGB24, bytesPerPixel: isClear ? 4 : 3)
    }

    /// The upright picture's size.
    static func size(_ path: String, name: String) throws(MediaError) -> (width: Int, height: Int) {
        var found = heif_picture()
        heif_read(path, 0, &found)
        try check(found, path: path, name: name)
        return (Int(found.width), Int(found.height))
    }

    private static func check(
        _ found: heif_picture, path: String, name: String
    ) throws(MediaError) {
        switch found.outcome {
        case HEIF_SHIM_DONE: return
        case HEIF_SHIM_NOT_INSTALLED:
            throw .unsupported(
                path: path,
                found: "a picture in \(name), which libheif reads and which is not installed",
                advice: "install libheif1, or convert it: heif-convert FILE portrait.png")
        default:
            let reason = withUnsafeBytes(of: found.message) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            throw .damaged(
                path: path, found: "libheif says '\(reason)'", needed: "a complete picture")
        }
    }
}
