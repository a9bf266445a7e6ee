import Layers
import Networks
import Tensors

/// A network that is measured.
enum BenchNetwork: String, CaseIterable {
    case taesd, vae, unet, window

    /// GFLOP of the plain algorithm at full size; `MODEL.md` counts them at 512 × 512, where attention's
    /// share does not grow with the area alone, so other sizes have the area's share.
    func fullGflop(size: Int) -> Double {
        let whole =
            switch self {
            case .taesd: 141.4
            case .vae: 2514.5
            case .unet: 796.8
            case .window: 24_052.0
            }
        return whole * Double(size * size) / Double(512 * 512)
    }

    /// Loads the network; each call of the result runs it once, up to numbers or bytes that the processor
    /// can read.
    func makePass(
        _ source: BenchWeights, size: Int, _ storage: WeightStorage
    ) throws -> () -> Void {
        let model = source.configuration
        let name = self == .window || self == .unet ? "denoising_unet" : rawValue
        let weights = try source.checkpoint(name).stored(as: storage.precision, on: storage.device)
        let latent = Self.numbers([1, size / 8, size / 8, model.unet.latentChannels])
        switch self {
        case .taesd:
            let decode = try TinyDecoder(from: weights, model.tinyAutoencoder)
            return { _ = decode(latent).rgb8() }
        case .vae:
            let decode = try VAEDecoder(from: weights, model.vae)
            return { _ = decode(latent).rgb8() }
        case .unet:
            let denoise = try DenoisingUNet(from: weights, model, hasModules: false)
            let token = denoise.prepare(token: Self.numbers([1, model.unet.tokenDimension]))
            return {
                _ = denoise(
                    latent, timesteps: [999], motion: nil, pose: nil, token: token, banks: [])
            }
        case .window: return try Self.makeWindow(weights, model, size)
        }
    }

    private static func makeWindow(
        _ weights: Checkpoint, _ model: ModelConfiguration, _ size: Int
    ) throws -> () -> Void {
        let (frames, side) = (model.windowFrames, size / 8)
        let denoise = try DenoisingUNet(from: weights, model)
        let token = denoise.prepare(token: numbers([1, model.unet.tokenDimension]))
        var banks = ReferenceBanks()
        for block in denoise.attentionBlocks {
            let tokens = (side >> block.level) * (side >> block.level)
            banks.append(numbers([1, tokens, block.channels]), for: block.name)
        }
        let projected = denoise.project(banks)
        let latents = numbers([frames, side, side, model.unet.latentChannels])
        let motion = numbers([frames, model.motionTokens.count, model.motionTokens.dimension])
        let pose = numbers([frames, side, side, model.unet.channels[0]])
        let steps = (0..<frames).map { 333 * ($0 / model.framesPerChunk) }
        return {
            _ = denoise(
                latents, timesteps: steps, motion: motion, pose: pose, token: token,
                banks: [projected])
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

/// Whose networks are measured: the published dimensions with synthetic weights, or a folder's.
struct BenchWeights {
    let configuration: ModelConfiguration
    private let folder: String?

    /// - Parameter folder: one with `config.json` and weights, such as `Models/small`.
    init(folder: String?) throws {
        self.folder = folder
        configuration =
            try folder.map { try ModelConfiguration(contentsOf: "\($0)/config.json") } ?? .full
    }

    /// Whether the networks are those whose work is known beforehand.
    var isFull: Bool { folder == nil }

    func checkpoint(_ network: String) throws -> Checkpoint {
        guard let folder else {
            return .synthetic(namespace: configuration.name, network: network)
        }
        return try Checkpoint.open(folder, size: configuration.name, network: network)
    }
}
