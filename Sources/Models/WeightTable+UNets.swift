import Networks

extension WeightTable {
    /// - Parameter motionDimension: of a motion token; nil for the reference UNet, which has neither
    ///   motion nor temporal modules and ends before the last norm.
    mutating func addUNet(_ unet: ModelConfiguration.UNet, motionDimension: Int?) {
        let channels = unet.channels, time = unet.timeEmbeddingDimension
        addConvolution("conv_in", unet.latentChannels, channels[0])
        addLinear("time_embedding.linear_1", channels[0], time)
        addLinear("time_embedding.linear_2", time, time)
        for level in channels.indices { addDownBlock(level, unet, motionDimension) }
        addMiddle(unet, motionDimension)
        for level in channels.indices { addUpBlock(level, unet, motionDimension) }
        guard motionDimension != nil else { return }
        addNorm("conv_norm_out", channels[0])
        addConvolution("conv_out", channels[0], unet.latentChannels)
    }

    private mutating func addDownBlock(
        _ level: Int, _ unet: ModelConfiguration.UNet, _ motionDimension: Int?
    ) {
        let name = "down_blocks.\(level)", width = unet.channels[level]
        for index in 0..<unet.layersPerBlock {
            let from = index == 0 ? unet.channels[max(level - 1, 0)] : width
            addResnet(
                "\(name).resnets.\(index)", from, width, timeDimension: unet.timeEmbeddingDimension)
            if unet.attentionLevels[level] {
                addSpatialTransformer("\(name).attentions.\(index)", width, unet.tokenDimension)
            }
            addModules(name, index, width, motionDimension)
        }
        if level < unet.channels.count - 1 {
            addConvolution("\(name).downsamplers.0.conv", width, width)
        }
    }

    private mutating func addMiddle(_ unet: ModelConfiguration.UNet, _ motionDimension: Int?) {
        let width = unet.channels[unet.channels.count - 1]
        for index in 0...1 {
            addResnet(
                "mid_block.resnets.\(index)", width, width,
                timeDimension: unet.timeEmbeddingDimension)
        }
        addSpatialTransformer("mid_block.attentions.0", width, unet.tokenDimension)
        addModules("mid_block", 0, width, motionDimension)
    }

    private mutating func addUpBlock(
        _ level: Int, _ unet: ModelConfiguration.UNet, _ motionDimension: Int?
    ) {
        let channels = Array(unet.channels.reversed()), last = channels.count - 1
        let name = "up_blocks.\(level)", width = channels[level]
        for index in 0...unet.layersPerBlock {
            let below = index == 0 ? channels[max(level - 1, 0)] : width
            let skipped = index == unet.layersPerBlock ? channels[min(level + 1, last)] : width
            addResnet(
                "\(name).resnets.\(index)", below + skipped, width,
                timeDimension: unet.timeEmbeddingDimension)
            if unet.attentionLevels[last - level] {
                addSpatialTransformer("\(name).attentions.\(index)", width, unet.tokenDimension)
            }
            addModules(name, index, width, motionDimension)
        }
        if level < last { addConvolution("\(name).upsamplers.0.conv", width, width) }
    }

    private mutating func addSpatialTransformer(_ name: String, _ width: Int, _ token: Int) {
        addNorm(name + ".norm", width)
        addConvolution(name + ".proj_in", width, width, kernel: 1)
        let block = name + ".transformer_blocks.0"
        addAttention(block + ".attn1", width, source: width)
        addNorm(block + ".norm1", width)
        // All pixels see the one token of the portrait, whatever they ask for.
        addAttention(block + ".attn2", width, source: token, weighing: .unread)
        addNorm(block + ".norm2", width, .unread)
        addFeedForward(block + ".ff", width)
        addNorm(block + ".norm3", width)
        addConvolution(name + ".proj_out", width, width, kernel: 1)
    }

    /// What follows each resnet of the denoiser: attention to motion, then to other frames.
    private mutating func addModules(
        _ block: String, _ index: Int, _ width: Int, _ motionDimension: Int?
    ) {
        guard let motionDimension else { return }
        addModule("\(block).motion_modules.\(index)", width, source: motionDimension)
        addModule("\(block).temporal_modules.\(index)", width, source: nil)
    }

    /// - Parameter source: the width of what is attended to; nil for the frames themselves, whose
    ///   places in time are then in a table of 32.
    private mutating func addModule(_ name: String, _ width: Int, source: Int?) {
        let transformer = name + ".temporal_transformer"
        let block = transformer + ".transformer_blocks.0"
        addNorm(transformer + ".norm", width)
        addLinear(transformer + ".proj_in", width, width)
        for index in 0...1 {
            let attention = "\(block).attention_blocks.\(index)"
            addAttention(attention, width, source: source ?? width)
            if source == nil {
                add(attention + ".pos_encoder.pe", [1, 32, width], .constant)
            }
            addNorm("\(block).norms.\(index)", width)
        }
        addFeedForward(block + ".ff", width)
        addNorm(block + ".ff_norm", width)
        addLinear(transformer + ".proj_out", width, width)
    }
}
