import Layers
import Networks
import NodeKit
import Tensors

/// Turns latents into RGB frames with TAESD: faster than the VAE, and an approximation of it.
package struct TinyDecoderNode: Node {
    package static let latent = VAEDecoderNode.latent
    package static let frame = VAEDecoderNode.frame

    package static let spec = NodeSpec(
        "tiny-decoder", "Turns latents into frames with TAESD: faster, and an approximation.",
        inputs: [latent], outputs: [frame], settings: [ModelSettings.model, ModelSettings.weights])

    private let decode: TinyDecoder

    package init(settings: Settings) throws {
        let model = ModelSettings(settings)
        decode = try TinyDecoder(from: model.checkpoint("taesd"), model.configuration.tinyAutoencoder)
    }

    package mutating func process(_ inputs: Inputs, into outputs: inout Outputs) {
        let image = decode(inputs[Self.latent].channelsLast())
        let frame = outputs.tensor(for: Self.frame, shape: image.shape)
        image.writeRGB8(into: frame)
        outputs[Self.frame] = frame
    }
}
