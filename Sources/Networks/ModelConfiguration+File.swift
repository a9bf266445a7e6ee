import FoundationEssentials
import Glibc
import Tensors

extension ModelConfiguration {
    /// Reads a checkpoint's `config.json`, which the training recipe writes beside the weights.
    ///
    /// Keys are those of the recipe's `configurations/`.
    ///
    /// - Throws: also where its ``faults`` are not empty.
    package init(contentsOf path: String) throws(CheckpointError) {
        self.init(try Self.decode(Stored.self, path))
        let faults = faults
        guard faults.isEmpty else {
            throw .badConfiguration(file: path, reason: faults.joined(separator: "; "))
        }
    }

    /// The dimensions that the `config.json` in a folder of weights gives; nil where there is none, or
    /// another program's: diffusers and transformers leave theirs beside every network.
    package static func described(
        in folder: String
    ) throws(CheckpointError) -> ModelConfiguration? {
        let path = folder + "/config.json"
        guard access(path, F_OK) == 0 else { return nil }
        let keys = try decode(Keys.self, path).all
        return keys.isDisjoint(with: ownKeys) ? nil : try ModelConfiguration(contentsOf: path)
    }

    /// Keys at the top that no other program's `config.json` has; `image_size` is in CLIP's too.
    private static let ownKeys: Set<String> = [
        "frames_per_chunk", "chunks_in_window", "motion_tokens", "motion_extractor",
        "motion_encoder", "pose_guider",
    ]

    private static func decode<Value: Decodable>(
        _: Value.Type, _ path: String
    ) throws(CheckpointError) -> Value {
        let file = try MappedFile(path: path)
        do {
            return try JSONDecoder().decode(Value.self, from: Data(file.bytes))
        } catch {
            throw .badConfiguration(file: path, reason: reason(error))
        }
    }

    private static func reason(_ error: any Error) -> String {
        guard let error = error as? DecodingError else { return "\(error)" }
        return switch error {
        case .keyNotFound(let key, let context):
            "'\((context.codingPath + [key]).map(\.stringValue).joined(separator: "."))' is missing"
        case .typeMismatch(_, let context), .valueNotFound(_, let context):
            "'\(context.codingPath.map(\.stringValue).joined(separator: "."))' has the wrong form"
        case .dataCorrupted(let context) where !context.codingPath.isEmpty:
            "'\(context.codingPath.map(\.stringValue).joined(separator: "."))' has a value that "
                + "is not known"
        default: "it is not JSON"
        }
    }

    private init(_ stored: Stored) {
        let (unet, tokens) = (stored.unet, stored.motion_tokens)
        let (extractor, encoder) = (stored.motion_extractor, stored.motion_encoder)
        let (vae, image, tiny) = (stored.vae, stored.image_encoder, stored.taesd)
        self.init(
            name: stored.name, imageSize: stored.image_size, latentSize: stored.latent_size,
            framesPerChunk: stored.frames_per_chunk, chunksInWindow: stored.chunks_in_window,
            unet: UNet(
                channels: unet.block_out_channels, layersPerBlock: unet.layers_per_block,
                attentionHeads: unet.attention_heads, motionHeads: unet.motion_heads,
                temporalHeads: unet.temporal_heads, attentionLevels: unet.attention_levels,
                tokenDimension: unet.cross_attention_dim, normGroups: unet.norm_groups,
                timeEmbeddingDimension: unet.time_embedding_dim,
                latentChannels: unet.latent_channels),
            motionTokens: MotionTokens(count: tokens.count, dimension: tokens.dim),
            motionExtractor: MotionExtractor(
                inputSize: extractor.input_size, depths: extractor.depths,
                channels: extractor.dims, keypoints: extractor.keypoints, bins: extractor.bins),
            motionEncoder: MotionEncoder(
                inputSize: encoder.input_size, stemChannels: encoder.stem_channels,
                attentionHeads: encoder.attention_heads,
                attentionHeadDimension: encoder.attention_head_dim,
                hourglassDepth: encoder.hourglass_depth,
                landmarkChannels: encoder.landmark_channels,
                fullyConnectedInput: encoder.fc_input, output: encoder.output),
            poseGuider: PoseGuider(
                channels: stored.pose_guider.block_channels,
                outputChannels: stored.pose_guider.output_channels),
            vae: VAE(
                channels: vae.block_out_channels, layersPerBlock: vae.layers_per_block,
                normGroups: vae.norm_groups, latentChannels: vae.latent_channels,
                scaling: vae.scaling),
            imageEncoder: ImageEncoder(
                hiddenSize: image.hidden_size, intermediateSize: image.intermediate_size,
                layers: image.num_hidden_layers, attentionHeads: image.num_attention_heads,
                imageSize: image.image_size, patchSize: image.patch_size,
                projectionDimension: image.projection_dim, normEpsilon: image.layer_norm_eps),
            tinyAutoencoder: TinyAutoencoder(
                channels: tiny.channels, latentChannels: unet.latent_channels,
                encoderBlocks: tiny.encoder_blocks, decoderBlocks: tiny.decoder_blocks))
        prediction = stored.prediction ?? .noise
        portraitEncoder = stored.portrait_encoder ?? .vae
        keyframeThreshold = stored.keyframe_threshold ?? keyframeThreshold
        keypointFineness = stored.keypoint_fineness ?? keypointFineness
        framing = stored.framing?.framing ?? framing
    }
}

