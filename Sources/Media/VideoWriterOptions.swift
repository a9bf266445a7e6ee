import Marks

/// How ``VideoWriter`` compresses and labels.
package struct VideoWriterOptions: Sendable {
    /// Constant rate factor of x264: 0 (lossless) to 51 (worst).
    package var crf = 20
    /// x264's trade of time for size: `ultrafast` to `veryslow`.
    package var preset = "veryfast"
    /// x264's `tune` (`zerolatency`, `stillimage`, …), or nil.
    package var tune: String?
    /// Processor cores for compression; 0 lets x264 choose.
    package var threads = 0
    /// Whether the file says that its pictures are AI-generated.
    package var labelsAIGenerated = true
    /// What says so in the pictures themselves.
    package var marks = MarkOptions()

    package init() {}

    /// Seconds between two keyframes: for players that jump, and since a writer that takes over from a
    /// killed one begins at a keyframe, until which frames have to be kept.
    package static let keyframeInterval = 2.0
    /// What x264 holds back at most: the lookahead of its slowest presets (60) and reordered frames.
    package static let framesInEncoder = 64

    /// The presets that x264 knows, fastest first.
    package static let presets = [
        "ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower",
        "veryslow",
    ]
    /// The tunings that x264 knows.
    package static let tunes = [
        "film", "animation", "grain", "stillimage", "psnr", "ssim", "fastdecode", "zerolatency",
    ]
}

extension VideoWriterOptions {
    /// The same for a codec's library.
    func values(for codec: FilmEncoder.Codec) -> [(name: String, value: String)] {
        switch codec {
        case .h264:
            // A process with other settings may go on with the film, whose header is one for all: so
            // every keyframe says itself what it needs.
            return [("crf", String(crf)), ("preset", preset), ("x264-params", "repeat-headers=1")]
                + (tune.map { [("tune", $0)] } ?? [])
        case .vp9:
            // Its scale goes to 63: 31 looks about like x264's 20 (FFmpeg's wiki, "Encode/VP9").
            let speed = [8, 8, 7, 6, 5, 4, 3, 2, 1]
            let step = Self.presets.firstIndex(of: preset) ?? 2
            return [
                ("crf", String(min(63, crf * 3 / 2))), ("b", "0"), ("row-mt", "1"),
                ("deadline", step < 4 ? "realtime" : "good"), ("cpu-used", String(speed[step])),
                ("lag-in-frames", tune == "zerolatency" ? "0" : "25"),
            ]
        }
    }
}
