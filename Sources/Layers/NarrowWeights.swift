import ExactKernels
import Tensors

/// Weights kept as BF16 until a layer wants them in an order of its own.
struct NarrowWeights {
    private let shape: [Int]
    private let bytes: Tensor<UInt8>

    /// Rounds to the nearest, ties to even.
    init(_ weights: Tensor<Float>) {
        shape = weights.shape
        bytes = Tensor(uninitialized: [2 * weights.count])
        withExtendedLifetime(weights) {
            exact_float_to_bfloat(weights.pointer, weights.count, bytes.pointer)
        }
    }

    /// The same weights as F32, new each time.
    func widened() -> Tensor<Float> {
        let weights = Tensor<Float>(uninitialized: shape)
        withExtendedLifetime(bytes) {
            exact_bfloat_to_float(bytes.pointer, weights.count, weights.pointer)
        }
        return weights
    }
}
