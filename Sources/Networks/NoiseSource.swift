import Layers
import Tensors

/// Where the noise of new chunks comes from.
package protocol NoiseSource {
    /// Normal noise for one draw: 0 is the first window, `n + 1` the chunk of call `n`.
    ///
    /// - Parameter shape: `[frames, h, w, channels]`.
    func noise(draw: Int, shape: [Int]) -> Tensor<Float>
}

/// Noise that follows from a seed: every draw is known without those before it, so a stream that
/// starts again in the middle gets the same.
package struct SeededNoise: NoiseSource {
    private let seed: Int

    package init(seed: Int) { self.seed = seed }

    package func noise(draw: Int, shape: [Int]) -> Tensor<Float> {
        SyntheticStream("noise/\(seed)/\(draw)").normal(shape)
    }
}
