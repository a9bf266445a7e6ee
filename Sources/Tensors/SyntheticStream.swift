import ExactKernels

/// Numbers computed from a name: the same bits on every machine, in any order.
///
/// The stream is a splitmix64 over a counter that starts at the FNV-1a hash of the name, so element
/// `i` is known without those before it.
package struct SyntheticStream: Sendable {
    private let hash: UInt64

    package init(_ name: String) {
        var name = name
        hash = name.withUTF8 { exact_fnv1a($0.baseAddress, $0.count) }
    }

    /// Element `i` of the raw stream.
    package func bits(_ i: Int) -> UInt64 { exact_bits(hash, UInt64(i)) }

    /// Numbers spread evenly over -1..<1 (variance 1/3), times `scale`, plus `offset`.
    package func unit(
        _ shape: [Int], scale: Float = 1, offset: Float? = nil, from first: Int = 0
    ) -> Tensor<Float> {
        let tensor = Tensor<Float>(uninitialized: shape)
        if let offset {
            exact_unit_offset(hash, UInt64(first), tensor.count, scale, offset, tensor.pointer)
        } else {
            exact_unit(hash, UInt64(first), tensor.count, scale, tensor.pointer)
        }
        return tensor
    }

    /// Bell-shaped numbers in -3..<3 (mean 0, variance 1), times `scale`.
    package func gauss(_ shape: [Int], scale: Float = 1, from first: Int = 0) -> Tensor<Float> {
        let tensor = Tensor<Float>(uninitialized: shape)
        exact_gauss(hash, UInt64(first), tensor.count, scale, tensor.pointer)
        return tensor
    }

    /// Normal numbers (Box-Muller, so mean 0, variance 1 and up to 8.6 deviations far).
    package func normal(_ shape: [Int]) -> Tensor<Float> {
        let tensor = Tensor<Float>(uninitialized: shape)
        exact_normal(hash, tensor.count, tensor.pointer)
        return tensor
    }

    /// A smooth RGB picture, `[height, width, 3]`, of `cells` × `cells` colour patches.
    package static func image(
        _ name: String, height: Int, width: Int, cells: Int
    ) -> Tensor<UInt8> {
        smooth(SyntheticStream(name), nil, 8, height, width, cells)
    }

    /// One picture of a smooth film: a new pattern every eight frames, blended in between.
    package static func frame(
        _ name: String, time: Int, height: Int, width: Int, cells: Int
    ) -> Tensor<UInt8> {
        let period = 8
        let now = SyntheticStream("\(name)#\(time / period)")
        let next = SyntheticStream("\(name)#\(time / period + 1)")
        return smooth(now, next, period - time % period, height, width, cells)
    }

    private static func smooth(
        _ now: SyntheticStream, _ next: SyntheticStream?, _ weight: Int,
        _ height: Int, _ width: Int, _ cells: Int
    ) -> Tensor<UInt8> {
        let image = Tensor<UInt8>(uninitialized: [height, width, 3])
        exact_smooth_image(
            now.hash, next?.hash ?? 0, Int32(weight), Int32(height), Int32(width), Int32(cells),
            image.pointer)
        return image
    }
}
