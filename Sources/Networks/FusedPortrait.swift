import Tensors

/// A portrait after the reference UNet: all that the denoiser looks at while it animates it.
///
/// Its costly part, a pass of the reference UNet over one frame, may be done on a thread of its own while
/// the stream goes on with another portrait.
package struct FusedPortrait {
    /// The portrait's latent in the diffusion model's scale, `[1, h, w, 4]`.
    let latent: Tensor<Float>
    /// The image token, `[1, dimension]`, and what the denoiser makes of it.
    let token: Tensor<Float>
    let prepared: TokenConditioning
    /// Keys and values of every layer that looks at the portrait.
    let banks: ProjectedBanks

    package init(_ portrait: PortraitConditioning, _ networks: StreamNetworks) {
        let banks = networks.banks(of: portrait.latent, token: portrait.token)
        self.init(portrait, banks, networks)
    }

    /// From what the reference UNet saw in the portrait; on the stream's thread.
    package init(
        _ portrait: PortraitConditioning, _ banks: ReferenceBanks, _ networks: StreamNetworks
    ) {
        (latent, token) = (portrait.latent, portrait.token)
        prepared = networks.denoiser.prepare(token: portrait.token)
        self.banks = networks.denoiser.project(banks)
    }
}
