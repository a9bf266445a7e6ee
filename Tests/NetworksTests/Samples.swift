import Tensors

/// Numbers of a fixed stream, about normally distributed.
func sample(_ name: String, _ shape: [Int], scale: Float = 1) -> Tensor<Float> {
    SyntheticStream("test/" + name).gauss(shape, scale: scale)
}

extension Tensor<Float> {
    /// The largest difference to another tensor of this shape.
    func distance(to other: Tensor<Float>) -> Float {
        guard shape == other.shape else { return .infinity }
        return zip(array, other.array).reduce(0) { Swift.max($0, abs($1.0 - $1.1)) }
    }
}
