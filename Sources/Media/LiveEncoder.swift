import CFFmpeg
import Marks
import Tensors

/// Compresses the frames of a live stream: each packet comes out with its frame, and a decoder can begin
/// at every key packet.
package final class LiveEncoder {
    /// The library that compresses.
    package enum Library: String, CaseIterable, Sendable {
        /// On the processor.
        case x264
        /// On an NVIDIA GPU.
        case nvenc

        fileprivate var name: String { self == .x264 ? "libx264" : "h264_nvenc" }
    }

    package struct Options: Sendable {
        package var library = Library.x264
        /// Bits per second of the pictures, on average over half a second.
        package var bitrate = 2_500_000
        /// x264's trade of time for size.
        package var preset = "superfast"
        /// Seconds from one key packet to the next: consumers that come in between wait for it.
        package var keyframeInterval = 1.0
        /// Processor cores for compression; 0 lets x264 choose.
        package var threads = 0
        package var labelsAIGenerated = true
        /// What says so in the pictures themselves.
        package var marks = MarkOptions()
        /// Larger pictures are made smaller, in proportion, to so many pixels a side.
        package var largestSide = Int.max
        /// Which encoder of its node it is.
        package var stream: UInt32 = 0

        package init() {}
    }

    private let options: Options
    private let name: String
    private var encoder: FilmEncoder?
    private var lastTicks = Int64.min
    /// Presentation of the last key packet, nanoseconds.
    private var lastKey: Int64?
    private var last: Tensor<UInt8>?

    /// - Parameter name: of the node, for errors.
    package init(_ options: Options, name: String) { (self.options, self.name) = (options, name) }

    /// Compresses one frame `[1, h, w, 3]`; one of another size than the first is scaled to it.
    ///
    /// - Parameters:
    ///   - presentation: nanoseconds; later than that of the frame before.
    ///   - isKey: whether a decoder has to be able to begin here.
    /// - Returns: the packet, without a number and without sound.
    package func encode(
        _ frame: Tensor<UInt8>, at presentation: Int64, for duration: Int64, isKey: Bool = false
    ) throws(MediaError) -> FilmPacket {
        precondition(frame.shape.count == 4 && frame.shape[0] == 1 && frame.shape[3] == 3)
        if encoder == nil { encoder = try makeEncoder(for: frame, duration: duration) }
        let encoder = encoder!
        last = frame
        let ticks = av_rescale_q(presentation, .nanosecond, FilmEncoder.timeBase)
        lastTicks = max(ticks, lastTicks == .min ? ticks : lastTicks + 1)
        // The encoder counts frames, and fewer may come than their duration says.
        let sinceKey = Double(presentation - (lastKey ?? presentation))
        let isDue = sinceKey >= options.keyframeInterval * 1e9
        try encoder.send(frame, at: lastTicks, for: 0, isKey: isKey || isDue)
        guard let packet = try encoder.receive() else {
            throw .failed(
                call: "avcodec_receive_packet", argument: name,
                reason: "\(options.library.name) holds frames back, and a live stream cannot wait")
        }
        return filmPacket(packet, of: encoder, presentation, duration)
    }

    /// The last frame once more.
    package func repeatLast(
        at presentation: Int64, for duration: Int64, isKey: Bool = false
    ) throws(MediaError) -> FilmPacket? {
        guard let last else { return nil }
        var packet = try encode(last, at: presentation, for: duration, isKey: isKey)
        packet.flags.insert(.repeated)
        return packet
    }

    private func filmPacket(
        _ packet: Packet, of encoder: FilmEncoder, _ presentation: Int64, _ duration: Int64
    ) -> FilmPacket {
        let isKey = packet.pointer.pointee.flags & AV_PKT_FLAG_KEY != 0
        if isKey { lastKey = presentation }
        let header = isKey ? encoder.header : []
        var picture = packet.bytes
        // NVENC leaves out of the pictures what it has said in the header.
        if isKey, !picture.hasParameters { picture = header + picture }
        var flags: FilmPacket.Flags = options.labelsAIGenerated ? [.labelled] : []
        if options.labelsAIGenerated, options.marks.kind == .composite { flags.insert(.composite) }
        if isKey { flags.insert(.key) }
        return FilmPacket(
            flags: flags, stream: options.stream, sequence: 0, presentation: presentation,
            duration: max(duration, 0), width: UInt16(clamping: encoder.width),
            height: UInt16(clamping: encoder.height), codec: "h264", header: header,
            picture: picture, sounds: [])
    }

    private func makeEncoder(
        for frame: Tensor<UInt8>, duration: Int64
    ) throws(MediaError) -> FilmEncoder {
        // Nobody knows: 25 frames a second.
        let interval = duration > 0 ? duration : 40_000_000
        let rate = String(options.bitrate)
        let frames = max(Int((options.keyframeInterval * 1e9 / Double(interval)).rounded()), 1)
        let common = [
            ("b", rate), ("maxrate", rate), ("bufsize", String(options.bitrate / 2)), ("bf", "0"),
            ("g", String(frames)), ("forced-idr", "1"), ("profile", "main"),
        ]
        let own: [(String, String)] =
            switch options.library {
            case .x264:
                // A scene cut would bring a key frame early, and a burst of bits with it.
                [
                    ("preset", options.preset), ("tune", "zerolatency"), ("sc_threshold", "0"),
                    ("x264-params", "repeat-headers=1"),
                ]
            case .nvenc:
                [
                    ("preset", "p3"), ("tune", "ull"), ("zerolatency", "1"), ("delay", "0"),
                    ("rc", "cbr"),
                ]
            }
        let size = options.size(of: frame)
        return try FilmEncoder(
            library: options.library.name, width: size.width, height: size.height,
            interval: interval, values: common + own, threads: options.threads,
            marks: options.marks, path: name)
    }
}

extension LiveEncoder.Options {
    /// The size that pictures get.
    fileprivate func size(of frame: Tensor<UInt8>) -> (width: Int, height: Int) {
        let (height, width) = (frame.shape[1], frame.shape[2])
        let side = max(width, height)
        guard side > largestSide else { return (width, height) }
        return (max(width * largestSide / side, 2), max(height * largestSide / side, 2))
    }
}

extension [UInt8] {
    /// Whether H.264 in Annex B has a sequence parameter set before its first picture (Rec. ITU-T H.264,
    /// table 7-1: type 7; 1 and 5 are slices).
    fileprivate var hasParameters: Bool {
        var place = 0
        while place + 3 < count {
            guard self[place] == 0, self[place + 1] == 0, self[place + 2] == 1 else {
                place += 1
                continue
            }
            switch self[place + 3] & 0x1f {
            case 7: return true
            case 1, 5: return false
            default: place += 3
            }
        }
        return false
    }
}
