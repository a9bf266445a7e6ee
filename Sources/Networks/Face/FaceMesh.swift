import Glibc
import Layers
import Tensors

/// Places 468 points on a face: MediaPipe's face mesh (arXiv 1907.06724).
///
/// Weights: `face_landmark.tflite`, whose layers keep their names.
package final class FaceMesh {
    /// Rows and columns of the picture that it looks at.
    package static let inputSize = 192
    package static let pointCount = 468
    /// Sides of its picture by sides of the face's box, as it was trained.
    package static let margin: Float = 1.5

    /// What it sees in one picture.
    package struct Reading: Sendable {
        /// In pixels of the picture; z grows away from the viewer, in the same unit.
        package var points: [SIMD3<Float>]
        /// How sure it is that this is a face at all, 0...1.
        package var certainty: Float
    }

    /// A depthwise layer, one of single pixels, the way around both, and slopes.
    private struct Block {
        let spread, mix: Convolution
        let slopes: Tensor<Float>
        let stride: Int

        /// - Parameters:
        ///   - layer: the numbers of the three in the file.
        init(
            from weights: Checkpoint, _ layer: (spread: Int, mix: Int, slopes: Int), _ from: Int,
            _ to: Int, stride: Int = 1
        ) throws(CheckpointError) {
            spread = try Convolution(
                from: weights.scope("depthwise_conv2d_\(layer.spread)"), from, from, kernel: 3,
                stride: stride, padding: stride == 2 ? .bottomRight(1) : .all(1), groups: from)
            mix = try Convolution(
                from: weights.scope("conv2d_\(layer.mix)"), from, to, kernel: 1)
            slopes = try weights.tensor("p_re_lu_\(layer.slopes).weight", [to])
            self.stride = stride
        }

        func callAsFunction(_ x: Tensor<Float>) -> Tensor<Float> {
            let around = (stride == 2 ? x.maxPooled2() : x).widened(channels: slopes.count)
            return mix(spread(x), adding: around).rectified(slopes: slopes)
        }
    }

    /// The end of the network for one of its two answers, from a map of 6 × 6 on.
    private struct Head {
        let blocks: [Block]
        let narrowing: Convolution
        let slopes: Tensor<Float>
        let last: Block
        let answer: Convolution

        func callAsFunction(_ x: Tensor<Float>) -> Tensor<Float> {
            let narrow = narrowing(blocks.reduce(x) { $1($0) }).rectified(slopes: slopes)
            return answer(last(narrow))
        }
    }

    private let stem: Convolution
    private let stemSlopes: Tensor<Float>
    private let blocks: [Block]
    private let mesh, certainty: Head

    /// Channels after each block of the trunk, and which of them halve the map.
    private static let widths = [16, 16, 32, 32, 32, 64, 64, 64, 128, 128, 128, 128, 128, 128]
    private static let halving: Set<Int> = [2, 5, 8, 11]

    package init(from weights: Checkpoint) throws(CheckpointError) {
        stem = try Convolution(
            from: weights.scope("conv2d_1"), 3, 16, kernel: 3, stride: 2, padding: .bottomRight(1))
        stemSlopes = try weights.tensor("p_re_lu_1.weight", [16])
        var blocks: [Block] = [], channels = 16
        for (index, width) in Self.widths.enumerated() {
            let layer = (spread: index + 1, mix: index + 2, slopes: index + 2)
            blocks.append(
                try Block(
                    from: weights, layer, channels, width,
                    stride: Self.halving.contains(index) ? 2 : 1))
            channels = width
        }
        self.blocks = blocks
        mesh = Head(
            blocks: [
                try Block(from: weights, (15, 16, 16), 128, 128, stride: 2),
                try Block(from: weights, (16, 17, 17), 128, 128),
                try Block(from: weights, (17, 18, 18), 128, 128),
            ],
            narrowing: try Convolution(from: weights.scope("conv2d_19"), 128, 32, kernel: 1),
            slopes: try weights.tensor("p_re_lu_19.weight", [32]),
            last: try Block(from: weights, (18, 20, 20), 32, 32),
            answer: try Convolution(
                from: weights.scope("conv2d_21"), 32, 3 * Self.pointCount, kernel: 3))
        certainty = Head(
            blocks: [try Block(from: weights, (23, 28, 26), 128, 128, stride: 2)],
            narrowing: try Convolution(from: weights.scope("conv2d_29"), 128, 32, kernel: 1),
            slopes: try weights.tensor("p_re_lu_27.weight", [32]),
            last: try Block(from: weights, (24, 30, 28), 32, 32),
            answer: try Convolution(from: weights.scope("conv2d_31"), 32, 1, kernel: 3))
    }

    /// The network's own two answers: points `[468, 3]` in pixels, and a logit.
    ///
    /// - Parameter picture: `[1, 192, 192, 3]` in 0...1, the face upright in two thirds of it.
    package func raw(_ picture: Tensor<Float>) -> (points: Tensor<Float>, logit: Float) {
        let trunk = blocks.reduce(stem(picture).rectified(slopes: stemSlopes)) { $1($0) }
        return (
            mesh(trunk).reshaped([Self.pointCount, 3]), certainty(trunk).buffer[0]
        )
    }

    /// - Parameter picture: `[1, 192, 192, 3]` in 0...1, the face upright in two thirds of it.
    package func callAsFunction(_ picture: Tensor<Float>) -> Reading {
        let (points, logit) = raw(picture)
        return Reading(
            points: points.reshaped([1, Self.pointCount, 3]).keypointSets[0],
            certainty: 1 / (1 + exp(-max(min(logit, 80), -80))))
    }
}
