import Networks

extension WeightTable {
    mutating func addMotionExtractor(_ extractor: ModelConfiguration.MotionExtractor) {
        let channels = extractor.channels, last = channels.count - 1
        add("idx_tensor", [extractor.bins], .constant)
        addConvolution("detector.downsample_layers.0.0", 3, channels[0], kernel: 4)
        addNorm("detector.downsample_layers.0.1", channels[0])
        for level in 1...last {
            let name = "detector.downsample_layers.\(level)"
            addNorm(name + ".0", channels[level - 1])
            addConvolution(name + ".1", channels[level - 1], channels[level], kernel: 2)
        }
        for (level, depth) in extractor.depths.enumerated() {
            for index in 0..<depth {
                addConvNeXtBlock("detector.stages.\(level).\(index)", channels[level])
            }
        }
        addNorm("detector.norm", channels[last])
        let heads = [
            ("kp", 3 * extractor.keypoints), ("scale", 1), ("pitch", extractor.bins),
            ("yaw", extractor.bins), ("roll", extractor.bins), ("t", 3),
        ]
        for (name, width) in heads { addLinear("detector.fc_\(name)", channels[last], width) }
        let expression = 3 * extractor.keypoints
        addLinear("detector.fc_exp", channels[last], expression, .unread)
    }

    private mutating func addConvNeXtBlock(_ name: String, _ width: Int) {
        addConvolution(name + ".dwconv", 1, width, kernel: 7)
        addNorm(name + ".norm", width)
        addLinear(name + ".pwconv1", width, 4 * width)
        add(name + ".grn.gamma", [1, 1, 1, 4 * width])
        add(name + ".grn.beta", [1, 1, 1, 4 * width])
        addLinear(name + ".pwconv2", 4 * width, width)
    }

    mutating func addMotionEncoder(_ model: ModelConfiguration) {
        let encoder = model.motionEncoder, c = encoder.stemChannels
        let marks = encoder.landmarkChannels
        add("pe", [1, model.motionTokens.count, model.motionTokens.dimension], .constant)
        addConvolution("model.conv1", 3, c, kernel: 7)
        addBatchNorm("model.bn1", c)
        addResidualBlock("model.conv2", c, 2 * c)
        addPatchAttention("model.att_1", 2 * c, patch: 4, encoder)
        addResidualBlock("model.conv3", 2 * c, 2 * c)
        addResidualBlock("model.conv4", 2 * c, 4 * c)
        addPatchAttention("model.att_2", 4 * c, patch: 2, encoder)
        addHourglass("model.m0", 4 * c, depth: encoder.hourglassDepth)
        addResidualBlock("model.top_m_0", 4 * c, 4 * c)
        addConvolution("model.conv_last0", 4 * c, 4 * c, kernel: 1)
        addBatchNorm("model.bn_end0", 4 * c)
        addPatchAttention("model.att_3", 4 * c, patch: 2, encoder)
        addConvolution("model.l0", 4 * c, marks, kernel: 1)
        addBatchNorm("model.bn5", marks)
        addConvolution("model.conv6", marks, 1)
        addLinear("model.fc", encoder.fullyConnectedInput, encoder.output)
        addLinear("final_proj", encoder.output, encoder.output)
    }

    /// Three convolutions of falling width, their results side by side.
    private mutating func addResidualBlock(_ name: String, _ from: Int, _ to: Int) {
        let widths = [from, to / 2, to / 4, to / 4]
        for step in 1...3 {
            addBatchNorm("\(name).bn\(step)", widths[step - 1])
            addConvolution("\(name).conv\(step)", widths[step - 1], widths[step], bias: false)
        }
        guard from != to else { return }
        addBatchNorm(name + ".downsample.0", from)
        addConvolution(name + ".downsample.2", from, to, kernel: 1, bias: false)
    }

    private mutating func addHourglass(_ name: String, _ width: Int, depth: Int) {
        for level in (1...depth).reversed() {
            for block in ["b1", "b2", "b3"] {
                addResidualBlock("\(name).\(block)_\(level)", width, width)
            }
        }
        addResidualBlock(name + ".b2_plus_1", width, width)
    }

    private mutating func addPatchAttention(
        _ name: String, _ channels: Int, patch: Int, _ encoder: ModelConfiguration.MotionEncoder
    ) {
        let width = encoder.attentionHeads * encoder.attentionHeadDimension
        let block = name + ".transformer_blocks.0"
        addNorm(name + ".norm", channels)
        addConvolution(name + ".pos_embed.proj", channels, width, kernel: patch)
        addAttention(block + ".attention_blocks.0", width, source: width)
        addNorm(block + ".norms.0", width)
        addFeedForward(block + ".ff", width)
        addNorm(block + ".ff_norm", width)
        addLinear(name + ".proj_out", width / (patch * patch), channels)
    }

    mutating func addPoseGuider(_ guider: ModelConfiguration.PoseGuider) {
        let channels = guider.channels, last = channels.count - 1
        addConvolution("conv_in", 3, channels[0])
        for level in 0..<last {
            addConvolution("blocks.\(2 * level)", channels[level], channels[level])
            addConvolution("blocks.\(2 * level + 1)", channels[level], channels[level + 1])
        }
        addConvolution("conv_out_modify", channels[last], guider.outputChannels)
    }

    mutating func addImageEncoder(_ encoder: ModelConfiguration.ImageEncoder) {
        let width = encoder.hiddenSize, side = encoder.imageSize / encoder.patchSize
        let embeddings = "vision_model.embeddings"
        add(embeddings + ".class_embedding", [width])
        addConvolution(
            embeddings + ".patch_embedding", 3, width, kernel: encoder.patchSize, bias: false)
        add(embeddings + ".position_embedding.weight", [side * side + 1, width])
        add(embeddings + ".position_ids", [1, side * side + 1], .constant)
        addNorm("vision_model.pre_layrnorm", width)
        for index in 0..<encoder.layers {
            let name = "vision_model.encoder.layers.\(index)"
            for part in ["k_proj", "v_proj", "q_proj", "out_proj"] {
                addLinear("\(name).self_attn.\(part)", width, width)
            }
            addNorm(name + ".layer_norm1", width)
            addLinear(name + ".mlp.fc1", width, encoder.intermediateSize)
            addLinear(name + ".mlp.fc2", encoder.intermediateSize, width)
            addNorm(name + ".layer_norm2", width)
        }
        addNorm("vision_model.post_layernorm", width)
        addLinear("visual_projection", width, encoder.projectionDimension, bias: false)
    }
}
