import Layers
import Tensors

// How many numbers the networks keep. Each count is that of the weights which the network asks its
// checkpoint for; the published files hold a few more that have no effect.

extension ModelConfiguration {
    /// Weights of the denoising UNet.
    package var denoiserWeights: Int {
        unet.weights(motionDimension: motionTokens.dimension) + 2 * unet.channels[0]
            + convolution(unet.channels[0], unet.latentChannels, 3)
    }

    /// Weights of the reference UNet.
    package var referenceWeights: Int { unet.weights(motionDimension: nil) }

    /// Weights of the motion encoder.
    package var motionEncoderWeights: Int {
        motionEncoder.weights + linear(motionEncoder.output, motionEncoder.output)
    }
}

private func linear(_ from: Int, _ to: Int, bias: Bool = true) -> Int {
    from * to + (bias ? to : 0)
}

private func convolution(_ from: Int, _ to: Int, _ kernel: Int, bias: Bool = true) -> Int {
    from * to * kernel * kernel + (bias ? to : 0)
}

/// Of a layer or group norm, or half of a batch norm.
private func norm(_ channels: Int) -> Int { 2 * channels }

/// What a 3 × 3 convolution keeps beyond its weights.
private func transformed(
    _ from: Int, _ to: Int, _ side: Int, _ precision: WeightStorage.Precision = .float32
) -> Int {
    let factor = Convolution.weightFactor(from, to, side: side, precision: precision) - 1
    return Int(factor * Double(convolution(from, to, 3, bias: false)))
}

private func gatedFeedForward(_ c: Int) -> Int { linear(c, 8 * c) + linear(4 * c, c) }

private func resnet(_ from: Int, _ to: Int, time: Int?) -> Int {
    norm(from) + convolution(from, to, 3) + norm(to) + convolution(to, to, 3)
        + (time.map { linear($0, to) } ?? 0) + (from == to ? 0 : linear(from, to))
}

extension ModelConfiguration.UNet {
    /// - Parameter motionDimension: nil without motion and temporal modules.
    fileprivate func weights(motionDimension: Int?) -> Int {
        let top = channels[channels.count - 1], time = timeEmbeddingDimension
        func layer(_ from: Int, _ to: Int, hasAttention: Bool) -> Int {
            resnet(from, to, time: time) + (hasAttention ? spatial(to) : 0)
                + (motionDimension.map { motion(to, $0) + temporal(to) } ?? 0)
        }
        var count =
            convolution(latentChannels, channels[0], 3) + linear(channels[0], time)
            + linear(time, time) + layer(top, top, hasAttention: true)
            + resnet(top, top, time: time)
        var skips = [channels[0]]
        for (level, width) in channels.enumerated() {
            for i in 0..<layersPerBlock {
                count += layer(
                    i == 0 ? skips[skips.count - 1] : width, width,
                    hasAttention: attentionLevels[level])
                skips.append(width)
            }
            guard level < channels.count - 1 else { continue }
            count += convolution(width, width, 3)
            skips.append(width)
        }
        var current = top
        for (level, width) in channels.enumerated().reversed() {
            for _ in 0...layersPerBlock {
                count += layer(
                    current + skips.removeLast(), width, hasAttention: attentionLevels[level])
                current = width
            }
            if level > 0 { count += convolution(width, width, 3) }
        }
        return count
    }

    /// What 3 × 3 convolutions keep beyond their weights, in numbers.
    ///
    /// - Parameter side: rows and columns of a latent.
    func transformedWeights(side: Int, _ precision: WeightStorage.Precision) -> Int {
        let deepest = channels.count - 1
        func block(_ from: Int, _ to: Int, _ level: Int) -> Int {
            transformed(from, to, side >> level, precision)
                + transformed(to, to, side >> level, precision)
        }
        var count = 2 * block(channels[deepest], channels[deepest], deepest)
        var skips = [channels[0]]
        for (level, width) in channels.enumerated() {
            for i in 0..<layersPerBlock {
                count += block(i == 0 ? skips[skips.count - 1] : width, width, level)
                skips.append(width)
            }
            if level < deepest { skips.append(width) }
        }
        var current = channels[deepest]
        for (level, width) in channels.enumerated().reversed() {
            for _ in 0...layersPerBlock {
                count += block(current + skips.removeLast(), width, level)
                current = width
            }
            if level > 0 {
                count += transformed(width, width, side >> (level - 1), precision)
            }
        }
        return count
    }

    /// Keys and values of what every attention layer looks at in one picture, in numbers.
    ///
    /// - Parameter side: rows and columns of a latent.
    func bankValues(side: Int) -> Int {
        func bank(_ level: Int) -> Int { 2 * channels[level] * (side >> level) * (side >> level) }
        return channels.indices.filter { attentionLevels[$0] }
            .reduce(bank(channels.count - 1)) { $0 + (2 * layersPerBlock + 1) * bank($1) }
    }

    private func spatial(_ c: Int) -> Int {
        norm(c) + 2 * linear(c, c) + 2 * norm(c) + 3 * c * c + linear(c, c) + tokenDimension * c
            + linear(c, c) + gatedFeedForward(c)
    }

    private func motion(_ c: Int, _ dimension: Int) -> Int {
        transformer(c) + 2 * (norm(c) + c * c + 2 * dimension * c + linear(c, c))
    }

    private func temporal(_ c: Int) -> Int {
        transformer(c) + 2 * (norm(c) + 3 * c * c + linear(c, c))
    }

    private func transformer(_ c: Int) -> Int {
        norm(c) + 2 * linear(c, c) + norm(c) + gatedFeedForward(c)
    }
}

