import Layers
import Tensors

/// Turns images into latents with the Stable Diffusion VAE.
package final class VAEEncoder {
    /// Of every group norm in the VAE (`norm_eps` in its `config.json`).
    static let normEpsilon: Float = 1e-6

    private let convIn, convOut: Convolution
    private var stages: [(resnets: [ResnetBlock], sampler: Downsampler?)] = []
    private let middle: VAEMidBlock
    private let norm: GroupNorm
    private let mean: Linear

    /// Reads `encoder` and the mean's half of `quant_conv`; the deviation is not used.
    package init(
        from checkpoint: Checkpoint, _ configuration: ModelConfiguration.VAE
    ) throws(CheckpointError) {
        let encoder = checkpoint.scope("encoder")
        let (channels, groups) = (configuration.channels, configuration.normGroups)
        let (top, moments) = (channels[channels.count - 1], 2 * configuration.latentChannels)
        convIn = try Convolution(
            from: encoder.scope("conv_in"), 3, channels[0], kernel: 3, padding: .all(1))
        for (level, width) in channels.enumerated() {
            var resnets: [ResnetBlock] = []
            for i in 0..<configuration.layersPerBlock {
                resnets.append(
                    try ResnetBlock(
                        from: encoder, "down_blocks.\(level).resnets.\(i)",
                        i == 0 ? channels[max(level - 1, 0)] : width, width, groups: groups,
                        timeDimension: nil, eps: Self.normEpsilon))
            }
            let sampler =
                level == channels.count - 1
                ? nil
                : try Downsampler(
                    from: encoder, "down_blocks.\(level).downsamplers.0", width,
                    padding: .bottomRight(1))
            stages.append((resnets, sampler))
        }
        middle = try VAEMidBlock(from: encoder, top, groups: groups)
        norm = try GroupNorm(
            from: encoder.scope("conv_norm_out"), top, groups: groups, eps: Self.normEpsilon,
            activation: .silu)
        convOut = try Convolution(
            from: encoder.scope("conv_out"), top, moments, kernel: 3, padding: .all(1))
        let quant = checkpoint.scope("quant_conv")
        mean = Linear(
            weight: try quant.tensor("weight", [moments, moments, 1, 1]).rows(0..<moments / 2),
            bias: try quant.tensor("bias", [moments]).rows(0..<moments / 2),
            storage: checkpoint.storage)
    }

    /// Images `[n, 8h, 8w, 3]` in -1...1 to the means of their latents, `[n, h, w, 4]`, not yet
    /// scaled.
    package func callAsFunction(_ images: Tensor<Float>) -> Tensor<Float> {
        images.mapFrames { image in
            var x = convIn(image)
            for stage in stages {
                for resnet in stage.resnets { x = resnet(x) }
                x = stage.sampler?(x) ?? x
            }
            return mean(convOut(norm(middle(x)))).host()
        }
    }
}
