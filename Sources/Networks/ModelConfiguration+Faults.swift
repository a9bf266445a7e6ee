extension ModelConfiguration {
    /// Everything in it that the networks or the nodes cannot do, in words that name the keys of a
    /// `config.json`; none where it is sound.
    package var faults: [String] {
        var faults = Faults()
        faults.checkSizes(self)
        // Divisors and counts are known to be there only now.
        guard faults.found.isEmpty else { return faults.found }
        faults.checkWindow(self)
        faults.checkPictures(self)
        faults.checkUNet(self)
        faults.checkAutoencoders(self)
        faults.checkFaces(self)
        return faults.found
    }
}

/// What is wrong with a configuration so far.
private struct Faults {
    private(set) var found: [String] = []

    /// What no dimension of a network here comes near, and whose products are still counted exactly.
    private static let largest = 1 << 16
    /// Resolutions of a network.
    private static let deepest = 16

    private mutating func need(_ isSound: Bool, _ fault: @autoclosure () -> String) {
        if !isSound { found.append(fault()) }
    }

    private mutating func range(
        _ key: String, _ value: Int, from least: Int = 1, to most: Int = largest
    ) {
        need(least...most ~= value, "'\(key)' is \(value), but must be \(least) to \(most)")
    }

    private mutating func range(_ key: String, _ values: [Int], from least: Int = 1) {
        need(
            1...Self.deepest ~= values.count,
            "'\(key)' has \(values.count) numbers, but must have 1 to \(Self.deepest)")
        for (index, value) in values.enumerated() {
            range("\(key)[\(index)]", value, from: least)
        }
    }

    private mutating func equal(
        _ key: String, _ value: Int, _ needed: Int, _ reason: @autoclosure () -> String
    ) {
        need(value == needed, "'\(key)' is \(value), but must be \(needed): \(reason())")
    }

    private mutating func multiple(
        _ key: String, _ value: Int, of divisor: Int, _ reason: @autoclosure () -> String
    ) {
        need(
            value % divisor == 0,
            "'\(key)' is \(value), but must be a multiple of \(divisor): \(reason())")
    }

    private mutating func positive(_ key: String, _ value: Float) {
        need(
            value > 0 && value.isFinite, "'\(key)' is \(value), but must be greater than 0")
    }

    /// Numbers that must be there at all.
    mutating func checkSizes(_ model: ModelConfiguration) {
        range("image_size", model.imageSize)
        range("latent_size", model.latentSize)
        let unet = model.unet
        range("unet.block_out_channels", unet.channels)
        range("unet.layers_per_block", unet.layersPerBlock)
        range("unet.attention_heads", unet.attentionHeads)
        range("unet.motion_heads", unet.motionHeads)
        range("unet.temporal_heads", unet.temporalHeads)
        range("unet.cross_attention_dim", unet.tokenDimension)
        range("unet.norm_groups", unet.normGroups)
        range("unet.time_embedding_dim", unet.timeEmbeddingDimension)
        range("unet.latent_channels", unet.latentChannels)
        range("motion_tokens.count", model.motionTokens.count)
        range("motion_tokens.dim", model.motionTokens.dimension)
        range("pose_guider.block_channels", model.poseGuider.channels)
        range("pose_guider.output_channels", model.poseGuider.outputChannels)
        checkAutoencoderSizes(model)
        checkFaceSizes(model)
    }

