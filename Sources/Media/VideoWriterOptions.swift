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
