import Networks

extension WeightTable {
    /// - Parameter encodes: whether latents are its own; otherwise its decoder is all there is.
    mutating func addVAE(_ vae: ModelConfiguration.VAE, encodes: Bool) {
        let latent = vae.latentChannels
        if encodes {
            addEncoder(vae)
            addConvolution("quant_conv", 2 * latent, 2 * latent, kernel: 1)
        }
        addDecoder(vae)
        addConvolution("post_quant_conv", latent, latent, kernel: 1)
    }

    private mutating func addEncoder(_ vae: ModelConfiguration.VAE) {
        let channels = vae.channels, last = channels.count - 1
        addConvolution("encoder.conv_in", 3, channels[0])
        for (level, width) in channels.enumerated() {
            let name = "encoder.down_blocks.\(level)"
            for index in 0..<vae.layersPerBlock {
                let from = index == 0 ? channels[max(level - 1, 0)] : width
                addResnet("\(name).resnets.\(index)", from, width, timeDimension: nil)
            }
            if level < last { addConvolution("\(name).downsamplers.0.conv", width, width) }
        }
        addVAEMiddle("encoder", channels[last])
        addNorm("encoder.conv_norm_out", channels[last])
        addConvolution("encoder.conv_out", channels[last], 2 * vae.latentChannels)
    }

    private mutating func addDecoder(_ vae: ModelConfiguration.VAE) {
        let channels = Array(vae.channels.reversed()), last = channels.count - 1
        addConvolution("decoder.conv_in", vae.latentChannels, channels[0])
        addVAEMiddle("decoder", channels[0])
        for (level, width) in channels.enumerated() {
            let name = "decoder.up_blocks.\(level)"
            for index in 0...vae.layersPerBlock {
                let from = index == 0 ? channels[max(level - 1, 0)] : width
                addResnet("\(name).resnets.\(index)", from, width, timeDimension: nil)
            }
            if level < last { addConvolution("\(name).upsamplers.0.conv", width, width) }
        }
        addNorm("decoder.conv_norm_out", channels[last])
        addConvolution("decoder.conv_out", channels[last], 3)
    }

    private mutating func addVAEMiddle(_ half: String, _ width: Int) {
        for index in 0...1 {
            addResnet("\(half).mid_block.resnets.\(index)", width, width, timeDimension: nil)
        }
        let attention = half + ".mid_block.attentions.0"
        addNorm(attention + ".group_norm", width)
        for name in ["to_q", "to_k", "to_v", "to_out.0"] {
            addLinear("\(attention).\(name)", width, width)
        }
    }

    mutating func addTinyAutoencoder(_ tiny: ModelConfiguration.TinyAutoencoder) {
        let c = tiny.channels
        var index = 0
        addConvolution("encoder.layers.0", 3, c)
        for (level, blocks) in tiny.encoderBlocks.enumerated() {
            if level > 0 {
                index += 1
                addConvolution("encoder.layers.\(index)", c, c, bias: false)
            }
            for _ in 0..<blocks { addTinyBlock("encoder.layers", &index, c) }
        }
        addConvolution("encoder.layers.\(index + 1)", c, tiny.latentChannels)
        addConvolution("decoder.layers.0", tiny.latentChannels, c)
        index = 1  // the activation is counted
        for (level, blocks) in tiny.decoderBlocks.enumerated() {
            if level > 0 {
                index += 2  // so is the doubling
                addConvolution("decoder.layers.\(index)", c, c, bias: false)
            }
            for _ in 0..<blocks { addTinyBlock("decoder.layers", &index, c) }
        }
        addConvolution("decoder.layers.\(index + 1)", c, 3)
    }

    private mutating func addTinyBlock(_ half: String, _ index: inout Int, _ channels: Int) {
        index += 1
        for layer in ["0", "2", "4"] {
            addConvolution("\(half).\(index).conv.\(layer)", channels, channels)
        }
    }
}
