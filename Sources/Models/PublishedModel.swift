/// Which files of which repositories make a model, and where its authors' layout has them.
package struct PublishedModel: Sendable {
    package struct File: Sendable, Hashable {
        /// On the hub: `owner/name`.
        package let repository: String
        /// In the repository.
        package let path: String
        /// In the folder of weights.
        package let target: String
        /// Only needed where ``PublishedModel/base`` is.
        package let isBase: Bool

        package init(repository: String, path: String, target: String, isBase: Bool = false) {
            self.repository = repository
            self.path = path
            self.target = target
            self.isBase = isBase
        }
    }

    /// The word for it on the command line.
    package let name: String
    package let files: [File]

    package init(name: String, files: [File]) { (self.name, self.files) = (name, files) }

    /// The models that can be fetched.
    package static let all = [personalive]

    /// PersonaLive (arXiv 2512.11253) as published: places and names follow `tools/download_weights.py`
    /// and the README of GVCLab/PersonaLive; TAESD is an addition, for the tiny decoder.
    package static let personalive = PublishedModel(
        name: "personalive",
        files: [
            "denoising_unet", "reference_unet", "temporal_module", "motion_encoder",
            "motion_extractor", "pose_guider",
        ].map {
            File(
                repository: "huaichang/PersonaLive",
                path: "pretrained_weights/personalive/\($0).pth", target: "personalive/\($0).pth")
        }
            + files(
                "stabilityai/sd-vae-ft-mse", ["diffusion_pytorch_model.bin", "config.json"])
            + files(
                "lambdalabs/sd-image-variations-diffusers",
                [
                    "image_encoder/pytorch_model.bin", "image_encoder/config.json",
                    "model_index.json",
                ])
            + files(
                "lambdalabs/sd-image-variations-diffusers",
                ["unet/diffusion_pytorch_model.bin", "unet/config.json"], isBase: true)
            + files("madebyollin/taesd", ["diffusion_pytorch_model.safetensors", "config.json"]))

    /// Files that keep their paths, in a folder named as their repository.
    private static func files(
        _ repository: String, _ paths: [String], isBase: Bool = false
    ) -> [File] {
        let folder = repository.split(separator: "/").last.map(String.init) ?? repository
        return paths.map {
            File(repository: repository, path: $0, target: "\(folder)/\($0)", isBase: isBase)
        }
    }
}