    private mutating func checkAutoencoderSizes(_ model: ModelConfiguration) {
        range("vae.block_out_channels", model.vae.channels)
        range("vae.layers_per_block", model.vae.layersPerBlock)
        range("vae.norm_groups", model.vae.normGroups)
        range("vae.latent_channels", model.vae.latentChannels)
        positive("vae.scaling", model.vae.scaling)
        range("taesd.channels", model.tinyAutoencoder.channels)
        range("taesd.encoder_blocks", model.tinyAutoencoder.encoderBlocks, from: 0)
        range("taesd.decoder_blocks", model.tinyAutoencoder.decoderBlocks, from: 0)
        let image = model.imageEncoder
        range("image_encoder.hidden_size", image.hiddenSize)
        range("image_encoder.intermediate_size", image.intermediateSize)
        range("image_encoder.num_hidden_layers", image.layers)
        range("image_encoder.num_attention_heads", image.attentionHeads)
        range("image_encoder.image_size", image.imageSize)
        range("image_encoder.patch_size", image.patchSize)
        range("image_encoder.projection_dim", image.projectionDimension)
        positive("image_encoder.layer_norm_eps", image.normEpsilon)
    }

    private mutating func checkFaceSizes(_ model: ModelConfiguration) {
        let (extractor, encoder) = (model.motionExtractor, model.motionEncoder)
        range("motion_extractor.input_size", extractor.inputSize)
        range("motion_extractor.depths", extractor.depths, from: 0)
        range("motion_extractor.dims", extractor.channels)
        range("motion_extractor.bins", extractor.bins)
        range("motion_encoder.input_size", encoder.inputSize)
        range("motion_encoder.stem_channels", encoder.stemChannels)
        range("motion_encoder.attention_heads", encoder.attentionHeads)
        range("motion_encoder.attention_head_dim", encoder.attentionHeadDimension)
        range("motion_encoder.hourglass_depth", encoder.hourglassDepth, to: Self.deepest)
        range("motion_encoder.landmark_channels", encoder.landmarkChannels)
        range("motion_encoder.output", encoder.output)
    }

    /// The window that the scheduler has levels for, and that graphs know before a model is read.
    mutating func checkWindow(_ model: ModelConfiguration) {
        equal(
            "chunks_in_window", model.chunksInWindow, Scheduler.timesteps.count,
            "one for each of the scheduler's timesteps")
        equal(
            "frames_per_chunk", model.framesPerChunk, ModelConfiguration.full.framesPerChunk,
            "as many frames as the denoiser's node takes at once")
        equal(
            "motion_extractor.keypoints", model.motionExtractor.keypoints,
            ModelConfiguration.full.motionExtractor.keypoints, "as many as nodes send each other")
        equal(
            "motion_tokens.dim", model.motionTokens.dimension,
            ModelConfiguration.full.motionTokens.dimension, "as many as nodes send each other")
    }

    /// Pictures, latents and pose features meet in the denoiser, so their sizes must agree.
    mutating func checkPictures(_ model: ModelConfiguration) {
        range("keypoint_fineness", model.keypointFineness, to: 16)
        for (key, part) in [
            ("framing.portrait", model.framing.portrait), ("framing.driver", model.framing.driver),
        ] {
            need(
                1...10 ~= part.scale && -1...1 ~= part.lift,
                "'\(key)' must have a scale of 1 to 10 sides of a face and a lift of -1 to 1")
        }
        equal(
            "image_size", model.imageSize, 8 * model.latentSize,
            "a latent of \(model.latentSize) covers 8 pixels with each of its own")
        multiple(
            "latent_size", model.latentSize, of: 1 << (model.unet.channels.count - 1),
            "the UNet halves it \(model.unet.channels.count - 1) times")
        for (key, levels) in [
            ("pose_guider.block_channels", model.poseGuider.channels),
            ("vae.block_out_channels", model.vae.channels),
            ("taesd.encoder_blocks", model.tinyAutoencoder.encoderBlocks),
            ("taesd.decoder_blocks", model.tinyAutoencoder.decoderBlocks),
        ] {
            need(
                levels.count == 4,
                "'\(key)' has \(levels.count) numbers, but must have 4: latents are an eighth of a "
                    + "picture")
        }
        equal(
            "pose_guider.output_channels", model.poseGuider.outputChannels,
            model.unet.channels[0], "features are added to the UNet's first layer")
    }

