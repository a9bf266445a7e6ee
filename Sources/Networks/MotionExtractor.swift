import Layers
import Tensors

/// Finds 21 implicit keypoints and the pose of a face: a ConvNeXt V2 with six linear heads.
///
/// Weights are LivePortrait's (arXiv 2407.03168). Not to be confused with the ``MotionEncoder``,
/// which sees the expression.
package struct MotionExtractor {
    /// What the heads say, one row per picture.
    package struct Heads {
        /// `[n, 63]`, `[n, 3]` and `[n, 1]`.
        package let keypoints, translation, scale: Tensor<Float>
        /// Scores of angle bins, `[n, 66]` each.
        package let pitch, yaw, roll: Tensor<Float>
    }

    private let stem: Convolution
    private let stemNorm: LayerNorm
    private let shrinking: [(norm: LayerNorm, convolution: Convolution)]
    private let stages: [[Block]]
    private let norm: LayerNorm
    private let keypoints, translation, scale, pitch, yaw, roll: Linear

    package init(
        from checkpoint: Checkpoint, _ configuration: ModelConfiguration.MotionExtractor
    ) throws(CheckpointError) {
        let weights = checkpoint.scope("detector"), widths = configuration.channels
        let entry = weights.scope("downsample_layers.0")
        stem = try Convolution(from: entry.scope("0"), 3, widths[0], kernel: 4, stride: 4)
        stemNorm = try LayerNorm(from: entry.scope("1"), widths[0], eps: Self.eps)
        var shrinking: [(norm: LayerNorm, convolution: Convolution)] = []
        var stages: [[Block]] = []
        for (stage, depth) in configuration.depths.enumerated() {
            if stage > 0 {
                let scope = weights.scope("downsample_layers.\(stage)")
                shrinking.append(
                    (
                        try LayerNorm(from: scope.scope("0"), widths[stage - 1], eps: Self.eps),
                        try Convolution(
                            from: scope.scope("1"), widths[stage - 1], widths[stage], kernel: 2,
                            stride: 2)
                    ))
            }
            var blocks: [Block] = []
            for index in 0..<depth {
                blocks.append(
                    try Block(from: weights.scope("stages.\(stage).\(index)"), widths[stage]))
            }
            stages.append(blocks)
        }
        (self.shrinking, self.stages) = (shrinking, stages)
        let width = widths[widths.count - 1]
        norm = try LayerNorm(from: weights.scope("norm"), width, eps: Self.eps)
        keypoints = try Linear(from: weights.scope("fc_kp"), width, 3 * configuration.keypoints)
        translation = try Linear(from: weights.scope("fc_t"), width, 3)
        scale = try Linear(from: weights.scope("fc_scale"), width, 1)
        pitch = try Linear(from: weights.scope("fc_pitch"), width, configuration.bins)
        yaw = try Linear(from: weights.scope("fc_yaw"), width, configuration.bins)
        roll = try Linear(from: weights.scope("fc_roll"), width, configuration.bins)
    }

    private static let eps: Float = 1e-6

    /// - Parameter pictures: `[n, size, size, 3]` in 0...1.
    package func heads(_ pictures: Tensor<Float>) -> Heads {
        var x = stemNorm(stem(pictures))
        for (stage, blocks) in stages.enumerated() {
            if stage > 0 { x = shrinking[stage - 1].convolution(shrinking[stage - 1].norm(x)) }
            for block in blocks { x = block(x) }
        }
        let features = norm(x.pixelMean())
        return Heads(
            keypoints: keypoints(features).host(), translation: translation(features).host(),
            scale: scale(features).host(), pitch: pitch(features).host(),
            yaw: yaw(features).host(), roll: roll(features).host())
    }

    /// The face in each picture.
    ///
    /// - Parameter pictures: `[n, size, size, 3]` in 0...1.
    package func callAsFunction(_ pictures: Tensor<Float>) -> [FacePose] { heads(pictures).poses }

    /// A ConvNeXt V2 block: depthwise 7 × 7, then a response-normalised widening by four.
    private struct Block {
        let depthwise: Convolution
        let norm: LayerNorm
        let widening, narrowing: Linear
        let response: GlobalResponseNorm

        init(from checkpoint: Checkpoint, _ width: Int) throws(CheckpointError) {
            depthwise = try Convolution(
                from: checkpoint.scope("dwconv"), width, width, kernel: 7, padding: .all(3),
                groups: width)
            norm = try LayerNorm(from: checkpoint.scope("norm"), width, eps: eps)
            widening = try Linear(
                from: checkpoint.scope("pwconv1"), width, 4 * width, activation: .gelu)
            response = try GlobalResponseNorm(from: checkpoint.scope("grn"), 4 * width)
            narrowing = try Linear(from: checkpoint.scope("pwconv2"), 4 * width, width)
        }

        func callAsFunction(_ x: Tensor<Float>) -> Tensor<Float> {
            narrowing(response(widening(norm(depthwise(x)))), adding: x)
        }
    }
}

extension MotionExtractor.Heads {
    /// One pose per row.
    package var poses: [FacePose] {
        let count = scale.shape[0], bins = pitch.shape[1]
        let points = keypoints.reshaped([count, keypoints.shape[1] / 3, 3]).keypointSets
        let translations = translation.reshaped([1, count, 3]).keypointSets[0]
        return (0..<count).map { row in
            let angle = { (scores: Tensor<Float>) in
                AngleBins.degrees(scores.buffer[row * bins..<(row + 1) * bins])
            }
            return FacePose(
                keypoints: points[row], degrees: SIMD3(angle(pitch), angle(yaw), angle(roll)),
                translation: translations[row], scale: scale.buffer[row])
        }
    }
}
