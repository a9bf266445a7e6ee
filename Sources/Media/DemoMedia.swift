import Dispatch
import Glibc
import Kernels
import Marks
import Tensors

/// Draws the portrait and the driving film that the first command of the README uses.
///
/// Two invented people: one looks at the camera, the other moves the head, blinks and speaks, with
/// a voice whose loudness follows the mouth. The same files come out every time.
package enum DemoMedia {
    /// Frames a second of the driving film.
    package static let frameRate = 25

    /// Writes `portrait.png` and `driving.mp4` into a folder, which is made when it is missing.
    ///
    /// - Returns: the two paths.
    package static func write(
        to folder: String, size: Int = 512, frames: Int = 110
    ) throws(MediaError) -> (portrait: String, driving: String) {
        try makeFolder(folder)
        let portrait = folder + "/portrait.png"
        let driving = folder + "/driving.mp4"
        try ImageWriter.write(drawPortrait(size: size), to: portrait)
        try writeFilm(driving, size: size, frames: frames)
        return (portrait, driving)
    }

    private static func makeFolder(_ folder: String) throws(MediaError) {
        var path = ""
        for part in folder.split(separator: "/", omittingEmptySubsequences: false) {
            path += path.isEmpty && !folder.hasPrefix("/") ? String(part) : "/" + part
            guard !part.isEmpty, mkdir(path, 0o755) != 0, errno != EEXIST else { continue }
            throw .cannotWrite(path: path, reason: String(cString: strerror(errno)), kept: nil)
        }
    }

    /// The portrait, `[1, size, size, 3]`; drawn at twice the size, so that its edges are smooth.
    package static func drawPortrait(size: Int) -> Tensor<UInt8> {
        var pose = portrait_pose()
        pose.mouth_wide = 0.1
        let large = draw(.portrait, pose, size: 2 * size)
        let small = Tensor<UInt8>(uninitialized: [1, size, size, 3])
        picture_halve(large.pointer, Int32(size), Int32(size), small.pointer)
        return small
    }

    /// A frame of the driving film, `[1, size, size, 3]`.
    package static func drawFrame(_ number: Int, size: Int) -> Tensor<UInt8> {
        draw(.driver, DemoMotion.pose(at: Double(number) / Double(frameRate)), size: size)
    }

    private static func writeFilm(_ path: String, size: Int, frames: Int) throws(MediaError) {
        var options = VideoWriterOptions()
        options.crf = 18
        options.threads = 2  // a fixed number, so that every machine writes the same file
        // It was drawn.
        options.labelsAIGenerated = false
        options.marks = .none
        let writer = try VideoWriter(path: path, options: options)
        let samples = DemoVoice.samples(seconds: Double(frames) / Double(frameRate))
        for first in stride(from: 0, to: samples.count, by: 4_800) {
            try writer.write(
                AudioPacket(
                    samples: Array(samples[first..<min(first + 4_800, samples.count)]),
                    sampleRate: DemoVoice.sampleRate, channels: 1, first: first))
        }
        let interval = 1_000_000_000 / Int64(frameRate)
        for number in 0..<frames {
            try writer.write(
                drawFrame(number, size: size), presentation: Int64(number) * interval,
                duration: interval)
        }
        try writer.finish()
    }

    private static func draw(
        _ look: portrait_look, _ pose: portrait_pose, size: Int
    ) -> Tensor<UInt8> {
        let picture = Tensor<UInt8>(uninitialized: [1, size, size, 3])
        let bands = 16
        DispatchQueue.concurrentPerform(iterations: bands) { band in
            withUnsafePointer(to: look) { look in
                withUnsafePointer(to: pose) { pose in
                    portrait_draw(
                        look, pose, Int32(size), Int32(size * band / bands),
                        Int32(size * (band + 1) / bands), picture.pointer)
                }
            }
        }
        return picture
    }
}

extension portrait_look {
    /// Who is animated.
    fileprivate static let portrait = portrait_look(
        skin: (0.93, 0.74, 0.63), lips: (0.78, 0.36, 0.36), hair: (0.30, 0.17, 0.10),
        iris: (0.28, 0.42, 0.30), shirt: (0.25, 0.36, 0.52), backdrop: (0.74, 0.78, 0.80),
        jaw: 0.95, eyes: 1.05, nose: 0.95, hair_length: 1)
    /// Who moves.
    fileprivate static let driver = portrait_look(
        skin: (0.80, 0.58, 0.44), lips: (0.66, 0.37, 0.32), hair: (0.10, 0.08, 0.07),
        iris: (0.27, 0.16, 0.09), shirt: (0.62, 0.24, 0.20), backdrop: (0.70, 0.72, 0.66),
        jaw: 1.12, eyes: 0.97, nose: 1.08, hair_length: 0)
}
