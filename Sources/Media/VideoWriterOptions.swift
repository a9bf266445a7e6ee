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