extension ModelConfiguration.VAE {
    /// Weights of the half that makes latents.
    package var encoderWeights: Int {
        let top = channels[channels.count - 1], moments = 2 * latentChannels
        var count = convolution(3, channels[0], 3) + middle(top) + norm(top)
        count += convolution(top, moments, 3) + linear(moments, moments)
        for (level, width) in channels.enumerated() {
            for i in 0..<layersPerBlock {
                count += resnet(i == 0 ? channels[max(level - 1, 0)] : width, width, time: nil)
            }
            if level < channels.count - 1 { count += convolution(width, width, 3) }
        }
        return count
    }

    /// Weights of the half that makes images.
    package var decoderWeights: Int {
        let widths = Array(channels.reversed()), last = channels[0]
        var count = linear(latentChannels, latentChannels)
        count += convolution(latentChannels, widths[0], 3) + middle(widths[0])
        count += norm(last) + convolution(last, 3, 3)
        for (level, width) in widths.enumerated() {
            for i in 0...layersPerBlock {
                count += resnet(i == 0 ? widths[max(level - 1, 0)] : width, width, time: nil)
            }
            if level < widths.count - 1 { count += convolution(width, width, 3) }
        }
        return count
    }

    /// What the 3 × 3 convolutions of one half keep beyond their weights, at most.
    ///
    /// - Parameters:
    ///   - weights: of this half, nearly all of which are such convolutions'.
    ///   - side: rows and columns of the smallest map.
    func transformedWeights(of weights: Int, side: Int) -> Int {
        let factor = Convolution.weightFactor(channels[0], channels[0], side: side) - 1
        return Int(factor * Double(weights))
    }

    private func middle(_ c: Int) -> Int {
        2 * resnet(c, c, time: nil) + norm(c) + 4 * linear(c, c)
    }
}

extension ModelConfiguration.TinyAutoencoder {
    /// Weights of the half that makes latents.
    package var encoderWeights: Int {
        convolution(3, channels, 3) + convolution(channels, latentChannels, 3)
            + blocks(encoderBlocks)
    }

    /// Weights of the half that makes images.
    package var decoderWeights: Int {
        convolution(latentChannels, channels, 3) + convolution(channels, 3, 3)
            + blocks(decoderBlocks)
    }

    private func blocks(_ blocks: [Int]) -> Int {
        let all = blocks.reduce(0, +) * 3 * convolution(channels, channels, 3)
        let between = (blocks.count - 1) * convolution(channels, channels, 3, bias: false)
        let lowest = blocks == encoderBlocks ? blocks[blocks.count - 1] : blocks[0]
        let context = 8 * channels * channels + norm(4 * channels)
        return all + between + (hasContext ? lowest * context : 0)
    }
}

extension ModelConfiguration.ImageEncoder {
    package var weights: Int {
        let side = imageSize / patchSize, w = hiddenSize
        let layer =
            2 * norm(w) + 4 * linear(w, w) + linear(w, intermediateSize)
            + linear(intermediateSize, w)
        return convolution(3, w, patchSize, bias: false) + w + (side * side + 1) * w + 2 * norm(w)
            + layers * layer + linear(w, projectionDimension, bias: false)
    }
}

extension ModelConfiguration.PoseGuider {
    package var weights: Int {
        zip(channels, channels.dropFirst()).reduce(
            convolution(3, channels[0], 3)
                + convolution(channels[channels.count - 1], outputChannels, 3)
        ) { $0 + convolution($1.0, $1.0, 3) + convolution($1.0, $1.1, 3) }
    }
}

extension ModelConfiguration.MotionExtractor {
    package var weights: Int {
        let last = channels[channels.count - 1]
        var count = convolution(3, channels[0], 4) + norm(channels[0]) + norm(last)
        count += linear(last, 3 * keypoints) + linear(last, 3) + linear(last, 1)
        count += 3 * linear(last, bins)
        for (stage, width) in channels.enumerated() {
            if stage > 0 {
                count += norm(channels[stage - 1]) + convolution(channels[stage - 1], width, 2)
            }
            let block =
                49 * width + width + norm(width) + linear(width, 4 * width) + norm(4 * width)
                + linear(4 * width, width)
            count += depths[stage] * block
        }
        return count
    }
}

extension ModelConfiguration.MotionEncoder {
    fileprivate var weights: Int {
        let c = stemChannels
        var count = convolution(3, c, 7) + batchNorm(c) + convolution(4 * c, 4 * c, 1)
        count += batchNorm(4 * c) + convolution(4 * c, landmarkChannels, 1)
        count += batchNorm(landmarkChannels) + convolution(landmarkChannels, 1, 3)
        count += linear(fullyConnectedInput, output)
        count += residual(c, 2 * c) + residual(2 * c, 2 * c) + residual(2 * c, 4 * c)
        count += (3 * hourglassDepth + 2) * residual(4 * c, 4 * c)
        return count + patches(2 * c, 4) + 2 * patches(4 * c, 2)
    }

    private func batchNorm(_ channels: Int) -> Int { 4 * channels }

    private func residual(_ from: Int, _ to: Int) -> Int {
        let widths = [from, to / 2, to / 4, to / 4]
        let steps = zip(widths, widths.dropFirst()).reduce(0) {
            $0 + batchNorm($1.0) + convolution($1.0, $1.1, 3, bias: false)
        }
        return steps + (from == to ? 0 : batchNorm(from) + from * to)
    }

    private func patches(_ channels: Int, _ patch: Int) -> Int {
        let width = attentionHeads * attentionHeadDimension
        return norm(channels) + convolution(channels, width, patch) + 2 * norm(width)
            + 3 * width * width + linear(width, width) + linear(width, 8 * width)
            + linear(4 * width, width) + linear(width / patch / patch, channels)
    }
}
