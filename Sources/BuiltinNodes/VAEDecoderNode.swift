import Layers
import Networks
import NodeKit
import Tensors

/// Turns latents into RGB frames with the Stable Diffusion VAE.
///
/// Every decoder has these two ports, so one can replace another while the graph runs.
package struct VAEDecoderNode: Node {
    package static let latent = Port(
        "latent", Float.self, "n 4 h w", meaning: "latent/sd1", "in the diffusion model's scale"
    ).when(ModelSettings.model, is: "small", "n 8 h w", meaning: "latent/small")
    package static let frame = Port("frame", UInt8.self, "n 8h 8w 3", meaning: "rgb", "pictures")

    package static let spec = NodeSpec(
        "vae-decoder", "Turns latents into frames with the Stable Diffusion VAE.",
        inputs: [latent], outputs: [frame],
        settings: [
            ModelSettings.model, ModelSettings.weights, ModelSettings.device,
            ModelSettings.precision,
        ], state: .none)

    private let decode: VAEDecoder
    private let scaling: Float

    package init(settings: Settings) throws {
        let model = try ModelSettings(settings)
        let vae = model.configuration.vae, side = model.configuration.latentSize
        scaling = vae.scaling
        decode = try model.load {
            try VAEDecoder(from: model.checkpoint("vae"), vae)
        } rehearse: {
            _ = $0(Tensor(zeros: [1, side, side, vae.latentChannels])).rgb8()
        }
    }

    package mutating func process(_ inputs: Inputs, into outputs: inout Outputs) {
        let latent = inputs[Self.latent].channelsLast()
        let image = decode(latent.scaled(by: 1 / scaling))
        let frame = outputs.tensor(for: Self.frame, shape: image.shape)
        image.writeRGB8(into: frame)
        outputs[Self.frame] = frame
    }
}
