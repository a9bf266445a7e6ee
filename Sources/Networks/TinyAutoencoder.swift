import Layers
import Tensors

/// Three convolutions beside a shortcut, the only kind of block in TAESD.
private final class TinyBlock {
    private let first, second, third: Convolution

    init(from checkpoint: Checkpoint, _ channels: Int) throws(CheckpointError) {
        let conv = checkpoint.scope("conv")
        func layer(_ key: String) throws(CheckpointError) -> Convolution {
            try Convolution(
                from: conv.scope(key), channels, channels, kernel: 3, padding: .all(1),
                activation: .relu)
        }
        first = try layer("0")
        second = try layer("2")
        third = try layer("4")
    }

    func callAsFunction(_ x: Tensor<Float>) -> Tensor<Float> {
        third(second(first(x)), adding: x)
    }
}

/// A run of TAESD's layers, numbered as in its checkpoint.
private enum TinyLayer {
    case convolution(Convolution)
    case block(TinyBlock)
    case doubling

    func callAsFunction(_ x: Tensor<Float>) -> Tensor<Float> {
        switch self {
        case .convolution(let layer): layer(x)
        case .block(let layer): layer(x)
        case .doubling: x.doubled()
        }
    }
}

/// Turns images into latents with a small convolutional network (TAESD).
///
/// An approximation of ``VAEEncoder`` that gives latents in the diffusion model's scaled space.
package final class TinyEncoder {
    private var layers: [TinyLayer] = []

    /// Reads `encoder.layers.<n>`.
    package init(
        from checkpoint: Checkpoint, _ configuration: ModelConfiguration.TinyAutoencoder
    ) throws(CheckpointError) {
        let checkpoint = checkpoint.scope("encoder.layers")
        let c = configuration.channels
        func append(
            _ from: Int, _ to: Int, stride: Int = 1, bias: Bool = true
        ) throws(CheckpointError) {
            layers.append(
                .convolution(
                    try Convolution(
                        from: checkpoint.scope("\(layers.count)"), from, to, kernel: 3,
                        stride: stride, padding: .all(1), bias: bias)))
        }
        try append(3, c)
        for (level, blocks) in configuration.encoderBlocks.enumerated() {
            if level > 0 { try append(c, c, stride: 2, bias: false) }
            for _ in 0..<blocks {
                layers.append(
                    .block(try TinyBlock(from: checkpoint.scope("\(layers.count)"), c)))
            }
        }
        try append(c, configuration.latentChannels)
    }

    /// Images `[n, 8h, 8w, 3]` in -1...1 to scaled latents `[n, h, w, 4]`.
    package func callAsFunction(_ images: Tensor<Float>) -> Tensor<Float> {
        images.scaled(by: 0.5, plus: 0.5).mapFrames { image in
            layers.reduce(image) { $1($0) }
        }
    }
}

/// Turns latents into images with a small convolutional network (TAESD).
///
/// An approximation of ``VAEDecoder`` that takes latents in the diffusion model's scaled space.
package final class TinyDecoder {
    private var layers: [TinyLayer] = []

    /// Reads `decoder.layers.<n>`.
    package init(
        from checkpoint: Checkpoint, _ configuration: ModelConfiguration.TinyAutoencoder
    ) throws(CheckpointError) {
        let checkpoint = checkpoint.scope("decoder.layers")
        let c = configuration.channels
        var index = 0
        func append(
            _ from: Int, _ to: Int, bias: Bool = true, activation: Activation = .none
        ) throws(CheckpointError) {
            layers.append(
                .convolution(
                    try Convolution(
                        from: checkpoint.scope("\(index)"), from, to, kernel: 3,
                        padding: .all(1), bias: bias, activation: activation)))
            index += 1
        }
        try append(configuration.latentChannels, c, activation: .relu)
        index += 1  // the checkpoint counts the ReLU
        for (level, blocks) in configuration.decoderBlocks.enumerated() {
            if level > 0 {
                layers.append(.doubling)
                index += 1
                try append(c, c, bias: false)
            }
            for _ in 0..<blocks {
                layers.append(.block(try TinyBlock(from: checkpoint.scope("\(index)"), c)))
                index += 1
            }
        }
        try append(c, 3)
    }

    /// Scaled latents `[n, h, w, 4]` to images `[n, 8h, 8w, 3]` in about -1...1.
    package func callAsFunction(_ latents: Tensor<Float>) -> Tensor<Float> {
        latents.softlyClamped(to: 3).mapFrames { latent in
            layers.reduce(latent) { $1($0) }
        }.scaled(by: 2, plus: -1)
    }
}
