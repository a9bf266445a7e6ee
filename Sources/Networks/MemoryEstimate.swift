import Tensors

/// How much memory a node's networks take at most, bytes.
///
/// Weights are counted in the order that the processor wants them. What a pass needs
/// besides is a number of its largest maps; the factors were measured (peak of the process less the
/// weights and an empty process), and hold for pictures of the model's size.
package struct MemoryEstimate: Sendable, Equatable {
    /// What stays from the first pass on.
    package var weights: Int
    /// Maps between layers, and blocks that wait for their next use.
    package var work: Int

    package var total: Int { weights + work }

    /// From bytes.
    package init(weights: Int, work: Int) { (self.weights, self.work) = (weights, work) }

    /// From a number of weights and a number of values in maps.
    fileprivate init(
        weights: Int, values: Double, precision: WeightStorage.Precision = .float32
    ) {
        self.weights = (precision == .float32 ? 4 : 2) * weights
        work = Int(4 * values)
    }
}

extension FaceModel {
    /// Both networks, their plans, and a frame's parts: 12 to 22 MB beside an empty node in films of
    /// 256 × 256 to 1280 × 720, of which the second look at eyes and lips takes 5.5 MB.
    package static var memory: MemoryEstimate { MemoryEstimate(weights: 1_310_000, values: 4e6) }
}

extension ModelConfiguration {
    private var pixels: Double { Double(imageSize * imageSize) }

    /// The denoiser, with the reference UNet at hand for keyframes and other portraits.
    ///
    /// - Parameter keyframes: that are looked at beside the portrait, at most.
    package func denoiserMemory(
        _ precision: WeightStorage.Precision, keyframes: Int
    ) -> MemoryEstimate {
        let window = Double(windowFrames * latentSize * latentSize * unet.channels[0])
        let maps =
            20 * window + pixels * Double(poseGuider.channels[0])
            + Double((1 + keyframes) * unet.bankValues(side: latentSize))
        // What looks at the portrait is gone before the window is worked on. With another portrait in a
        // running graph it comes once more, beside the window, which is not counted here.
        let looking = vaeValues + Double(vae.encoderWeights + imageEncoder.weights)
        return MemoryEstimate(
            weights: denoiserWeights + referenceWeights + 4 * poseGuider.weights
                + unet.transformedWeights(side: latentSize, precision),
            values: max(maps, looking) + Self.planValues + tileValues(unet.channels), precision: precision)
    }

    /// What oneDNN's machine code for some hundred layers and their shapes takes, 24 MB at any size.
    private static let planValues = 6e6

    /// Tiles of 3 × 3 convolutions on their way, for each number of channels that there is.
    private func tileValues(_ channels: [Int]) -> Double {
        Double(36 * 192 * 4 * channels.reduce(0, +))
    }

    package var vaeDecoderMemory: MemoryEstimate {
        MemoryEstimate(
            weights: vae.decoderWeights
                + vae.transformedWeights(of: vae.decoderWeights, side: latentSize),
            values: vaeValues)
    }

    /// At full size two widths meet: the finest map has the channels of the level below until its
    /// first resnet has narrowed it. What is on its way as tiles is in this too.
    private var vaeValues: Double {
        pixels
            * (Double(vae.channels[0]) + 4 * Double(vae.channels[min(1, vae.channels.count - 1)]))
    }

    package var keypointExtractorMemory: MemoryEstimate {
        let side = motionExtractor.inputSize / 4
        return MemoryEstimate(
            weights: motionExtractor.weights,
            values: 12 * pixels + Double(16 * side * side * motionExtractor.channels[0]))
    }

    package var motionEncoderMemory: MemoryEstimate {
        let side = motionEncoder.inputSize / 2, c = motionEncoder.stemChannels
        let width = motionEncoder.attentionHeads * motionEncoder.attentionHeadDimension
        // Twice the largest layer: it is in both orders while its weights are put in order.
        return MemoryEstimate(
            weights: motionEncoderWeights,
            values: Double(24 * side * side * c) + Double(2 * 8 * width * width))
    }
}

extension ModelConfiguration.TinyAutoencoder {
    /// - Parameter side: rows and columns of a frame.
    package func encoderMemory(side: Int) -> MemoryEstimate {
        MemoryEstimate(weights: 4 * encoderWeights, values: values(side))
    }

    /// - Parameter side: rows and columns of a frame.
    package func decoderMemory(side: Int) -> MemoryEstimate {
        MemoryEstimate(weights: 4 * decoderWeights, values: values(side))
    }

    private func values(_ side: Int) -> Double { 4.1 * Double(side * side * channels) }
}
