import Layers
import Tensors

/// The noise schedule: how much of a latent is noise at each timestep, and the step towards less.
///
/// Deterministic DDIM (arXiv 2010.02502, eta 0) on the paper's four levels. A step is `A x + B e`
/// with constants per timestep.
package struct Scheduler: Sendable {
    /// Timesteps of the window's chunks, oldest first.
    package static let timesteps = [0, 333, 666, 999]
    /// Distance between two of them.
    package static let stepLength = 333

    /// What a denoiser says of noisy latents.
    package enum Prediction: String, Sendable {
        /// The noise in them, as the published model.
        case noise = "epsilon"
        /// The latents without it: steadier where almost all is noise, since no error is multiplied.
        case clean = "x0"
    }

    private let prediction: Prediction

    /// What is left of the signal's variance at each of the 1000 timesteps of training.
    package let alphasCumulative: [Float]

    /// The schedule of the published model: square roots of beta run evenly from √0.00085 to √0.02.
    package init(prediction: Prediction = .noise) {
        self.prediction = prediction
        // As PyTorch does it: binary32, the second half counted from the end.
        let (first, last) = (Float(0.00085.squareRoot()), Float(0.02.squareRoot()))
        let step = (last - first) / 999
        var product = 1.0
        alphasCumulative = (0..<1000).map { i in
            let root = i < 500 ? first + step * Float(i) : last - step * Float(999 - i)
            product *= Double(1 - root * root)
            return Float(product)
        }
    }

    /// √ᾱ x + √(1 − ᾱ) noise for frames `[n, ...]` at their timesteps.
    package func addNoise(
        _ clean: Tensor<Float>, _ noise: Tensor<Float>, at timesteps: [Int]
    ) -> Tensor<Float> {
        combine(clean, noise, timesteps) { t in
            let alpha = alphasCumulative[t]
            return (alpha.squareRoot(), (1 - alpha).squareRoot())
        }
    }

    /// Moves frames `[n, ...]` one noise level down, each from its own timestep; a frame at 0 is
    /// finished by it.
    package func step(
        _ latents: Tensor<Float>, estimate: Tensor<Float>, at timesteps: [Int]
    ) -> Tensor<Float> {
        combine(latents, estimate, timesteps) { t in
            let before = t >= Self.stepLength ? Double(alphasCumulative[t - Self.stepLength]) : 1
            let alpha = Double(alphasCumulative[t])
            switch prediction {
            case .noise:
                let kept = (before / alpha).squareRoot()
                let added = (1 - before).squareRoot() - kept * (1 - alpha).squareRoot()
                return (Float(kept), Float(added))
            case .clean:
                // The noise is what is left of the latents without the clean ones.
                let kept = ((1 - before) / (1 - alpha)).squareRoot()
                return (Float(kept), Float(before.squareRoot() - kept * alpha.squareRoot()))
            }
        }
    }

    /// What frames `[n, ...]` look like without the estimated noise.
    package func cleanEstimate(
        _ latents: Tensor<Float>, noise estimate: Tensor<Float>, at timesteps: [Int]
    ) -> Tensor<Float> {
        combine(latents, estimate, timesteps) { t in
            let alpha = Double(alphasCumulative[t])
            return (Float(1 / alpha.squareRoot()), Float(-((1 - alpha) / alpha).squareRoot()))
        }
    }

    private func combine(
        _ x: Tensor<Float>, _ noise: Tensor<Float>, _ timesteps: [Int],
        _ factors: (Int) -> (Float, Float)
    ) -> Tensor<Float> {
        precondition(timesteps.count == x.shape[0], "\(timesteps.count) timesteps for \(x.shape)")
        return x.combined(with: noise, perFrame: timesteps.map(factors))
    }
}
