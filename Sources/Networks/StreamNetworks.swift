import Layers
import Synchronization
import Tensors

/// The networks that a stream of latents needs.
///
/// A new portrait may be looked at on a thread of its own while a stream goes on: ``condition(on:)`` and
/// ``banks(of:token:)`` may be called from any thread, all else belongs to the stream's.
package final class StreamNetworks: @unchecked Sendable {
    // Unchecked because layers keep plans: those of the networks that look at portraits are guarded.
    private let encoding = Mutex(()), referring = Mutex(())
    private let makeEncoders: () throws(CheckpointError) -> PortraitEncoders
    /// Made once more for every portrait but the first: they take 1.3 GB at full size.
    private var encoders: PortraitEncoders?
    private let reference: ReferenceUNet
    package let denoiser: DenoisingUNet
    package let poseGuider: PoseGuider
    package let configuration: ModelConfiguration

    /// - Parameter weights: the checkpoint of a network, by its name as in
    ///   ``Checkpoint/open(_:size:network:)``.
    package init(
        _ configuration: ModelConfiguration,
        weights: @escaping (_ network: String) throws(CheckpointError) -> Checkpoint
    ) throws(CheckpointError) {
        makeEncoders = { () throws(CheckpointError) in
            try PortraitEncoders(configuration, weights: weights)
        }
        encoders = try makeEncoders()
        reference = try ReferenceUNet(from: weights("reference_unet"), configuration.unet)
        denoiser = try DenoisingUNet(from: weights("denoising_unet"), configuration)
        poseGuider = try PoseGuider(from: weights("pose_guider"), configuration.poseGuider)
        self.configuration = configuration
    }

    /// What the denoiser needs to know of a portrait.
    ///
    /// - Throws: when its encoders' weights, which the first portrait had, are not there any more.
    package func condition(
        on portrait: PortraitPicture
    ) throws(CheckpointError) -> PortraitConditioning {
        try encoding.withLock { (_) throws(CheckpointError) in
            let encoders = if let first = self.encoders { first } else { try makeEncoders() }
            self.encoders = nil
            // The autoencoder's maps are larger than any that follow, and nothing else has their sizes.
            defer { BufferPool.trim() }
            return PortraitConditioning(
                token: encoders.token(portrait.imageEncoderInput),
                latent: encoders.latent(portrait.autoencoderInput))
        }
    }

    /// One pass of all that a stream needs, with zeros for pictures and as many keyframes as there may be.
    package func rehearse(keyframes: Int) {
        let (unet, side, n) = (configuration.unet, configuration.latentSize, configuration.windowFrames)
        let zeros = { (shape: [Int]) in Tensor<Float>(repeating: 0, shape: shape) }
        let size = configuration.imageSize
        let pose = poseGuider(zeros([1, size, size, 3]))
        let portrait = FusedPortrait(
            PortraitConditioning(
                token: zeros([1, unet.tokenDimension]),
                latent: zeros([1, side, side, unet.latentChannels])), self)
        let tokens = configuration.motionTokens
        _ = denoiser(
            zeros([n, side, side, unet.latentChannels]), timesteps: [Int](repeating: 0, count: n),
            motion: zeros([n, tokens.count, tokens.dimension]),
            pose: Tensor(stacking: [Tensor](repeating: pose, count: n)), token: portrait.prepared,
            banks: [ProjectedBanks](repeating: portrait.banks, count: 1 + keyframes))
    }

    /// What the reference UNet sees in a latent `[1, h, w, 4]`.
    package func banks(of latent: Tensor<Float>, token: Tensor<Float>) -> ReferenceBanks {
        referring.withLock { _ in reference(latent, token: token) }
    }
}

/// The networks that look at a portrait once.
private struct PortraitEncoders {
    let token: ImageEncoder
    /// An image in -1...1 to its latent in the diffusion model's scale.
    let latent: (Tensor<Float>) -> Tensor<Float>

    init(
        _ configuration: ModelConfiguration,
        weights: (_ network: String) throws(CheckpointError) -> Checkpoint
    ) throws(CheckpointError) {
        token = try ImageEncoder(from: weights("image_encoder"), configuration.imageEncoder)
        switch configuration.portraitEncoder {
        case .vae:
            let encode = try VAEEncoder(from: weights("vae"), configuration.vae)
            latent = { encode($0).scaled(by: configuration.vae.scaling) }
        case .taesd:
            let encode = try TinyEncoder(from: weights("taesd"), configuration.tinyAutoencoder)
            latent = { encode($0) }
        }
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
