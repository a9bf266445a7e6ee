import Layers
import Tensors

/// Draws seven of the keypoints as coloured discs: all that the pose guider sees of a pose.
package struct KeypointDrawing: Sendable {
    /// Rows and columns of the square canvas.
    package let size: Int
    /// Into how many parts a pixel is divided each way. The published model draws on 512 × 512 pixels; on
    /// 128 × 128 a head that turns slowly would jump from pixel to pixel, and its picture with it.
    package let finer: Int

    /// The points that are drawn, of 21: those that follow the head and not the expression.
    package static let drawn = [1, 2, 3, 4, 12, 15, 20]
    /// RGB of each, 0...255.
    private static let colours: [[Float]] = [
        [255, 0, 0], [255, 255, 0], [0, 255, 0], [0, 255, 255], [0, 0, 255], [255, 0, 255],
        [255, 0, 85],
    ]

    package init(size: Int, finer: Int = 1) { (self.size, self.finer) = (size, finer) }

    /// Column and row of each drawn point in parts of a pixel, as `[sets, 7, 2]`; they may lie off the
    /// canvas.
    package func points(_ sets: [[SIMD3<Float>]]) -> Tensor<Int32> {
        let numbers = sets.flatMap { set in
            Self.drawn.flatMap { [pixel(set[$0].x), pixel(set[$0].y)] }
        }
        return Tensor(numbers, shape: [sets.count, Self.drawn.count, 2])
    }

    /// One canvas per set, `[sets, size, size, 3]` in 0...1.
    package func callAsFunction(_ sets: [[SIMD3<Float>]]) -> Tensor<Float> {
        Tensor(
            discsAt: points(sets), colours: Self.colours.joined().map { $0 / 255 }, size: size,
            finer: finer)
    }

    /// From -1...1 to pixels, in binary32 and towards zero, as the networks were trained.
    private func pixel(_ x: Float) -> Int32 {
        let position = (x * 0.5 + 0.5) * Float(size * finer)
        // A point that is no number, or miles away, is off any canvas.
        guard position.isFinite else { return -1_000_000 }
        return Int32(min(max(position, -1_000_000), 1_000_000))
    }
}
