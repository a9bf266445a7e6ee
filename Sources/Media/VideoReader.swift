import CFFmpeg
import Tensors

/// Reads a film as it is shown: upright RGB frames with true times, and its sound undecoded.
///
/// Edit lists are honoured, variable frame rates kept, pixels made square. Times count from the
/// start of the shown stream: from whichever of picture and sound begins first. A reader belongs
/// to one thread.
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

    /// The file.
    package let path: String
    /// Size in square pixels, upright; frames of another size are scaled to it.
    package let width: Int, height: Int
    /// How many frames there should be, for progress; nil when the file gives no idea.
    package let estimatedFrames: Int?
    /// How the sound is coded, or nil when there is none.
    package var audioFormat: AudioFormat? { source.audioFormat }
    /// Shape of every frame: `[1, height, width, 3]`.
    package var shape: [Int] { [1, height, width, 3] }

    private let source: FrameSource
    private let converter: RGBConverter
    private let frameLimit: Int
    /// The frame that was handed out last, and the one behind it, which tells its duration.
    private var current = Picture(), upcoming: Picture?
    private var upcomingTime: Int64
    private var interval: Int64
    private var number = 0
    private var hasEnded = false
    private var sizeChanged = false

    /// Opens a film and decodes its first frame.
    ///
    /// - Parameters:
    ///   - frameLimit: stop after so many frames, and with the sound up to there.
    ///   - threads: processor cores for decoding.
    /// - Throws: ``MediaError`` when there is no frame to be had.
    package init(path: String, frameLimit: Int? = nil, threads: Int = 1) throws(MediaError) {
        self.path = path
        self.frameLimit = frameLimit ?? .max
        source = try FrameSource(path: path, threads: threads)
        guard let first = try source.nextPicture() else {
            throw .noFrames(path: path, found: source.summary)
        }
        let orientation = Orientation(
            stream: source.video, in: source.demuxer, picture: first)
        (width, height) = orientation.shownSize(width: first.width, height: first.height)
        converter = RGBConverter(orientation)
        interval = source.usualInterval
        estimatedFrames = source.estimatedFrames.map { min($0, frameLimit ?? .max) }
        upcoming = first
        upcomingTime = source.time(of: first) ?? 0
    }

    /// What a person should know of the file, since the last call.
    package func takeWarnings() -> [String] { source.takeWarnings() }

    /// The next frame or packet in the order of time, or nil at the end.
    package func next() throws(MediaError) -> Item? {
        if let packet = source.takeAudio(until: hasEnded ? .max : upcomingTime) {
            return .audio(packet)
        }
        guard !hasEnded, number < frameLimit, let picture = upcoming else { return nil }
        let frame = try advance(from: picture)
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
        try converter.convert(current, into: tensor)
    }

    /// Looks one frame ahead: only the next one tells how long this one is shown.
    private func advance(from picture: Picture) throws(MediaError) -> Frame {
        let time = upcomingTime
        var duration: Int64
        upcoming = try source.nextPicture()
        if let upcoming {
            let own = source.duration(of: picture)
            upcomingTime = source.time(of: upcoming) ?? time + (own > 0 ? own : interval)
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
