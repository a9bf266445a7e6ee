import Layers
import Tensors

/// Three convolutions beside a shortcut, the only kind of block in TAESD.
private final class TinyBlock {
    private let first, second, third: Convolution
    private let context: TinyContext?

    init(
        from checkpoint: Checkpoint, _ channels: Int, hasContext: Bool
    ) throws(CheckpointError) {
        context = hasContext ? try TinyContext(from: checkpoint.scope("pool"), channels) : nil
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
        let x = context?(x) ?? x
        return third(second(first(x)), adding: x)
    }
}

/// What a block of FLUX.2's tiny autoencoder sees of the whole map, added to its input.
private final class TinyContext {
    private let widening, narrowing: Linear
    private let norm: GroupNorm

    init(from checkpoint: Checkpoint, _ channels: Int) throws(CheckpointError) {
        widening = try Linear(
            from: checkpoint.scope("0"), channels, 4 * channels, bias: false, isPointwise: true)
        norm = try GroupNorm(
            from: checkpoint.scope("1"), 4 * channels, groups: 4, eps: 1e-5, activation: .relu)
        narrowing = try Linear(
            from: checkpoint.scope("3"), 4 * channels, channels, bias: false, isPointwise: true)
    }

    func callAsFunction(_ x: Tensor<Float>) -> Tensor<Float> {
        narrowing(norm(widening(x)), adding: x)
    }
}

/// A run of TAESD's layers, numbered as in its checkpoint.
private enum TinyLayer {
    case convolution(Convolution)
    case block(TinyBlock)
    case upsampling(Convolution)

    func callAsFunction(_ x: Tensor<Float>) -> Tensor<Float> {
        switch self {
        case .convolution(let layer): layer(x)
        case .block(let layer): layer(x)
        case .upsampling(let layer): layer(doubling: x)
        }
    }
}

/// Turns images into latents with a small convolutional network (TAESD).
///
/// An approximation of ``VAEEncoder`` that gives latents in the diffusion model's scaled space.
package final class TinyEncoder {
    private let form: ModelConfiguration.TinyAutoencoder.Form
    private var layers: [TinyLayer] = []

    /// Reads `encoder.layers.<n>`, or `<n>` of an original file.
    package init(
        from checkpoint: Checkpoint, _ configuration: ModelConfiguration.TinyAutoencoder
    ) throws(CheckpointError) {
        form = configuration.form
        let checkpoint = form == .original ? checkpoint : checkpoint.scope("encoder.layers")
        let c = configuration.channels
        let lowest = configuration.encoderBlocks.count - 1
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
            let hasContext = configuration.hasContext && level == lowest
            for _ in 0..<blocks {
                let scope = checkpoint.scope("\(layers.count)")
                layers.append(.block(try TinyBlock(from: scope, c, hasContext: hasContext)))
            }
        }
        try append(c, configuration.latentChannels)
    }

    /// Images `[n, 8h, 8w, 3]`, in -1...1 unless the form has others, to scaled latents
    /// `[n, h, w, 4]`.
    package func callAsFunction(_ images: Tensor<Float>) -> Tensor<Float> {
        let images = form == .original ? images : images.scaled(by: 0.5, plus: 0.5)
        return images.mapFrames { image in
            layers.reduce(image) { $1($0) }.host()
        }
    }
}

/// Turns latents into images with a small convolutional network (TAESD).
///
/// An approximation of ``VAEDecoder`` that takes latents in the diffusion model's scaled space.
package final class TinyDecoder {
    private let form: ModelConfiguration.TinyAutoencoder.Form
    private var layers: [TinyLayer] = []

    /// Reads `decoder.layers.<n>`, or `<n>` of an original file.
    package init(
        from checkpoint: Checkpoint, _ configuration: ModelConfiguration.TinyAutoencoder
    ) throws(CheckpointError) {
        form = configuration.form
        let checkpoint = form == .original ? checkpoint : checkpoint.scope("decoder.layers")
        let c = configuration.channels
        var index = form == .original ? 1 : 0
        func append(
            _ from: Int, _ to: Int, bias: Bool = true, activation: Activation = .none,
            doubling: Bool = false
        ) throws(CheckpointError) {
            index += doubling ? 1 : 0  // the checkpoint counts it
            let layer = try Convolution(
                from: checkpoint.scope("\(index)"), from, to, kernel: 3, padding: .all(1),
                bias: bias, activation: activation)
            layers.append(doubling ? .upsampling(layer) : .convolution(layer))
            index += 1
        }
        try append(configuration.latentChannels, c, activation: .relu)
        index += 1  // the checkpoint counts the ReLU
        for (level, blocks) in configuration.decoderBlocks.enumerated() {
            if level > 0 { try append(c, c, bias: false, doubling: true) }
            let hasContext = configuration.hasContext && level == 0
            for _ in 0..<blocks {
                let scope = checkpoint.scope("\(index)")
                layers.append(.block(try TinyBlock(from: scope, c, hasContext: hasContext)))
                index += 1
            }
        }
        try append(c, 3)
    }

    /// Scaled latents `[n, h, w, 4]` to images `[n, 8h, 8w, 3]`, in about -1...1 unless the form has
    /// others.
    package func callAsFunction(_ latents: Tensor<Float>) -> Tensor<Float> {
        let images = latents.softlyClamped(to: 3).mapFrames { latent in
            layers.reduce(latent) { $1($0) }
        }
        return form == .original ? images : images.scaled(by: 2, plus: -1)
    }
}
