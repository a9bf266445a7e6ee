import Layers
import Networks
import NodeKit
import Tensors

/// What the two nodes of a tiny autoencoder share: whose latents they speak, and the weights.
struct TinyModel {
    static let variant = Setting(
        "variant", String.self, type: .choice(["sd", "flux2"]), default: "sd",
        "whose latents: those of Stable Diffusion 1.x in the size of 'model', or FLUX.2's, whose "
            + "networks have one size")
    static let model = ModelSettings.model.waived(when: variant, is: "flux2")
    static let weights = Setting(
        "weights", String.self, type: .weights,
        "a file, or a folder with taesd.safetensors, or with taesd_encoder.pth and "
            + "taesd_decoder.pth, or for flux2 with taef2_encoder.pth and taef2_decoder.pth; "
            + "Models/small for 'model: small'; for tests the word 'synthetic' with 'model: mini'")
    /// A latent whose channels and meaning follow the variant.
    static let latent = VAEDecoderNode.latent
        .when(variant, is: "flux2", "n 32 h w", meaning: "latent/flux2")

    let configuration: ModelConfiguration.TinyAutoencoder
    let checkpoint: Checkpoint
    let storage: WeightStorage
    /// Rows and columns of a latent of the usual size.
    let latentSide: Int

    /// Whether the networks' images are in -1...1 rather than 0...1.
    var isCentred: Bool { configuration.form == .diffusers }

    /// - Parameter half: `encoder` or `decoder`.
    init(_ settings: Settings, half: String) throws {
        storage = try ModelSettings.prepare(settings)
        if settings[Self.variant] == "flux2" {
            (configuration, latentSide) = (.flux2, ModelConfiguration.full.latentSize)
            checkpoint = try Checkpoint.open(
                settings[Self.weights], size: settings[Self.variant], network: "taef2_\(half)"
            ).stored(as: storage.precision, on: storage.device)
            return
        }
        let model = try ModelSettings(settings)
        checkpoint = try Self.stableDiffusion(model, half)
        var configuration = model.configuration.tinyAutoencoder
        // The original files have only one half each, and do not say which.
        if !checkpoint.contains("\(half).layers.0.weight") { configuration.form = .original }
        self.configuration = configuration
        latentSide = model.configuration.latentSize
    }

    private static func stableDiffusion(
        _ model: ModelSettings, _ half: String
    ) throws(CheckpointError) -> Checkpoint {
        do {
            return try model.checkpoint("taesd")
        } catch {
            guard case .noFile = error, let found = try? model.checkpoint("taesd_\(half)") else {
                throw error
            }
            return found
        }
    }
}
