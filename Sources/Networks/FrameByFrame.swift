import Layers
import Tensors

/// A ``PortraitStream`` that is fed one driving frame at a time.
///
/// Collects frames to chunks, and at the end makes up the frames that are needed for the last real
/// one to be finished.
package struct FrameByFrame {
    /// Latents of frames that are finished.
    package struct Finished {
        /// `[n, h, w, 4]`, in the diffusion model's scale.
        package let latents: Tensor<Float>
        /// Driving frame of the first row, from 0; below 0 are frames that lead in from the
        /// portrait.
        package let firstFrame: Int
    }

    private var stream: PortraitStream
    private let chunk, lead: Int
    private var keypoints: [Tensor<Float>] = []
    private var motion: [Tensor<Float>] = []
    /// The newest frames, for the ending.
    private var recent: [(keypoints: Tensor<Float>, motion: Tensor<Float>)] = []
    private var framesFed = 0

    package init(_ stream: PortraitStream, _ configuration: ModelConfiguration) {
        self.stream = stream
        chunk = configuration.framesPerChunk
        lead = configuration.windowFrames - configuration.framesPerChunk
    }

    /// Takes one driving frame.
    ///
    /// - Parameters:
    ///   - keypoints: to be drawn, `[1, 21, 3]`; with the first frame those that lead in, then its
    ///     own: `[13, 21, 3]`.
    ///   - motion: `[1, tokens, dimension]`; with the first frame `[13, …]`.
    /// - Returns: a chunk, when the frame completes one.
    package mutating func feed(
        keypoints: Tensor<Float>, motion: Tensor<Float>
    ) -> Finished? {
        let rows = framesFed == 0 ? lead + 1 : 1
        precondition(
            keypoints.shape[0] == rows && motion.shape[0] == rows,
            "frame \(framesFed) has \(keypoints.shape) and \(motion.shape), not \(rows) rows")
        framesFed += 1
        recent.append((keypoints.rows(rows - 1..<rows), motion.rows(rows - 1..<rows)))
        if recent.count > lead + chunk { recent.removeFirst() }
        return take(keypoints, motion)
    }

    /// Finishes what is still in the window: the driver's last movements, played back and forth,
    /// fill the last chunk and push the rest out.
    ///
    /// - Returns: chunks in order; the last ends with the last frame that was fed.
    package mutating func finish() -> [Finished] {
        guard framesFed > 0 else { return [] }
        var finished: [Finished] = []
        let missing = (chunk - framesFed % chunk) % chunk + lead
        for index in 0..<missing {
            let frame = recent[mirrored(index)]
            guard let done = take(frame.keypoints, frame.motion) else { continue }
            let real = min(chunk, framesFed - done.firstFrame)
            guard real > 0 else { continue }
            finished.append(
                Finished(latents: done.latents.rows(0..<real), firstFrame: done.firstFrame))
        }
        return finished
    }

    private mutating func take(_ points: Tensor<Float>, _ tokens: Tensor<Float>) -> Finished? {
        keypoints.append(points)
        motion.append(tokens)
        guard keypoints.reduce(0, { $0 + $1.shape[0] }) == stream.framesNeeded else { return nil }
        let step = stream.step(
            keypoints: Tensor(stacking: keypoints), motion: Tensor(stacking: motion))
        keypoints.removeAll(keepingCapacity: true)
        motion.removeAll(keepingCapacity: true)
        return Finished(latents: step.latents, firstFrame: step.call * chunk - lead)
    }

    /// Which of the recent frames stands in for the n-th after the last: backwards, then forwards.
    private func mirrored(_ n: Int) -> Int {
        guard recent.count > 1 else { return 0 }
        let last = recent.count - 1, place = (n + 1) % (2 * last)
        return place <= last ? last - place : place - last
    }
}
