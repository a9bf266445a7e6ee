/// The dimensions of every network of one model.
///
/// All sizes run the same code: ``full`` is the published model, ``mini`` the same topology with
/// small numbers, for tests, and ``small`` the trained model that comes with the project.
package struct ModelConfiguration: Sendable, Equatable {
    /// The word for it in settings, and the namespace of its synthetic weights.
    package var name: String
    /// Rows and columns of a portrait and of a frame, pixels.
    package var imageSize: Int
    /// Rows and columns of a latent.
    package var latentSize: Int
    /// Frames that enter and leave the window at once (the paper's micro-chunk).
    package var framesPerChunk: Int
    /// Noise levels that the window holds.
    package var chunksInWindow: Int
    package var unet: UNet
    package var motionTokens: MotionTokens
    package var motionExtractor: MotionExtractor
    package var motionEncoder: MotionEncoder
    package var poseGuider: PoseGuider
    package var vae: VAE
    package var imageEncoder: ImageEncoder
    package var tinyAutoencoder: TinyAutoencoder
    /// What the denoiser estimates.
    package var prediction = Scheduler.Prediction.noise
    /// Which network makes the portrait's latent.
    package var portraitEncoder = PortraitEncoder.vae
    /// Distance of motion tokens beyond which a frame becomes a historical keyframe.
    package var keyframeThreshold: Float = 17
    /// Into how many parts a pixel is divided each way where keypoints are drawn.
    package var keypointFineness = 1
    /// How a face lies in the pictures that it was trained with.
    package var framing = FaceFraming.livePortrait

    /// The networks that can turn a portrait into a latent.
    package enum PortraitEncoder: String, Sendable { case vae, taesd }

    /// Frames that the denoiser sees at once.
    package var windowFrames: Int { framesPerChunk * chunksInWindow }

    /// Both UNets.
    package struct UNet: Sendable, Equatable {
        /// Channels at each resolution, finest first.
        package var channels: [Int]
        package var layersPerBlock: Int
        /// Heads of spatial, motion and temporal attention.
        package var attentionHeads: Int
        package var motionHeads: Int
        package var temporalHeads: Int
        /// Which resolutions have spatial attention.
        package var attentionLevels: [Bool]
        /// Values in the image token.
        package var tokenDimension: Int
        package var normGroups: Int
        package var timeEmbeddingDimension: Int
        package var latentChannels: Int
    }

    /// What the motion encoder says of a face.
    package struct MotionTokens: Sendable, Equatable {
        package var count: Int
        /// Values in a token.
        package var dimension: Int
    }

    /// The ConvNeXt V2 that finds keypoints.
    package struct MotionExtractor: Sendable, Equatable {
        package var inputSize: Int
        package var depths: [Int]
        package var channels: [Int]
        package var keypoints: Int
        /// Bins of each angle's distribution.
        package var bins: Int
    }

    /// The face network behind the motion tokens.
    package struct MotionEncoder: Sendable, Equatable {
        package var inputSize: Int
        package var stemChannels: Int
        package var attentionHeads: Int
        package var attentionHeadDimension: Int
        package var hourglassDepth: Int
        package var landmarkChannels: Int
        package var fullyConnectedInput: Int
        package var output: Int
    }

    /// The small convolutional network on drawn keypoints.
    package struct PoseGuider: Sendable, Equatable {
        package var channels: [Int]
        package var outputChannels: Int
    }

    /// The Stable Diffusion autoencoder.
    package struct VAE: Sendable, Equatable {
        /// Channels at each resolution, finest first.
        package var channels: [Int]
        package var layersPerBlock: Int
        package var normGroups: Int
        package var latentChannels: Int
        /// What a latent is multiplied with on its way into the diffusion model.
        package var scaling: Float
    }

    /// CLIP's vision tower.
    package struct ImageEncoder: Sendable, Equatable {
        package var hiddenSize: Int
        package var intermediateSize: Int
        package var layers: Int
        package var attentionHeads: Int
        package var imageSize: Int
        package var patchSize: Int
        package var projectionDimension: Int
        package var normEpsilon: Float
    }

    /// TAESD and networks of its form.
    package struct TinyAutoencoder: Sendable, Equatable {
        package var channels: Int
        package var latentChannels: Int
        /// Blocks at each resolution, in the order of computation.
        package var encoderBlocks: [Int]
        package var decoderBlocks: [Int]
        package var form = Form.diffusers
        /// Whether blocks at the lowest resolution first add what they see of the whole map.
        package var hasContext = false

        /// How checkpoints name the layers, and which images go in and come out.
        package enum Form: Sendable {
            /// `encoder.layers.<n>` and `decoder.layers.<n>`, images in -1...1.
            case diffusers
            /// The original files, one per half: `<n>`, where the decoder's 0 is the clamp; images in
            /// 0...1.
            case original
        }
    }
}