    mutating func checkUNet(_ model: ModelConfiguration) {
        let unet = model.unet, key = "unet.block_out_channels"
        need(
            unet.attentionLevels.count == unet.channels.count,
            "'unet.attention_levels' has \(unet.attentionLevels.count) values, but must have "
                + "\(unet.channels.count): one for each of '\(key)'")
        for (level, channels) in unet.channels.enumerated() {
            let key = "\(key)[\(level)]", isLast = level == unet.channels.count - 1
            multiple(key, channels, of: unet.normGroups, "'unet.norm_groups' share them")
            multiple(key, channels, of: 2, "sines and cosines share them")
            multiple(key, channels, of: unet.motionHeads, "'unet.motion_heads' share them")
            multiple(key, channels, of: unet.temporalHeads, "'unet.temporal_heads' share them")
            // The middle, as wide as the last level, always has attention.
            if isLast || unet.attentionLevels.dropFirst(level).first == true {
                multiple(
                    key, channels, of: unet.attentionHeads, "'unet.attention_heads' share them")
            }
        }
        equal(
            "image_encoder.projection_dim", model.imageEncoder.projectionDimension,
            unet.tokenDimension, "as 'unet.cross_attention_dim'")
    }

    mutating func checkAutoencoders(_ model: ModelConfiguration) {
        for (level, channels) in model.vae.channels.enumerated() {
            multiple(
                "vae.block_out_channels[\(level)]", channels, of: model.vae.normGroups,
                "'vae.norm_groups' share them")
        }
        equal(
            "vae.latent_channels", model.vae.latentChannels, model.unet.latentChannels,
            "as 'unet.latent_channels'")
        let image = model.imageEncoder
        multiple(
            "image_encoder.hidden_size", image.hiddenSize, of: image.attentionHeads,
            "'image_encoder.num_attention_heads' share it")
        need(
            image.patchSize <= image.imageSize,
            "'image_encoder.patch_size' is \(image.patchSize), but a picture of "
                + "'image_encoder.image_size' has \(image.imageSize) rows")
    }

    mutating func checkFaces(_ model: ModelConfiguration) {
        let (extractor, encoder) = (model.motionExtractor, model.motionEncoder)
        need(
            extractor.depths.count == extractor.channels.count,
            "'motion_extractor.depths' has \(extractor.depths.count) numbers, but "
                + "'motion_extractor.dims' \(extractor.channels.count)")
        // A stem of stride 4, then a halving before each further stage.
        let least = 4 << (extractor.channels.count - 1)
        need(
            extractor.inputSize >= least,
            "'motion_extractor.input_size' is \(extractor.inputSize), but must be \(least) or more")
        multiple(
            "motion_encoder.stem_channels", encoder.stemChannels, of: 16,
            "its norms have 32 groups of twice as many")
        let width = encoder.attentionHeads * encoder.attentionHeadDimension
        need(
            width % 16 == 0,
            "'motion_encoder.attention_heads' times 'attention_head_dim' is \(width), but must be a "
                + "multiple of 16: a patch has 16 pixels")
        multiple(
            "motion_encoder.input_size", encoder.inputSize, of: 8, "a patch covers 8 pixels")
        // The hourglass starts at a quarter of the picture.
        need(
            (encoder.inputSize / 4) >> encoder.hourglassDepth > 0,
            "'motion_encoder.hourglass_depth' is \(encoder.hourglassDepth), but a quarter of "
                + "'motion_encoder.input_size' cannot be halved so often")
        let side = encoder.inputSize / 8
        equal(
            "motion_encoder.fc_input", encoder.fullyConnectedInput, side * side,
            "an eighth of 'motion_encoder.input_size', squared")
        equal(
            "motion_encoder.output", encoder.output,
            model.motionTokens.count * model.motionTokens.dimension,
            "'motion_tokens.count' times 'motion_tokens.dim'")
    }
}
