import Layers
import Tensors

/// Halves rows and columns: a 3 × 3 convolution with stride 2.
package final class Downsampler {
    private let convolution: Convolution

    /// Reads `<name>.conv` of a network; the UNets pad all around, the VAE below and on the right.
    package init(
        from network: Checkpoint, _ name: String, _ channels: Int, padding: Padding
    ) throws(CheckpointError) {
        convolution = try Convolution(
            from: network.scope(name + ".conv"), channels, channels, kernel: 3, stride: 2,
            padding: padding)
    }

    /// `[n, h, w, c]` to `[n, h / 2, w / 2, c]`.
    package func callAsFunction(_ x: Tensor<Float>) -> Tensor<Float> { convolution(x) }
}

/// Doubles rows and columns: every pixel repeated, then a 3 × 3 convolution.
package final class Upsampler {
    private let convolution: Convolution

    /// Reads `<name>.conv` of a network.
    package init(
        from network: Checkpoint, _ name: String, _ channels: Int
    ) throws(CheckpointError) {
        convolution = try Convolution(
            from: network.scope(name + ".conv"), channels, channels, kernel: 3, padding: .all(1))
    }

    /// `[n, h, w, c]` to `[n, 2h, 2w, c]`.
    package func callAsFunction(_ x: Tensor<Float>) -> Tensor<Float> { convolution(doubling: x) }
}
