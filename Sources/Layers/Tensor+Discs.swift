import ExactKernels
import Tensors

extension Tensor<Float> {
    /// Black canvases, `[sets, size, size, 3]`, with a disc of 49 pixels around every point.
    ///
    /// Where discs overlap their colours add up, to 1 at most.
    ///
    /// - Parameters:
    ///   - points: column and row, `[sets, count, 2]`; may lie off the canvas.
    ///   - colours: RGB in 0...1 of each point, one after the other.
    package init(discsAt points: Tensor<Int32>, colours: [Float], size: Int) {
        let (sets, count) = (points.shape[0], points.shape[1])
        precondition(colours.count == 3 * count, "\(colours.count / 3) colours for \(count) discs")
        self.init(uninitialized: [sets, size, size, 3])
        for set in 0..<sets {
            exact_draw_discs(
                points.pointer + set * count * 2, colours, Int32(count), Int32(size),
                pointer + set * size * size * 3)
        }
    }
}
