import Layers
import Tensors

/// The body that both UNets share: down, through the middle, and up again with skip connections.
final class UNet {
    private let convIn: Convolution
    private let timeEmbedding: TimeEmbedding
    private var down: [(layers: [UNetLayer], name: String, sampler: Downsampler?)] = []
    private let middle: UNetLayer
    private let middleOut: ResnetBlock
    private var up: [(layers: [UNetLayer], name: String, sampler: Upsampler?)] = []

    /// All spatial attention blocks, in the order of computation.
    var attentions: [SpatialTransformer] { attentionLevels.map(\.block) }

    /// The same with how often rows and columns have been halved there.
    var attentionLevels: [(block: SpatialTransformer, level: Int)] {
        let deepest = down.count - 1
        let stages =
            down.enumerated().map { ($1.layers, $0) } + [([middle], deepest)]
            + up.enumerated().map { ($1.layers, deepest - $0) }
        return stages.flatMap { layers, level in
            layers.compactMap { $0.attention }.map { ($0, level) }
        }
    }

    init(from network: Checkpoint, _ plan: UNetPlan) throws(CheckpointError) {
        let unet = plan.unet
        let (channels, top) = (unet.channels, unet.channels[unet.channels.count - 1])
        convIn = try Convolution(
            from: network.scope("conv_in"), unet.latentChannels, channels[0], kernel: 3,
            padding: .all(1))
        timeEmbedding = try TimeEmbedding(
            from: network.scope("time_embedding"), frequencies: channels[0],
            dimension: unet.timeEmbeddingDimension)
        middle = try UNetLayer(
            from: network, "mid_block", 0, top, top, hasAttention: true, plan)
        middleOut = try ResnetBlock(
            from: network, "mid_block.resnets.1", top, top, groups: unet.normGroups,
            timeDimension: unet.timeEmbeddingDimension, eps: UNetPlan.resnetEpsilon)
        let skips = try readDown(from: network, plan)
        try readUp(from: network, plan, skips)
    }

    /// Reads the way down and says how many channels each skip connection has.
    private func readDown(
        from network: Checkpoint, _ plan: UNetPlan
    ) throws(CheckpointError) -> [Int] {
        let channels = plan.unet.channels
        var skips = [channels[0]]
        for (level, width) in channels.enumerated() {
            let name = "down_blocks.\(level)"
            var layers: [UNetLayer] = []
            for i in 0..<plan.unet.layersPerBlock {
                layers.append(
                    try UNetLayer(
                        from: network, name, i, i == 0 ? skips[skips.count - 1] : width, width,
                        hasAttention: plan.unet.attentionLevels[level], plan))
                skips.append(width)
            }
            let sampler =
                level == channels.count - 1
                ? nil
                : try Downsampler(
                    from: network, name + ".downsamplers.0", width, padding: .all(1))
            if sampler != nil { skips.append(width) }
            down.append((layers, name, sampler))
        }
        return skips
    }

    private func readUp(
        from network: Checkpoint, _ plan: UNetPlan, _ skips: [Int]
    ) throws(CheckpointError) {
        var skips = skips
        var current = plan.unet.channels[plan.unet.channels.count - 1]
        for (level, width) in plan.unet.channels.reversed().enumerated() {
            let name = "up_blocks.\(level)"
            var layers: [UNetLayer] = []
            for i in 0...plan.unet.layersPerBlock {
                layers.append(
                    try UNetLayer(
                        from: network, name, i, current + skips.removeLast(), width,
                        hasAttention: plan.unet.attentionLevels.reversed()[level], plan))
                current = width
            }
            let sampler =
                skips.isEmpty
                ? nil : try Upsampler(from: network, name + ".upsamplers.0", width)
            up.append((layers, name, sampler))
        }
    }

    /// The condition of frames at these timesteps.
    func time(_ timesteps: [Int]) -> TimeCondition { timeEmbedding(timesteps) }

    /// The image token `[1, dimension]` as every attention block sees it.
    func conditioning(for token: Tensor<Float>) -> TokenConditioning {
        TokenConditioning(
            rows: Dictionary(
                uniqueKeysWithValues: attentions.map { ($0.name, $0.row(for: token)) }))
    }

    /// Latents `[n, h, w, 4]` to features `[n, h, w, c]`; `pose`, of the features' shape, joins after
    /// the first convolution.
    func callAsFunction(
        _ latents: Tensor<Float>, adding pose: Tensor<Float>?, _ pass: UNetPass
    ) -> Tensor<Float> {
        if let observe = pass.observe {
            observe("time_embedding", pass.time.embedding)
            observe("conv_in", convIn(latents))
        }
        var x = convIn(latents, adding: pose)
        var skips = [x]
        for stage in down {
            for layer in stage.layers {
                x = layer(x, pass)
                skips.append(x)
            }
            guard let sampler = stage.sampler else { continue }
            x = sampler(x)
            pass.observe?(stage.name + ".downsamplers.0", x)
            skips.append(x)
        }
        x = middleOut(middle(x, pass), at: pass.time)
        pass.observe?("mid_block.resnets.1", x)
        for stage in up {
            for layer in stage.layers {
                x = layer(x.concatenated(with: skips.removeLast()), pass)
            }
            guard let sampler = stage.sampler else { continue }
            x = sampler(x)
            pass.observe?(stage.name + ".upsamplers.0", x)
        }
        return x
    }
}
