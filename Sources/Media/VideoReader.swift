import CFFmpeg
import Tensors

/// Reads a film as it is shown: upright RGB frames with true times, and its sound undecoded.
///
/// Edit lists are honoured, variable frame rates kept, pixels made square; a clock that begins anew
/// goes on, fields become frames, HDR is tone-mapped, transparent parts are laid over one colour.
/// Times count from the start of the shown stream: from whichever of picture and sound begins first.
/// A reader belongs to one thread.
package final class VideoReader {
    /// When a frame is shown.
    package struct Frame: Equatable, Sendable {
        /// From 0, without gaps.
        package var number: Int
        /// Nanoseconds from the start of the stream.
        package var presentation: Int64
        /// Nanoseconds until the next frame.
        package var duration: Int64
    }

    /// What comes next in the film.
    package enum Item: Equatable {
        /// A frame; ``VideoReader/copyFrame(into:)`` has its pixels until the next item.
        case frame(Frame)
        /// A packet of the sound.
        case audio(AudioPacket)
    }

    /// The file, address, folder or pattern, without passwords.
    package let path: String
    /// Size in square pixels, upright; frames of another size are scaled to it.
    package let width: Int, height: Int
    /// How many frames there should be, for progress; nil when the file gives no idea.
    package let estimatedFrames: Int?
    /// How the sound is coded, or nil when there is none.
    package var audioFormat: AudioFormat? { source.audioFormat }
    /// Shape of every frame: `[1, height, width, 3]`.
    package var shape: [Int] { [1, height, width, 3] }

    private let source: any PictureSource
    private let converter: RGBConverter
    private let composer: AlphaComposer
    private let frameLimit: Int
    /// The frame that was handed out last, and the one behind it, which tells its duration.
    private var current = Picture(), upcoming: TimedPicture?
    private var upcomingTime: Int64
    private var interval: Int64
    private var number = 0
    private var hasEnded = false
    private var sizeChanged = false

    /// How long an address may give nothing, nanoseconds.
    package static let usualTimeout: Int64 = 10_000_000_000

    /// Opens a film and decodes its first frame.
    ///
    /// - Parameters:
    ///   - path: a file; an address such as `http://…`, `rtsp://…` or `file:///…`; a folder of pictures
    ///     in natural order; or a pattern of their names, with `%04d` or `*`.
    ///   - frameLimit: stop after so many frames, and with the sound up to there.
    ///   - rate: pictures a second, where each is a file.
    ///   - timeout: nanoseconds without any data after which an address counts as dead.
    ///   - threads: processor cores for decoding.
    /// - Throws: ``MediaError`` when there is no frame to be had.
    package init(
        path: String, frameLimit: Int? = nil, rate: Double = 25,
        timeout: Int64 = VideoReader.usualTimeout, threads: Int = 1
    ) throws(MediaError) {
        self.path = path.withoutPasswords
        self.frameLimit = frameLimit ?? .max
        source = try Self.source(path, rate: rate, timeout: timeout, threads: threads)
        guard let first = try source.nextPicture() else {
            throw .noFrames(path: self.path, found: source.summary)
        }
        let orientation = source.orientation(of: first.picture)
        (width, height) = orientation.shownSize(
            width: first.picture.width, height: first.picture.height)
        converter = RGBConverter(orientation)
        composer = AlphaComposer(name: self.path)
        interval = source.usualInterval
        estimatedFrames = source.estimatedFrames.map { min($0, frameLimit ?? .max) }
        upcoming = first
        upcomingTime = first.time ?? 0
    }

    /// Why there is no picture at a path that names a folder or is a pattern; nil for a film, and where
    /// there are pictures. Opens nothing.
    package static func fault(of path: String) -> MediaError? {
        do throws(MediaError) {
            _ = try MediaLocation(path, needed: "a video")
            return nil
        } catch { return error }
    }

    /// The films whose names fit a pattern, in natural order; nil for all else, pictures of a pattern too.
    package static func films(_ path: String) -> [String]? {
        guard case .pictures(let paths)? = try? MediaLocation(path, needed: "a video"),
            paths.allSatisfy(MediaLocation.isFilm)
        else { return nil }
        return paths
    }

    private static func source(
        _ path: String, rate: Double, timeout: Int64, threads: Int
    ) throws(MediaError) -> any PictureSource {
        let needed = "a video"
        switch try MediaLocation(path, needed: needed) {
        case .address(let address):
            return try FrameSource(
                Demuxer(address, needed: needed, timeout: timeout), threads: threads)
        case .pictures(let paths):
            return PictureSequence(paths, rate: rate)
        case .file(let path):
            switch PictureFormat(path: path) {
            case .heif: return PictureSequence([path], rate: rate)
            case .animatedWebP: return try AnimatedWebP(path: path)
            case .foreign(let name, let advice):
                throw .unsupported(path: path, found: name, advice: advice)
            case .other:
                return try FrameSource(Demuxer(path: path, needed: needed), threads: threads)
            }
        }
    }

    /// What a person should know of the file, since the last call.
    package func takeWarnings() -> [String] { source.takeWarnings() + composer.takeWarnings() }

    /// The next frame or packet in the order of time, or nil at the end.
    package func next() throws(MediaError) -> Item? {
        if let packet = source.takeAudio(until: hasEnded ? .max : upcomingTime) {
            return .audio(packet)
        }
        guard !hasEnded, number < frameLimit, let next = upcoming else { return nil }
        let frame = try advance(from: next)
        let picture = next.picture
        if picture.width != current.width || picture.height != current.height, number > 0 {
            warnOfSize(picture)
        }
        current = picture
        number += 1
        return .frame(frame)
    }

    /// Writes the pixels of the frame that ``next()`` gave last into `[1, height, width, 3]`.
    package func copyFrame(into tensor: Tensor<UInt8>) throws(MediaError) {
        precondition(tensor.shape == shape, "tensor \(tensor.shape) for frames \(shape)")
        try converter.convert(composer.flatten(current), into: tensor)
    }

    /// Looks one frame ahead: only the next one tells how long this one is shown.
    private func advance(from picture: TimedPicture) throws(MediaError) -> Frame {
        let time = upcomingTime
        var duration: Int64
        upcoming = try source.nextPicture()
        if let upcoming {
            let own = picture.duration
            upcomingTime = upcoming.time ?? time + (own > 0 ? own : interval)
            if upcomingTime <= time { upcomingTime = time + 1 }
            duration = upcomingTime - time
            interval = duration
        } else {
            hasEnded = true
            duration = source.lastDuration(of: picture, at: time, interval: interval)
            source.warnIfShort(end: time + duration, frames: number + 1)
        }
        return Frame(number: number, presentation: time, duration: duration)
    }

    private func warnOfSize(_ picture: Picture) {
        guard !sizeChanged else { return }
        sizeChanged = true
        source.warn(
            "frame \(number) is \(picture.width)x\(picture.height), the first was "
                + "\(current.width)x\(current.height): frames are scaled to \(width)x\(height)")
    }
}
