import Layers
import Tensors

/// Reads a portrait's appearance out of its latent, for the denoiser to attend to.
///
/// A Stable Diffusion UNet of which only the inputs of its self-attention are used; the pass ends at
/// the last of them. It runs once for a portrait and once for each keyframe, so its layers are kept small.
package final class ReferenceUNet {
    private let unet: UNet

    /// Reads the weights of both halves; the published file has no last norm and convolution.
    package init(
        from checkpoint: Checkpoint, _ configuration: ModelConfiguration.UNet
    ) throws(CheckpointError) {
        unet = try UNet(
            from: checkpoint.compact(), UNetPlan(unet: configuration, motionDimension: nil))
    }

    /// A scaled latent `[1, h, w, 4]` and the image token `[1, dimension]` to banks.
    package func callAsFunction(_ latent: Tensor<Float>, token: Tensor<Float>) -> ReferenceBanks {
        let pass = UNetPass(time: unet.time([0]), token: unet.conditioning(for: token))
        let collector = BankCollector(expected: unet.attentions.count)
        pass.collector = collector
        _ = unet(latent, adding: nil, pass)
        return collector.banks
    }
}
