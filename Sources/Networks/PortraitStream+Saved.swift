import Tensors

extension PortraitStream {
    /// What a stream remembers, without what follows from it: pose features from keypoints, banks
    /// from latents. Valid until the stream's next step.
    package struct Saved {
        package var latents: Tensor<Float>
        package var keypoints, motion: Tensor<Float>
        package var motionBank: [Tensor<Float>] = []
        package var keyframes: [Tensor<Float>] = []
        package var calls = 0

        package init(latents: Tensor<Float>, keypoints: Tensor<Float>, motion: Tensor<Float>) {
            (self.latents, self.keypoints, self.motion) = (latents, keypoints, motion)
        }
    }

    /// Nil before the first step.
    package var saved: Saved? {
        guard let keypoints = state.keypoints.rows, let motion = state.motion.rows else {
            return nil
        }
        var saved = Saved(latents: state.latents, keypoints: keypoints, motion: motion)
        (saved.motionBank, saved.keyframes) = (state.motionBank, state.keyframes)
        saved.calls = state.calls
        return saved
    }

    /// Goes on from there, with the same networks, portrait and noise.
    package mutating func restore(_ saved: Saved) {
        state.latents = saved.latents
        state.pose.append(features(of: saved.keypoints))
        state.keypoints.append(saved.keypoints)
        state.motion.append(saved.motion)
        (state.motionBank, state.keyframes) = (saved.motionBank, saved.keyframes)
        state.calls = saved.calls
        for latent in saved.keyframes { look(at: latent) }
    }
}
