import Layers
import Tensors

/// Turns latents into images with the Stable Diffusion VAE.
package final class VAEDecoder {
    private let fromLatent: Linear
    private let convIn, convOut: Convolution
    private let middle: VAEMidBlock
    private var stages: [(resnets: [ResnetBlock], sampler: Upsampler?)] = []
    private let norm: GroupNorm

    /// Reads `post_quant_conv` and `decoder`.
    package init(
        from checkpoint: Checkpoint, _ configuration: ModelConfiguration.VAE
    ) throws(CheckpointError) {
        let decoder = checkpoint.scope("decoder")
        let (channels, groups) = (
            Array(configuration.channels.reversed()), configuration.normGroups
        )
        let (latent, last) = (configuration.latentChannels, channels[channels.count - 1])
        fromLatent = try Linear(
            from: checkpoint.scope("post_quant_conv"), latent, latent, isPointwise: true)
        convIn = try Convolution(
            from: decoder.scope("conv_in"), latent, channels[0], kernel: 3, padding: .all(1))
        middle = try VAEMidBlock(from: decoder, channels[0], groups: groups)
        for (level, width) in channels.enumerated() {
            var resnets: [ResnetBlock] = []
            for i in 0...configuration.layersPerBlock {
                resnets.append(
                    try ResnetBlock(
                        from: decoder, "up_blocks.\(level).resnets.\(i)",
                        i == 0 ? channels[max(level - 1, 0)] : width, width, groups: groups,
                        timeDimension: nil, eps: VAEEncoder.normEpsilon))
            }
            let sampler =
                level == channels.count - 1
                ? nil : try Upsampler(from: decoder, "up_blocks.\(level).upsamplers.0", width)
            stages.append((resnets, sampler))
        }
        norm = try GroupNorm(
            from: decoder.scope("conv_norm_out"), last, groups: groups,
            eps: VAEEncoder.normEpsilon, activation: .silu)
        convOut = try Convolution(
            from: decoder.scope("conv_out"), last, 3, kernel: 3, padding: .all(1))
    }

    /// Latents `[n, h, w, 4]`, already divided by the scaling, to images `[n, 8h, 8w, 3]` in about
    /// -1...1.
    package func callAsFunction(_ latents: Tensor<Float>) -> Tensor<Float> {
        latents.mapFrames { latent in
            var x = middle(convIn(fromLatent(latent)))
            for stage in stages {
                for resnet in stage.resnets { x = resnet(x) }
                x = stage.sampler?(x) ?? x
            }
            return convOut(norm(x))
        }
    }
}

extension Tensor<Float> {
    /// Frames of `[n, ...]` one at a time, results together: what a frame needs on its way is needed
    /// once, and stays nearer.
    func mapFrames(_ transform: (Tensor) -> Tensor) -> Tensor {
        guard shape[0] != 1 else { return transform(self) }
        return Tensor(pooling: (0..<shape[0]).map { transform(rows($0..<$0 + 1)) })
    }
}
