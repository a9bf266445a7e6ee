import Layers
import Tensors

/// One layer of a UNet's block: resnet, spatial attention where there is one, and in the denoiser a
/// motion and a temporal module.
final class UNetLayer {
    private let block: String
    private let index: Int
    private let resnet: ResnetBlock
    let attention: SpatialTransformer?
    private let motion: MotionModule?
    private let temporal: TemporalModule?

    init(
        from network: Checkpoint, _ block: String, _ index: Int, _ inChannels: Int,
        _ outChannels: Int, hasAttention: Bool, _ plan: UNetPlan
    ) throws(CheckpointError) {
        (self.block, self.index) = (block, index)
        let configuration = plan.unet
        resnet = try ResnetBlock(
            from: network, "\(block).resnets.\(index)", inChannels, outChannels,
            groups: configuration.normGroups, timeDimension: configuration.timeEmbeddingDimension,
            eps: UNetPlan.resnetEpsilon)
        attention =
            hasAttention
            ? try SpatialTransformer(
                from: network, "\(block).attentions.\(index)", outChannels, configuration) : nil
        if let motionDimension = plan.motionDimension {
            motion = try MotionModule(
                from: network, "\(block).motion_modules.\(index)", outChannels, configuration,
                motionDimension: motionDimension)
            let name = "\(block).temporal_modules.\(index)"
            temporal =
                try Self.isSilent(network, name, outChannels)
                ? nil : try TemporalModule(from: network, name, outChannels, configuration)
        } else {
            motion = nil
            temporal = nil
        }
    }

    /// Whether a module adds nothing, as before its stage of training: then it need not be computed.
    private static func isSilent(
        _ network: Checkpoint, _ name: String, _ channels: Int
    ) throws(CheckpointError) -> Bool {
        let last = network.scope("\(name).temporal_transformer.proj_out")
        let weight = try last.tensor("weight", [channels, channels])
        let bias = try last.tensor("bias", [channels])
        return weight.buffer.allSatisfy { $0 == 0 } && bias.buffer.allSatisfy { $0 == 0 }
    }

    func callAsFunction(_ x: Tensor<Float>, _ pass: UNetPass) -> Tensor<Float> {
        var y = resnet(x, at: pass.time, observe: pass.observe)
        pass.observe?("\(block).resnets.\(index)", y)
        if let attention {
            y = attention(y, pass)
            pass.observe?(attention.name, y)
        }
        if let motion, let tokens = pass.motion {
            y = motion(y, motion: tokens, observe: pass.observe)
            pass.observe?("\(block).motion_modules.\(index)", y)
        }
        if let temporal {
            y = temporal(y, observe: pass.observe)
            pass.observe?("\(block).temporal_modules.\(index)", y)
        }
        return y
    }
}

/// Which of the two UNets is built, and how large.
struct UNetPlan {
    /// Of the group norms in resnets and before the last convolution; all others have 1e-6.
    static let resnetEpsilon: Float = 1e-5

    let unet: ModelConfiguration.UNet
    /// Width of motion tokens in the denoiser; nil in the reference UNet, which has neither motion
    /// nor temporal modules.
    let motionDimension: Int?
}
