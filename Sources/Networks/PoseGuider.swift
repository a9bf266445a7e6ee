import Layers
import Tensors

/// Turns drawn keypoints into features that are added to the denoiser's first layer.
package struct PoseGuider {
    private let layers: [Convolution]

    package init(
        from checkpoint: Checkpoint, _ configuration: ModelConfiguration.PoseGuider
    ) throws(CheckpointError) {
        let widths = configuration.channels
        let convolution = {
            (
                name: String, from: Int, to: Int, stride: Int, activation: Activation
            ) throws(CheckpointError) -> Convolution in
            try Convolution(
                from: checkpoint.scope(name), from, to, kernel: 3, stride: stride,
                padding: .all(1), activation: activation)
        }
        var layers = [try convolution("conv_in", 3, widths[0], 1, .silu)]
        for (index, (width, next)) in zip(widths, widths.dropFirst()).enumerated() {
            layers.append(try convolution("blocks.\(2 * index)", width, width, 1, .silu))
            layers.append(try convolution("blocks.\(2 * index + 1)", width, next, 2, .silu))
        }
        layers.append(
            try convolution(
                "conv_out_modify", widths[widths.count - 1], configuration.outputChannels, 1,
                .none))
        self.layers = layers
    }

    /// - Parameter canvases: `[n, size, size, 3]` in 0...1.
    /// - Returns: `[n, size / 8, size / 8, channels]`.
    package func callAsFunction(_ canvases: Tensor<Float>) -> Tensor<Float> {
        layers.reduce(canvases) { $1($0) }
    }
}
