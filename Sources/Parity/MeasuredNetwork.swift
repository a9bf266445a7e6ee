import Layers
import Networks
import Tensors

/// A network whose time is measured, by itself and with inputs that are always the same.
package enum MeasuredNetwork: String, CaseIterable, Sendable {
    case extractor, motion, taesd, vae, unet, window

    /// GFLOP of the plain algorithm at full size; `MODEL.md` counts them at 512 × 512, where attention's
    /// share does not grow with the area alone, so other sizes have the area's share. Those of a face have
    /// sizes of their own: 0 says that nobody counted.
    package func fullGflop(size: Int) -> Double {
        let whole =
            switch self {
            case .extractor, .motion: 0.0
            case .taesd: 141.4
            case .vae: 2514.5
            case .unet: 796.8
            case .window: 24_052.0
            }
        return whole * Double(size * size) / Double(512 * 512)
    }

    /// One run of a loaded network after the other.
    package struct Pass {
        /// Runs it up to what a node sends: numbers or bytes that the processor can read.
        package let run: () -> Void
        /// Runs it and gives its numbers, for comparison; pictures in -1...1.
        package let result: () -> Tensor<Float>

        fileprivate init(ofPictures: Bool = false, _ result: @escaping () -> Tensor<Float>) {
            self.result = { result().host() }
            run = ofPictures ? { _ = result().rgb8() } : { _ = result() }
        }
    }

    /// Loads the network.
    ///
    /// - Parameter keyframes: that a window sees beside the portrait.
    package func load(
        _ source: MeasuredWeights, size: Int, _ storage: WeightStorage, keyframes: Int = 0
    ) throws -> Pass {
        let model = source.configuration
        let weights = try source.checkpoint(file).stored(as: storage.precision, on: storage.device)
        let latent = Self.numbers([1, size / 8, size / 8, model.unet.latentChannels])
        switch self {
        case .extractor:
            let extract = try MotionExtractor(from: weights, model.motionExtractor)
            let side = model.motionExtractor.inputSize, picture = Self.numbers([1, side, side, 3])
            return Pass { extract.heads(picture.scaled(by: 0.5, plus: 0.5)).keypoints }
        case .motion:
            let encode = try MotionEncoder(
                from: weights, model.motionEncoder, tokens: model.motionTokens)
            let side = model.motionEncoder.inputSize, face = Self.numbers([1, side, side, 3])
            return Pass { encode(face) }
        case .taesd:
            let decode = try TinyDecoder(from: weights, model.tinyAutoencoder)
            return Pass(ofPictures: true) { decode(latent) }
        case .vae:
            let decode = try VAEDecoder(from: weights, model.vae)
            return Pass(ofPictures: true) { decode(latent) }
        case .unet:
            let denoise = try DenoisingUNet(from: weights, model, hasModules: false)
            let token = denoise.prepare(token: Self.numbers([1, model.unet.tokenDimension]))
            return Pass {
                denoise(latent, timesteps: [999], motion: nil, pose: nil, token: token, banks: [])
            }
        case .window:
            return try Self.windows(weights, model, size)(keyframes, model.framesPerChunk)
        }
    }

    /// Windows of one denoiser, by their number of keyframes and of frames in a chunk.
    package static func windows(
        _ source: MeasuredWeights, size: Int, _ storage: WeightStorage
    ) throws -> (_ keyframes: Int, _ chunk: Int) -> Pass {
        let weights = try source.checkpoint(window.file)
            .stored(as: storage.precision, on: storage.device)
        return try windows(weights, source.configuration, size)
    }

    /// The name of its weights.
    private var file: String {
        switch self {
        case .extractor: "motion_extractor"
        case .motion: "motion_encoder"
        case .taesd, .vae: rawValue
        case .unet, .window: "denoising_unet"
        }
    }

    private static func windows(
        _ weights: Checkpoint, _ model: ModelConfiguration, _ size: Int
    ) throws -> (_ keyframes: Int, _ chunk: Int) -> Pass {
        let side = size / 8
        let denoise = try DenoisingUNet(from: weights, model)
        let token = denoise.prepare(token: numbers([1, model.unet.tokenDimension]))
        return { keyframes, chunk in
            let projected = (0...keyframes).map { number in
                var banks = ReferenceBanks()
                for block in denoise.attentionBlocks {
                    let tokens = (side >> block.level) * (side >> block.level)
                    let bank = numbers([1, tokens, block.channels])
                    banks.append(bank.scaled(by: 1 - 0.25 * Float(number)), for: block.name)
                }
                return denoise.project(banks)
            }
            let frames = chunk * model.chunksInWindow
            let latents = numbers([frames, side, side, model.unet.latentChannels])
            let motion = numbers([frames, model.motionTokens.count, model.motionTokens.dimension])
            // Where the pose guider leaves them.
            let pose = numbers([frames, side, side, model.unet.channels[0]]).stored(weights.storage)
            let steps = (0..<frames).map { 333 * ($0 / chunk) }
            return Pass {
                denoise(
                    latents, timesteps: steps, motion: motion, pose: pose, token: token,
                    banks: projected)
            }
        }
    }

    /// Numbers in -1...1, always the same.
    private static func numbers(_ shape: [Int]) -> Tensor<Float> {
        let count = shape.reduce(1, *)
        let values = (0..<count).map { (i: Int) -> Float in
            Float((i &* 2_654_435_761) >> 8 & 0xffff) / 32_768 - 1
        }
        return Tensor(values, shape: shape)
    }
}

/// Whose networks are measured: dimensions that are known with synthetic weights, or a folder's.
package struct MeasuredWeights {
    package var configuration: ModelConfiguration
    private let folder: String?

    /// - Parameter folder: one with `config.json` and weights, such as `Models/small`; nil is the published
    ///   model's dimensions.
    package init(folder: String?) throws {
        self.folder = folder
        configuration =
            try folder.map { try ModelConfiguration(contentsOf: "\($0)/config.json") } ?? .full
    }

    /// Synthetic weights of some dimensions.
    package init(_ configuration: ModelConfiguration) {
        (self.configuration, folder) = (configuration, nil)
    }

    /// Whether the networks are those whose work is known beforehand.
    package var isFull: Bool { folder == nil && configuration.name == ModelConfiguration.full.name }

    func checkpoint(_ network: String) throws -> Checkpoint {
        guard let folder else {
            return .synthetic(namespace: configuration.name, network: network)
        }
        return try Checkpoint.open(folder, size: configuration.name, network: network)
    }
}
