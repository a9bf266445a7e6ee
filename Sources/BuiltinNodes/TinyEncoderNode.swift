import Layers
import Networks
import NodeKit
import Tensors

/// Turns RGB frames into latents with TAESD or FLUX.2's tiny autoencoder.
package struct TinyEncoderNode: Node {
    package static let frame = Port(
        "frame", UInt8.self, "n p q 3", meaning: "rgb",
        "of any size: what is over at the edges beyond a multiple of 8 is cut off")
    package static let latent = TinyModel.latent

    package static let spec = NodeSpec(
        "tiny-encoder", "Turns frames into latents with a tiny autoencoder: fast, an approximation.",
        inputs: [frame], outputs: [latent],
        settings: [
            TinyModel.model, TinyModel.variant, TinyModel.weights, ModelSettings.device,
            ModelSettings.precision,
        ], state: .none)

    private let encode: TinyEncoder
    private let isCentred: Bool
    private var hasWarned = false

    package init(settings: Settings) throws {
        let model = try TinyModel(settings, half: "encoder")
        isCentred = model.isCentred
        let side = model.latentSide
        encode = try model.storage.load {
            try TinyEncoder(from: model.checkpoint, model.configuration)
        } rehearse: {
            _ = $0(Tensor(zeros: [1, 8 * side, 8 * side, 3]))
        }
    }

    package mutating func process(_ inputs: Inputs, into outputs: inout Outputs) throws {
        let frame = inputs[Self.frame]
        let whole = frame.cropped(toMultipleOf: 8)
        guard whole.count > 0 else {
            throw FrameTooSmall(height: frame.shape[1], width: frame.shape[2])
        }
        if whole.shape != frame.shape, !hasWarned {
            hasWarned = true
            outputs.warn(
                "frames of \(frame.shape[2])x\(frame.shape[1]) pixels are cut to "
                    + "\(whole.shape[2])x\(whole.shape[1]): a latent covers 8x8 pixels")
        }
        outputs[Self.latent] = encode(whole.floats(centred: isCentred)).channelsFirst()
    }

    private struct FrameTooSmall: Error, CustomStringConvertible {
        let height: Int
        let width: Int
        var description: String {
            "a frame of \(width)x\(height) pixels, but a latent needs at least 8x8"
        }
    }
}
