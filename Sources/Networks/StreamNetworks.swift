import Layers
import Tensors

/// The networks that a stream of latents needs.
package final class StreamNetworks {
    package let imageEncoder: ImageEncoder
    /// An image in -1...1 to its latent in the diffusion model's scale.
    private let encodePortrait: (Tensor<Float>) -> Tensor<Float>
    package let reference: ReferenceUNet
    package let denoiser: DenoisingUNet
    package let poseGuider: PoseGuider
    package let configuration: ModelConfiguration

    /// - Parameter weights: the checkpoint of a network, by its name as in
    ///   ``Checkpoint/open(_:size:network:)``.
    package init(
        _ configuration: ModelConfiguration,
        weights: (_ network: String) throws(CheckpointError) -> Checkpoint
    ) throws(CheckpointError) {
        imageEncoder = try ImageEncoder(from: weights("image_encoder"), configuration.imageEncoder)
        switch configuration.portraitEncoder {
        case .vae:
            let encode = try VAEEncoder(from: weights("vae"), configuration.vae)
            encodePortrait = { encode($0).scaled(by: configuration.vae.scaling) }
        case .taesd:
            let encode = try TinyEncoder(from: weights("taesd"), configuration.tinyAutoencoder)
            encodePortrait = { encode($0) }
        }
        reference = try ReferenceUNet(from: weights("reference_unet"), configuration.unet)
        denoiser = try DenoisingUNet(from: weights("denoising_unet"), configuration)
        poseGuider = try PoseGuider(from: weights("pose_guider"), configuration.poseGuider)
        self.configuration = configuration
    }

    /// What the denoiser needs to know of a portrait.
    package func condition(on portrait: PortraitPicture) -> PortraitConditioning {
        // The autoencoder's maps are larger than any that follow, and nothing else has their sizes.
        defer { BufferPool.trim() }
        return PortraitConditioning(
            token: imageEncoder(portrait.imageEncoderInput),
            latent: encodePortrait(portrait.autoencoderInput))
    }
}

/// What the denoiser knows of a portrait.
package struct PortraitConditioning {
    /// The image token, `[1, dimension]`.
    package let token: Tensor<Float>
    /// The portrait's latent in the diffusion model's scale, `[1, h, w, 4]`.
    package let latent: Tensor<Float>

    package init(token: Tensor<Float>, latent: Tensor<Float>) {
        self.token = token
        self.latent = latent
    }
}
