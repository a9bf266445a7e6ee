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

    /// From a number of weights and a number of values in maps, on the processor.
    fileprivate init(
        weights: Int, values: Double, precision: WeightStorage.Precision = .float32
    ) {
        self.weights = (precision == .float32 ? 4 : 2) * weights
        work = Int(4 * values)
    }

    /// What networks take of a device's own memory: weights and maps have its type there. The numbers of
    /// maps were measured on `torch`, as the peak of a process less weights, libtorch and an empty process.
    fileprivate init(on storage: WeightStorage, weights: Int, values: Double) {
        let size = storage.precision == .float32 ? 4 : 2
        self.init(weights: size * weights, work: Int(Double(size) * values))
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
        _ storage: WeightStorage, keyframes: Int
    ) -> MemoryEstimate {
        let window = Double(windowFrames * latentSize * latentSize * unet.channels[0])
        let banks = Double((1 + keyframes) * unet.bankValues(side: latentSize))
        let networks = denoiserWeights + referenceWeights
        // What looks at the portrait is gone before the window is worked on. With another portrait in a
        // running graph it comes once more, beside the window, which is not counted here.
        let looking = vaeValues + Double(vae.encoderWeights + imageEncoder.weights)
        guard storage.device == .cpu else {
            return MemoryEstimate(
                on: storage, weights: networks + poseGuider.weights,
                // 34 by the growth from 128 x 128 to 256 x 256, with every block from the kernel.
                values: max(40 * window + banks, looking))
        }
        let maps = 20 * window + pixels * Double(poseGuider.channels[0]) + banks
        return MemoryEstimate(
            weights: networks + 4 * poseGuider.weights
                + unet.transformedWeights(side: latentSize, storage.precision),
            values: max(maps, looking) + Self.planValues + tileValues(unet.channels),
            precision: storage.precision)
    }

    /// What oneDNN's machine code for some hundred layers and their shapes takes, 24 MB at any size.
    private static let planValues = 6e6

    /// Tiles of 3 × 3 convolutions on their way, for each number of channels that there is.
    private func tileValues(_ channels: [Int]) -> Double {
        Double(36 * 192 * 4 * channels.reduce(0, +))
    }

    package func vaeDecoderMemory(_ storage: WeightStorage) -> MemoryEstimate {
        guard storage.device == .cpu else {
            return MemoryEstimate(on: storage, weights: vae.decoderWeights, values: 1.3 * vaeValues)
        }
        return MemoryEstimate(
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

    package func keypointExtractorMemory(_ storage: WeightStorage) -> MemoryEstimate {
        let side = motionExtractor.inputSize / 4, map = Double(side * side * motionExtractor.channels[0])
        guard storage.device == .cpu else {
            return MemoryEstimate(on: storage, weights: motionExtractor.weights, values: 75 * map)
        }
        return MemoryEstimate(weights: motionExtractor.weights, values: 12 * pixels + 16 * map)
    }

    package func motionEncoderMemory(_ storage: WeightStorage) -> MemoryEstimate {
        let side = motionEncoder.inputSize / 2, c = motionEncoder.stemChannels
        let width = motionEncoder.attentionHeads * motionEncoder.attentionHeadDimension
        guard storage.device == .cpu else {
            return MemoryEstimate(
                on: storage, weights: motionEncoderWeights, values: 70 * Double(side * side * c))
        }
        // Twice the largest layer: it is in both orders while its weights are put in order.
        return MemoryEstimate(
            weights: motionEncoderWeights,
            values: Double(24 * side * side * c) + Double(2 * 8 * width * width))
    }
}

extension ModelConfiguration.TinyAutoencoder {
    /// - Parameter side: rows and columns of a frame.
    package func encoderMemory(_ storage: WeightStorage, side: Int) -> MemoryEstimate {
        memory(storage, weights: encoderWeights, side)
    }

    /// - Parameter side: rows and columns of a frame.
    package func decoderMemory(_ storage: WeightStorage, side: Int) -> MemoryEstimate {
        memory(storage, weights: decoderWeights, side)
    }

    private func memory(_ storage: WeightStorage, weights: Int, _ side: Int) -> MemoryEstimate {
        let map = Double(side * side * channels)
        guard storage.device == .cpu else {
            return MemoryEstimate(on: storage, weights: weights, values: 5.2 * map)
        }
        return MemoryEstimate(weights: 4 * weights, values: 4.1 * map)
    }
}
