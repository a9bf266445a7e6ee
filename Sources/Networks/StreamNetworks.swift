import Layers
import Synchronization
import Tensors

/// The networks that a stream of latents needs.
///
/// A new portrait may be looked at on a thread of its own while a stream goes on: ``condition(on:)`` and
/// ``banks(of:token:)`` take turns, all else belongs to the stream's thread.
package final class StreamNetworks: @unchecked Sendable {
    // Unchecked because layers keep plans: those of the networks that look at portraits are guarded.
    private let looking = Mutex(())
    private let imageEncoder: ImageEncoder
    /// An image in -1...1 to its latent in the diffusion model's scale.
    private let encodePortrait: (Tensor<Float>) -> Tensor<Float>
    private let reference: ReferenceUNet
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
        looking.withLock { _ in
            // The autoencoder's maps are larger than any that follow, and nothing else has their sizes.
            defer { BufferPool.trim() }
            return PortraitConditioning(
                token: imageEncoder(portrait.imageEncoderInput),
                latent: encodePortrait(portrait.autoencoderInput))
        }
    }

    /// What the reference UNet sees in a latent `[1, h, w, 4]`.
    package func banks(of latent: Tensor<Float>, token: Tensor<Float>) -> ReferenceBanks {
        looking.withLock { _ in reference(latent, token: token) }
    }
}

/// What the denoiser knows of a portrait.
package struct PortraitConditioning: Sendable {
    /// The image token, `[1, dimension]`.
    package let token: Tensor<Float>
    /// The portrait's latent in the diffusion model's scale, `[1, h, w, 4]`.
    package let latent: Tensor<Float>

    package init(token: Tensor<Float>, latent: Tensor<Float>) {
        self.token = token
        self.latent = latent
    }
}