/// The names of what is at the top of a file.
private struct Keys: Decodable {
    let all: Set<String>

    private struct Key: CodingKey {
        let stringValue: String
        let intValue: Int? = nil

        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    init(from decoder: any Decoder) throws {
        all = Set(try decoder.container(keyedBy: Key.self).allKeys.map(\.stringValue))
    }
}

/// The file, key by key.
private struct Stored: Decodable {
    let name: String
    let image_size, latent_size, frames_per_chunk, chunks_in_window: Int
    let prediction: Scheduler.Prediction?
    let portrait_encoder: ModelConfiguration.PortraitEncoder?
    let keyframe_threshold: Float?
    let keypoint_fineness: Int?
    let framing: Framing?
    let unet: UNet
    let motion_tokens: MotionTokens
    let motion_extractor: MotionExtractor
    let motion_encoder: MotionEncoder
    let pose_guider: PoseGuider
    let vae: VAE
    let image_encoder: ImageEncoder
    let taesd: TinyAutoencoder

    struct Framing: Decodable {
        let portrait, driver: Part

        struct Part: Decodable { let scale, lift: Float }

        var framing: FaceFraming {
            FaceFraming(
                portrait: (portrait.scale, portrait.lift), driver: (driver.scale, driver.lift))
        }
    }
    struct UNet: Decodable {
        let block_out_channels: [Int]
        let layers_per_block, attention_heads, cross_attention_dim, norm_groups: Int
        let time_embedding_dim, latent_channels, motion_heads, temporal_heads: Int
        let attention_levels: [Bool]
    }
    struct MotionTokens: Decodable { let count, dim: Int }
    struct MotionExtractor: Decodable {
        let input_size, keypoints, bins: Int
        let depths, dims: [Int]
    }
    struct MotionEncoder: Decodable {
        let input_size, stem_channels, attention_heads, attention_head_dim: Int
        let hourglass_depth, landmark_channels, fc_input, output: Int
    }
    struct PoseGuider: Decodable {
        let block_channels: [Int]
        let output_channels: Int
    }
    struct VAE: Decodable {
        let block_out_channels: [Int]
        let layers_per_block, norm_groups, latent_channels: Int
        let scaling: Float
    }
    struct ImageEncoder: Decodable {
        let hidden_size, intermediate_size, num_hidden_layers, num_attention_heads: Int
        let image_size, patch_size, projection_dim: Int
        let layer_norm_eps: Float
    }
    struct TinyAutoencoder: Decodable {
        let channels: Int
        let encoder_blocks, decoder_blocks: [Int]
    }
}

extension Scheduler.Prediction: Decodable {}
extension ModelConfiguration.PortraitEncoder: Decodable {}
