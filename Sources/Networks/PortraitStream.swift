import Layers
import Tensors

/// The paper's streaming loop: poses and motion of driving frames in, finished latents out.
///
/// A window holds four chunks of four frames, each chunk one noise level cleaner than the one behind
/// it. A call adds a chunk of pure noise, cleans all by one level, and the oldest chunk is finished:
/// what comes out was put in three calls ago. The first three calls finish frames that lead from
/// the portrait's own pose to the driver's (motion-interpolated start). Frames that differ much from
/// all seen before become historical keyframes, which the denoiser looks at like the portrait.
package struct PortraitStream {
    /// When a frame becomes a keyframe.
    package struct KeyframeRule: Sendable {
        /// Euclidean distance of motion tokens beyond which a frame is new.
        package var threshold: Float = 17
        /// First call that looks for keyframes; 0 is the first of all.
        package var firstCall = 9
        /// Keyframes that are kept at most.
        package var limit = 3
        /// Whether motion is compared and remembered even when no keyframe can be added any more:
        /// it has no effect and needs ever more memory, but the published program does so.
        package var comparesBeyondLimit = false

        package init() {}
    }

    /// All that a stream remembers between calls.
    struct State {
        /// Latents of the chunks that are not finished, oldest first.
        var latents: Tensor<Float>
        var pose, motion: FrameWindow
        /// What the poses were drawn from, since it is so much smaller.
        var keypoints: FrameWindow
        /// Motion tokens of the portrait and of remembered frames.
        var motionBank: [Tensor<Float>] = []
        /// Finished latents of keyframes, `[1, h, w, 4]`.
        var keyframes: [Tensor<Float>] = []
        var calls = 0
    }

    /// What a call finished, and what it decided.
    package struct Step {
        /// `[4, h, w, 4]`, in the diffusion model's scale.
        package let latents: Tensor<Float>
        /// Which call it was, from 0.
        package let call: Int
        /// From the frame about to be finished to the nearest remembered motion, when compared.
        package let distance: Float?
        /// Whether that was far enough to be remembered.
        package let isRemembered: Bool
        /// Keyframes and remembered motions after the call.
        package let keyframes, motionBankCount: Int
    }

    /// Told of what happens inside a call when set: `pose_features`, `latents_in`, `eps` and
    /// `latents_out`, all channels last.
    package var observe: ((_ name: String, _ value: Tensor<Float>) -> Void)?

    private let networks: StreamNetworks
    private let rule: KeyframeRule
    private let noise: any NoiseSource
    private var portrait: FusedPortrait
    private let scheduler: Scheduler
    private let drawing: KeypointDrawing
    /// The portrait's banks, then one per keyframe.
    private var banks: [ProjectedBanks]
    var state: State

    /// A stream at its beginning.
    package init(
        _ networks: StreamNetworks, portrait: PortraitConditioning, noise: any NoiseSource,
        keyframes rule: KeyframeRule = KeyframeRule()
    ) {
        let portrait = FusedPortrait(portrait, networks)
        (self.networks, self.portrait, self.noise, self.rule) = (networks, portrait, noise, rule)
        let configuration = networks.configuration
        drawing = KeypointDrawing(
            size: configuration.imageSize, finer: configuration.keypointFineness)
        scheduler = Scheduler(prediction: configuration.prediction)
        banks = [portrait.banks]
        let frames = configuration.windowFrames
        let levels = Array(
            Self.timesteps(configuration).prefix(frames - configuration.framesPerChunk))
        state = State(
            latents: Self.noised(portrait.latent, at: levels, noise.noise, draw: 0, scheduler),
            pose: FrameWindow(capacity: frames), motion: FrameWindow(capacity: frames),
            keypoints: FrameWindow(capacity: frames))
    }

    /// Sets of keypoints and motion tokens that the next call takes: the first also takes those
    /// that lead in from the portrait.
    package var framesNeeded: Int {
        state.calls == 0
            ? networks.configuration.windowFrames : networks.configuration.framesPerChunk
    }

    /// Adds a chunk and finishes the oldest one.
    ///
    /// - Parameters:
    ///   - keypoints: to be drawn, `[framesNeeded, 21, 3]`.
    ///   - motion: `[framesNeeded, tokens, dimension]`; row 0 of the first call is the portrait's.
    package mutating func step(keypoints: Tensor<Float>, motion: Tensor<Float>) -> Step {
        precondition(
            keypoints.shape[0] == framesNeeded && motion.shape[0] == framesNeeded,
            "\(keypoints.shape) and \(motion.shape), but \(framesNeeded) frames are needed")
        let chunk = networks.configuration.framesPerChunk
        takeIn(keypoints, motion)
        let (distance, isNew) = compareMotion()
        let timesteps = Self.timesteps(networks.configuration)
        let latents = denoise(timesteps)
        if isNew && state.keyframes.count < rule.limit { addKeyframe(latents.rows(0..<1)) }
        state.latents = latents.rows(chunk..<timesteps.count)
        state.calls += 1
        return Step(
            latents: latents.rows(0..<chunk), call: state.calls - 1, distance: distance,
            isRemembered: isNew, keyframes: state.keyframes.count,
            motionBankCount: state.motionBank.count)
    }

    /// Someone else is animated from the next call on.
    ///
    /// Frames in the window keep the noise level that they have come to and are finished as the new
    /// portrait: for three calls one face becomes the other. Keyframes show the old one and go.
    package mutating func change(to next: FusedPortrait) {
        portrait = next
        banks = [next.banks]
        state.keyframes = []
        state.motionBank = Array(state.motionBank.prefix(1))
    }

    /// Queues pose and motion, and a chunk of the portrait under full noise.
    private mutating func takeIn(_ keypoints: Tensor<Float>, _ motion: Tensor<Float>) {
        let features = features(of: keypoints)
        observe?("pose_features", features)
        state.pose.append(features)
        state.motion.append(motion)
        state.keypoints.append(keypoints)
        if state.calls == 0 { state.motionBank = [motion.rows(0..<1)] }
        let level = [Int](
            repeating: Self.timesteps(networks.configuration).last ?? 0,
            count: networks.configuration.framesPerChunk)
        let fresh = Self.noised(
            portrait.latent, at: level, noise.noise, draw: state.calls + 1, scheduler)
        state.latents = Tensor(stacking: [state.latents, fresh])
    }

    /// One canvas at a time: sixteen of them with their first features would take 600 MB.
    func features(of keypoints: Tensor<Float>) -> Tensor<Float> {
        Tensor(stacking: keypoints.keypointSets.map { networks.poseGuider(drawing([$0])) })
    }

    /// How far the frame about to be finished is from all remembered ones, and whether it joins them.
    private mutating func compareMotion() -> (distance: Float?, isNew: Bool) {
        let isFull = state.keyframes.count >= rule.limit
        guard state.calls >= rule.firstCall, !isFull || rule.comparesBeyondLimit,
            let oldest = state.motion.rows?.rows(0..<1)
        else { return (nil, false) }
        let distance = state.motionBank.map { oldest.distance(to: $0) }.min() ?? .infinity
        // Written so that a distance that is no number is not new.
        let isNew = distance > rule.threshold
        if isNew { state.motionBank.append(oldest.copy()) }
        return (distance, isNew)
    }

    /// The whole window, one noise level down.
    private func denoise(_ timesteps: [Int]) -> Tensor<Float> {
        guard let motion = state.motion.rows, let pose = state.pose.rows else {
            preconditionFailure("a call begins by taking in a chunk")
        }
        observe?("latents_in", state.latents)
        let estimate = networks.denoiser(
            state.latents, timesteps: timesteps, motion: motion, pose: pose, token: portrait.prepared,
            banks: banks)
        observe?("eps", estimate)
        let latents = scheduler.step(state.latents, estimate: estimate, at: timesteps)
        observe?("latents_out", latents)
        return latents
    }

    /// A finished frame becomes something to look at, from the next call on.
    private mutating func addKeyframe(_ latent: Tensor<Float>) {
        state.keyframes.append(latent)
        look(at: latent)
    }

    /// Adds a finished frame to what the denoiser looks at.
    mutating func look(at latent: Tensor<Float>) {
        let found = networks.banks(of: latent, token: portrait.token)
        banks.append(networks.denoiser.project(found))
    }

    /// Noise level of each frame in a window, oldest first.
    private static func timesteps(_ configuration: ModelConfiguration) -> [Int] {
        Scheduler.timesteps.flatMap {
            [Int](repeating: $0, count: configuration.framesPerChunk)
        }
    }

    /// A copy of the portrait's latent for each timestep, under that much noise.
    private static func noised(
        _ latent: Tensor<Float>, at timesteps: [Int], _ noise: (Int, [Int]) -> Tensor<Float>,
        draw: Int, _ scheduler: Scheduler
    ) -> Tensor<Float> {
        let copies = Tensor(stacking: timesteps.map { _ in latent })
        return scheduler.addNoise(copies, noise(draw, copies.shape), at: timesteps)
    }
}

extension Tensor<Float> {
    /// Euclidean distance of all elements.
    fileprivate func distance(to other: Tensor) -> Float {
        let squares = zip(host().array, other.host().array).reduce(0.0) { sum, pair in
            let difference = Double(pair.0) - Double(pair.1)
            return sum + difference * difference
        }
        return Float(squares.squareRoot())
    }

    /// The same numbers in memory of their own.
    fileprivate func copy() -> Tensor { Tensor(stacking: [self]) }
}
