import Layers
import Tensors

/// Estimates the noise in a window of frames, given portrait, pose, expression and noise levels.
///
/// Sixteen frames at four noise levels go through at once. What depends on the portrait alone is
/// worked out by ``prepare(token:)`` and ``project(_:)`` once and then only read.
package final class DenoisingUNet {
    private let unet: UNet
    private let norm: GroupNorm
    private let convOut: Convolution

    /// Told of every layer's output when set.
    package var observe: LayerObserver?

    /// Reads the spatial, motion and temporal weights.
    ///
    /// - Parameter hasModules: without motion and temporal modules it is the network for single images
    ///   that it grew from.
    package init(
        from checkpoint: Checkpoint, _ configuration: ModelConfiguration, hasModules: Bool = true
    ) throws(CheckpointError) {
        let (plan, channels) = (configuration.unet, configuration.unet.channels[0])
        unet = try UNet(
            from: checkpoint,
            UNetPlan(
                unet: plan,
                motionDimension: hasModules ? configuration.motionTokens.dimension : nil))
        norm = try GroupNorm(
            from: checkpoint.scope("conv_norm_out"), channels, groups: plan.normGroups,
            eps: UNetPlan.resnetEpsilon, activation: .silu)
        convOut = try Convolution(
            from: checkpoint.scope("conv_out"), channels, plan.latentChannels, kernel: 3,
            padding: .all(1))
    }

    /// The blocks that attend to banks, in the order of computation.
    ///
    /// A bank of a block has `channels` values per token and one token per pixel, with rows and
    /// columns halved `level` times.
    package var attentionBlocks: [(name: String, channels: Int, level: Int)] {
        unet.attentionLevels.map { ($0.block.name, $0.block.channels, $0.level) }
    }

    /// The portrait's image token `[1, dimension]`, ready for use.
    package func prepare(token: Tensor<Float>) -> TokenConditioning {
        unet.conditioning(for: token)
    }

    /// A reference's or keyframe's banks, ready for use.
    ///
    /// - Precondition: they are of this model's size.
    package func project(_ banks: ReferenceBanks) -> ProjectedBanks {
        let pairs = unet.attentions.compactMap { block in
            banks[block.name].map { (block.name, block.project($0)) }
        }
        precondition(pairs.count == banks.count, "banks of another network")
        return ProjectedBanks(keysAndValues: Dictionary(uniqueKeysWithValues: pairs))
    }

    /// The noise in latents `[n, h, w, 4]`.
    ///
    /// - Parameters:
    ///   - timesteps: each frame's; oldest frame, with the lowest, first.
    ///   - motion: `[n, tokens, dimension]`; nil leaves the motion modules out.
    ///   - pose: features `[n, h, w, c]`, or nil.
    ///   - token: from ``prepare(token:)``.
    ///   - banks: from ``project(_:)``: the reference's, then those of keyframes.
    package func callAsFunction(
        _ latents: Tensor<Float>, timesteps: [Int], motion: Tensor<Float>?, pose: Tensor<Float>?,
        token: TokenConditioning, banks: [ProjectedBanks]
    ) -> Tensor<Float> {
        let pass = UNetPass(time: unet.time(timesteps), token: token)
        // Once for all modules: on a GPU each copy would wait for all that was asked of it before.
        pass.motion = motion.map(token.placed)
        pass.banks = banks
        pass.observe = observe
        let estimate = convOut(norm(unet(latents, adding: pose, pass))).host()
        observe?("conv_out", estimate)
        return estimate
    }
}
