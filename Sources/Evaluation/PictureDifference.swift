import Kernels
import Media
import Tensors

/// How much two pictures of one size differ.
package struct PictureDifference: Sendable {
    /// The mean of the absolute differences of all bytes, 0...1.
    package let absolute: Double
    /// The mean of their squares, in bytes².
    package let squared: Double
    /// Structural similarity of the luma, up to 1; see `picture_similarity`.
    package let similarity: Double

    /// - Parameters:
    ///   - one: `[1, h, w, 3]`, as `other`.
    package init(_ one: Tensor<UInt8>, _ other: Tensor<UInt8>) {
        absolute = Self.absolute(one, other)
        squared = FilmComparison.squaredError(one, other)
        let (height, width) = (one.shape[1], one.shape[2])
        guard min(height, width) >= Self.leastSide else {
            similarity = .nan
            return
        }
        let scratch = Tensor<Float>(uninitialized: [61 * width])
        similarity = withExtendedLifetime((one.memory, other.memory, scratch.memory)) {
            picture_similarity(
                one.pointer, other.pointer, Int32(width), Int32(height), scratch.pointer)
        }
    }

    /// Rows and columns that structural similarity needs.
    package static let leastSide = Int(PICTURE_SIMILARITY_WINDOW)

    /// The mean of the absolute differences of all bytes, 0...1.
    static func absolute(_ one: Tensor<UInt8>, _ other: Tensor<UInt8>) -> Double {
        precondition(one.shape == other.shape, "cannot compare \(one.shape) to \(other.shape)")
        let sum = withExtendedLifetime((one.memory, other.memory)) {
            picture_absolute_difference(one.pointer, other.pointer, one.count)
        }
        return Double(sum) / Double(one.count) / 255
    }
}
