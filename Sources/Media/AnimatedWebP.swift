import CFFmpeg
import CWebP
import Foundation

/// The pictures of an animated WebP, one after the other.
final class AnimatedWebP: PictureSource {
    private let path: String
    private let bytes: NSData
    private let film: OpaquePointer
    private let width, height: Int
    private let count: Int
    /// When the last picture is no longer shown, nanoseconds.
    private var end: Int64 = 0
    private var isDamaged = false
    private var warnings: [String] = []

    init(path: String) throws(MediaError) {
        guard let bytes = NSData(contentsOfFile: path) else {
            throw .unreadable(path: path, reason: String(cString: strerror(errno)))
        }
        var isInstalled: Int32 = 0
        let start = bytes.bytes.assumingMemoryBound(to: UInt8.self)
        guard let film = webp_film_open(start, bytes.length, &isInstalled) else {
            guard isInstalled != 0 else {
                throw .unsupported(
                    path: path,
                    found: "an animated WebP, which libwebpdemux reads and which is not installed",
                    advice: "install libwebpdemux2, or take one picture out: "
                        + "webpmux -get frame 1 FILE -o portrait.webp")
            }
            throw .damaged(
                path: path, found: "its animation is incomplete", needed: "a complete picture")
        }
        (self.path, self.bytes, self.film) = (path, bytes, film)
        var size: (Int32, Int32, Int32) = (0, 0, 0)
        webp_film_size(film, &size.0, &size.1, &size.2)
        (width, height, count) = (Int(size.0), Int(size.1), Int(size.2))
    }

    deinit { webp_film_close(film) }

    var audioFormat: AudioFormat? { nil }
    var usualInterval: Int64 { 40_000_000 }
    var estimatedFrames: Int? { count }
    var summary: String { "an animated WebP without a complete picture" }

    func orientation(of first: Picture) -> Orientation {
        Orientation(exif: ExifOrientation.read(path))
    }

    func nextPicture() -> TimedPicture? {
        var (until, damage): (Int32, Int32) = (0, 0)
        guard let pixels = webp_film_next(film, &until, &damage) else {
            isDamaged = damage != 0
            return nil
        }
        let picture = Picture(
            copying: pixels, width: width, height: height, format: AV_PIX_FMT_RGBA, bytesPerPixel: 4
        )
        let begin = end
        end = max(Int64(until) * 1_000_000, begin)
        return TimedPicture(picture: picture, time: begin, duration: end - begin)
    }

    func takeAudio(until time: Int64) -> AudioPacket? { nil }

    func lastDuration(of picture: TimedPicture, at time: Int64, interval: Int64) -> Int64 {
        picture.duration > 0 ? picture.duration : interval
    }

    func warnIfShort(end: Int64, frames: Int) {
        guard isDamaged || frames < count else { return }
        warn("the file is cut short: it declares \(count) frames, and \(frames) good ones are used")
    }

    func warn(_ text: String) { warnings.append("\(path): \(text)") }

    func takeWarnings() -> [String] {
        defer { warnings = [] }
        return warnings
    }
}
