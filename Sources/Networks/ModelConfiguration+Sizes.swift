extension ModelConfiguration {
    /// The published model: 512 × 512 pixels, 2.2 billion parameters.
    package static let full = ModelConfiguration(
        name: "full", imageSize: 512, latentSize: 64, framesPerChunk: 4, chunksInWindow: 4,
        unet: UNet(
            channels: [320, 640, 1280, 1280], layersPerBlock: 2, attentionHeads: 8,
            motionHeads: 8, temporalHeads: 8, attentionLevels: [true, true, true, false],
            tokenDimension: 768, normGroups: 32, timeEmbeddingDimension: 1280, latentChannels: 4),
        motionTokens: MotionTokens(count: 32, dimension: 16),
        motionExtractor: MotionExtractor(
            inputSize: 256, depths: [3, 3, 9, 3], channels: [96, 192, 384, 768], keypoints: 21,
            bins: 66),
        motionEncoder: MotionEncoder(
            inputSize: 224, stemChannels: 64, attentionHeads: 8, attentionHeadDimension: 128,
            hourglassDepth: 4, landmarkChannels: 68, fullyConnectedInput: 784, output: 512),
        poseGuider: PoseGuider(channels: [16, 32, 96, 256], outputChannels: 320),
        vae: VAE(
            channels: [128, 256, 512, 512], layersPerBlock: 2, normGroups: 32, latentChannels: 4,
            scaling: 0.18215),
        imageEncoder: ImageEncoder(
            hiddenSize: 1024, intermediateSize: 4096, layers: 24, attentionHeads: 16,
            imageSize: 224, patchSize: 14, projectionDimension: 768, normEpsilon: 1e-5),
        tinyAutoencoder: TinyAutoencoder(
            channels: 64, latentChannels: 4, encoderBlocks: [1, 3, 3, 3],
            decoderBlocks: [3, 3, 3, 1]))

    /// The same topology with small numbers, 128 × 128 pixels: what tests run.
    package static let mini = ModelConfiguration(
        name: "mini", imageSize: 128, latentSize: 16, framesPerChunk: 4, chunksInWindow: 4,
        unet: UNet(
            channels: [32, 64, 96, 128], layersPerBlock: 2, attentionHeads: 8, motionHeads: 8,
            temporalHeads: 8, attentionLevels: [true, true, true, false], tokenDimension: 48,
            normGroups: 32, timeEmbeddingDimension: 128, latentChannels: 4),
        motionTokens: MotionTokens(count: 8, dimension: 16),
        motionExtractor: MotionExtractor(
            inputSize: 64, depths: [1, 1, 2, 1], channels: [16, 32, 48, 64], keypoints: 21,
            bins: 66),
        motionEncoder: MotionEncoder(
            inputSize: 112, stemChannels: 16, attentionHeads: 4, attentionHeadDimension: 16,
            hourglassDepth: 4, landmarkChannels: 68, fullyConnectedInput: 196, output: 128),
        poseGuider: PoseGuider(channels: [8, 16, 24, 32], outputChannels: 32),
        vae: VAE(
            channels: [32, 32, 64, 64], layersPerBlock: 2, normGroups: 32, latentChannels: 4,
            scaling: 0.18215),
        imageEncoder: ImageEncoder(
            hiddenSize: 64, intermediateSize: 128, layers: 3, attentionHeads: 4, imageSize: 56,
            patchSize: 14, projectionDimension: 48, normEpsilon: 1e-5),
        tinyAutoencoder: TinyAutoencoder(
            channels: 16, latentChannels: 4, encoderBlocks: [1, 3, 3, 3],
            decoderBlocks: [3, 3, 3, 1]))

    /// The model in `Models/small`, 128 × 128 pixels: its `config.json`, known without the file.
    package static let small = ModelConfiguration(
        name: "small", imageSize: 128, latentSize: 16, framesPerChunk: 4, chunksInWindow: 4,
        unet: UNet(
            channels: [32, 64, 96], layersPerBlock: 1, attentionHeads: 4, motionHeads: 4,
            temporalHeads: 4, attentionLevels: [true, true, true], tokenDimension: 64,
            normGroups: 8, timeEmbeddingDimension: 96, latentChannels: 8),
        motionTokens: MotionTokens(count: 4, dimension: 16),
        motionExtractor: MotionExtractor(
            inputSize: 64, depths: [1, 1, 3, 1], channels: [32, 64, 96, 128], keypoints: 21,
            bins: 66),
        motionEncoder: MotionEncoder(
            inputSize: 64, stemChannels: 16, attentionHeads: 4, attentionHeadDimension: 16,
            hourglassDepth: 3, landmarkChannels: 32, fullyConnectedInput: 64, output: 64),
        poseGuider: PoseGuider(channels: [8, 16, 24, 32], outputChannels: 32),
        vae: VAE(
            channels: [16, 24, 32, 40], layersPerBlock: 1, normGroups: 2, latentChannels: 8,
            scaling: 1),
        imageEncoder: ImageEncoder(
            hiddenSize: 96, intermediateSize: 192, layers: 3, attentionHeads: 4, imageSize: 56,
            patchSize: 7, projectionDimension: 64, normEpsilon: 1e-5),
        tinyAutoencoder: TinyAutoencoder(
            channels: 24, latentChannels: 8, encoderBlocks: [0, 1, 2, 3],
            decoderBlocks: [3, 2, 1, 0]),
        prediction: .clean, portraitEncoder: .taesd, keyframeThreshold: 6, keypointFineness: 4,
        framing: FaceFraming(portrait: (2.17, 0.113), driver: (2.17, 0.113)))

    /// The sizes that have a name.
    package static let named = [full, mini, small]
}

extension ModelConfiguration.TinyAutoencoder {
    /// FLUX.2's tiny autoencoder (`taef2_encoder.pth` and `taef2_decoder.pth` of madebyollin/taesd),
    /// which has one size.
    package static let flux2 = ModelConfiguration.TinyAutoencoder(
        channels: 64, latentChannels: 32, encoderBlocks: [1, 3, 3, 3],
        decoderBlocks: [3, 3, 3, 1], form: .original, hasContext: true)
}
