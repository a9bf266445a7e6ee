import Glibc

/// A folder of weights: one file per network, or the layout in which PersonaLive is published.
///
/// The published layout is that of the authors' `pretrained_weights`: their files in `personalive`,
/// beside folders of the models that they build on. The folder of one such autoencoder will do where
/// only that is asked for.
package struct WeightFolder: Sendable {
    package let path: String

    package init(_ path: String) {
        self.path = path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
    }

    /// What one network is read from: the places of each part, the first that exists counts.
    private struct Part {
        let places: [String]
        var isRequired = true
    }

    /// The files of a network that are there, in the order in which they are laid over each other.
    ///
    /// - Returns: none where a part is missing that the network cannot do without.
    package func files(of network: String) -> [String] {
        for layout in Self.layouts(of: network) {
            let found = layout.map { part in (part, part.places.lazy.compactMap(find).first) }
            if found.allSatisfy({ !$0.0.isRequired || $0.1 != nil }) {
                return found.compactMap(\.1)
            }
        }
        return []
    }

    private static func layouts(of network: String) -> [[Part]] {
        let own = Part(places: [network, "personalive/" + network])
        switch network {
        case "denoising_unet":
            let temporal = ["temporal_module", "personalive/temporal_module"]
            let base = ["sd-image-variations-diffusers/unet/diffusion_pytorch_model"]
            return [
                [
                    Part(places: base, isRequired: false), own,
                    Part(places: temporal, isRequired: false),
                ]
            ]
        case "vae":
            return [
                [Part(places: ["vae", "sd-vae-ft-mse/diffusion_pytorch_model", Self.alone])]
            ]
        case "image_encoder":
            let published = "sd-image-variations-diffusers/image_encoder/"
            return [
                [
                    Part(places: [
                        "image_encoder", published + "pytorch_model", published + "model",
                    ])
                ]
            ]
        case "taesd":
            let halves = ["taesd_encoder", "taesd_decoder"].map {
                Part(places: [$0, "taesd/" + $0], isRequired: $0 == "taesd_decoder")
            }
            return [
                [Part(places: ["taesd", "taesd/diffusion_pytorch_model"])], halves,
                [Part(places: [Self.alone])],
            ]
        default: return [[own]]
        }
    }

    /// What diffusers calls the weights in a folder of one network, be it which it may.
    private static let alone = "diffusion_pytorch_model"

    /// A place with the first ending under which there is a file.
    private func find(_ place: String) -> String? {
        let base = path + "/" + place
        return Self.endings.lazy.map { base + $0 }.first { access($0, F_OK) == 0 }
    }

    private static let endings = [
        ".safetensors", ".safetensors.index.json", ".pth", ".bin", ".bin.index.json",
    ]
}
