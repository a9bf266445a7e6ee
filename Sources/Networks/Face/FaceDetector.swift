import Glibc
import Layers
import Tensors

/// Finds faces in a picture: MediaPipe's short-range detector (BlazeFace, arXiv 1907.05047).
///
/// Weights: `face_detection_short_range.tflite`, whose layers keep their names.
package final class FaceDetector {
    /// Rows and columns of the picture that it looks at.
    package static let inputSize = 128

    /// A face in the picture that was looked at, in its pixels.
    package struct Found: Sendable, Equatable {
        /// Middle of the box, from brows to chin.
        package var center: SIMD2<Float>
        /// The box's sides.
        package var size: SIMD2<Float>
        /// Of the person: the right and the left eye.
        package var rightEye, leftEye: SIMD2<Float>
        /// 0...1.
        package var score: Float
    }

    /// A depthwise layer, one of single pixels, and the way around both.
    private struct Block {
        let spread, mix: Convolution
        let stride: Int
        let width: Int

        func callAsFunction(_ x: Tensor<Float>) -> Tensor<Float> {
            let around = (stride == 2 ? x.maxPooled2() : x).widened(channels: width)
            return mix(spread(x), adding: around)
        }
    }

    private let stem: Convolution
    private let blocks: [Block]
    private let fineScores, fineBoxes, coarseScores, coarseBoxes: Convolution

    /// Channels after each block, and which of them halve the map.
    private static let widths = [24, 28, 32, 36, 42, 48, 56, 64, 72, 80, 88, 96, 96, 96, 96, 96]
    private static let halving: Set<Int> = [2, 5, 11]
    /// The block whose map of 16 × 16 cells is looked at, too.
    private static let lastFine = 10

    package init(from weights: Checkpoint) throws(CheckpointError) {
        // TensorFlow's "same" padding puts what is odd at the bottom and the right.
        stem = try Convolution(
            from: weights.scope("conv2d"), 3, 24, kernel: 5, stride: 2,
            padding: Padding(top: 1, left: 1, bottom: 2, right: 2), activation: .relu)
        var blocks: [Block] = [], channels = 24
        for (index, width) in Self.widths.enumerated() {
            let stride = Self.halving.contains(index) ? 2 : 1
            let name = index == 0 ? "depthwise_conv2d" : "depthwise_conv2d_\(index)"
            blocks.append(
                Block(
                    spread: try Convolution(
                        from: weights.scope(name), channels, channels, kernel: 3, stride: stride,
                        padding: stride == 2 ? .bottomRight(1) : .all(1), groups: channels),
                    mix: try Convolution(
                        from: weights.scope("conv2d_\(index + 1)"), channels, width, kernel: 1,
                        activation: .relu), stride: stride, width: width))
            channels = width
        }
        self.blocks = blocks
        func head(_ name: String, _ from: Int, _ to: Int) throws(CheckpointError) -> Convolution {
            try Convolution(from: weights.scope(name), from, to, kernel: 1)
        }
        fineScores = try head("classificator_8", 88, 2)
        fineBoxes = try head("regressor_8", 88, 2 * 16)
        coarseScores = try head("classificator_16", 96, 6)
        coarseBoxes = try head("regressor_16", 96, 6 * 16)
    }

    /// What the network says of its 896 anchors.
    ///
    /// - Parameter picture: `[1, 128, 128, 3]` in -1...1.
    /// - Returns: logits `[896]`, and for each anchor 16 numbers `[896, 16]` in pixels from it: the
    ///   box's middle and size, then six points.
    package func raw(_ picture: Tensor<Float>) -> (logits: Tensor<Float>, boxes: Tensor<Float>) {
        var x = stem(picture), fine = x
        for (index, block) in blocks.enumerated() {
            x = block(x)
            if index == Self.lastFine { fine = x }
        }
        let logits = Tensor(
            fineScores(fine).array + coarseScores(x).array, shape: [Self.anchors.count])
        let boxes = Tensor(
            fineBoxes(fine).array + coarseBoxes(x).array, shape: [Self.anchors.count, 16])
        return (logits, boxes)
    }

    /// Centres of the cells of 16 × 16, two anchors each, then of 8 × 8, six anchors each, pixels.
    private static let anchors: [SIMD2<Float>] = [(16, 2), (8, 6)].flatMap { cells, copies in
        (0..<cells * cells * copies).map { index in
            let cell = index / copies, step = Float(inputSize / cells)
            return SIMD2((Float(cell % cells) + 0.5) * step, (Float(cell / cells) + 0.5) * step)
        }
    }

    /// Faces in a picture, the surest first; of those that share most of their place one is left.
    ///
    /// - Parameters:
    ///   - picture: `[1, 128, 128, 3]` in -1...1.
    ///   - least: scores below it do not count.
    package func faces(in picture: Tensor<Float>, least: Float) -> [Found] {
        let (logits, boxes) = raw(picture)
        let limit = log(least / (1 - least))
        let candidates = logits.buffer.indices.filter { logits.buffer[$0] >= limit }
            .sorted { logits.buffer[$0] > logits.buffer[$1] }
        var found: [Found] = []
        for index in candidates {
            let anchor = Self.anchors[index], row = boxes.pointer + 16 * index
            func point(_ at: Int) -> SIMD2<Float> { SIMD2(row[at], row[at + 1]) + anchor }
            let face = Found(
                center: point(0), size: SIMD2(row[2], row[3]), rightEye: point(4),
                leftEye: point(6), score: 1 / (1 + exp(-min(logits.buffer[index], 80))))
            let isNew = found.allSatisfy { $0.overlap(with: face) < 0.3 }
            if isNew && face.size.min() > 0 { found.append(face) }
        }
        return found
    }
}

extension FaceDetector.Found {
    /// What two boxes share of what they cover together, 0...1.
    package func overlap(with other: FaceDetector.Found) -> Float {
        let low = pointwiseMax(center - size / 2, other.center - other.size / 2)
        let high = pointwiseMin(center + size / 2, other.center + other.size / 2)
        let shared = pointwiseMax(high - low, SIMD2(0, 0))
        let both = shared.x * shared.y
        return both / max(size.x * size.y + other.size.x * other.size.y - both, 1e-6)
    }
}
