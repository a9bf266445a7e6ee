import Tensors

/// A portrait after the reference UNet: all that the denoiser looks at while it animates it.
///
/// Making one is a pass of the reference UNet over one frame. It may be done on a thread of its own
/// while the stream goes on with another.
package struct FusedPortrait {
    /// The portrait's latent in the diffusion model's scale, `[1, h, w, 4]`.
    let latent: Tensor<Float>
    /// The image token, `[1, dimension]`, and what the denoiser makes of it.
    let token: Tensor<Float>
    let prepared: TokenConditioning
    /// Keys and values of every layer that looks at the portrait.
    let banks: ProjectedBanks

    package init(_ portrait: PortraitConditioning, _ networks: StreamNetworks) {
        (latent, token) = (portrait.latent, portrait.token)
        prepared = networks.denoiser.prepare(token: portrait.token)
        banks = networks.denoiser.project(networks.reference(portrait.latent, token: portrait.token))
    }
}
