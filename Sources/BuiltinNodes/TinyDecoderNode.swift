import Layers
import Networks
import NodeKit
import Tensors

/// Turns latents into RGB frames with TAESD, or with FLUX.2's tiny autoencoder: faster than the
/// VAE, and an approximation of it.
package struct TinyDecoderNode: Node {
    package static let latent = TinyModel.latent
    package static let frame = VAEDecoderNode.frame

    package static let spec = NodeSpec(
        "tiny-decoder", "Turns latents into frames with TAESD: faster, and an approximation.",
        inputs: [latent], outputs: [frame],
        settings: [
            TinyModel.model, TinyModel.variant, TinyModel.weights, ModelSettings.device,
            ModelSettings.precision,
        ],
        state: .none)

    private let decode: TinyDecoder
    private let isCentred: Bool

    package init(settings: Settings) throws {
        let model = try TinyModel(settings, half: "decoder")
        isCentred = model.isCentred
        let side = model.latentSide
        decode = try model.storage.load {
            try TinyDecoder(from: model.checkpoint, model.configuration)
        } rehearse: {
            _ = $0(Tensor(zeros: [1, side, side, model.configuration.latentChannels])).rgb8()
        }
    }

    package mutating func process(_ inputs: Inputs, into outputs: inout Outputs) {
        let image = decode(inputs[Self.latent].channelsLast())
        let frame = outputs.tensor(for: Self.frame, shape: image.shape)
        (isCentred ? image : image.scaled(by: 2, plus: -1)).writeRGB8(into: frame)
        outputs[Self.frame] = frame
    }
}
