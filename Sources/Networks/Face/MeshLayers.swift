import Layers
import Tensors

/// Reads the layers of the face mesh in the order in which its file counts them.
///
/// Depthwise layers are counted apart from all others, whose numbers the slopes share:
/// `depthwise_conv2d_3` is followed by `conv2d_4` and `p_re_lu_4`.
struct MeshLayers {
    private let weights: Checkpoint
    private var depthwise = 0, other = 0

    init(_ weights: Checkpoint) { self.weights = weights }

    /// One convolution, and slopes.
    struct Rectified {
        fileprivate let layer: Convolution
        fileprivate let slopes: Tensor<Float>

        func callAsFunction(
            _ x: Tensor<Float>, adding around: Tensor<Float>? = nil
        ) -> Tensor<Float> {
            layer(x, adding: around).rectified(slopes: slopes)
        }
    }

    /// A depthwise layer, one of single pixels, and the way around both.
    struct Block {
        fileprivate let spread: Convolution
        fileprivate let mix: Rectified
        fileprivate let stride: Int

        func callAsFunction(_ x: Tensor<Float>) -> Tensor<Float> {
            let around = (stride == 2 ? x.maxPooled2() : x).widened(channels: mix.slopes.count)
            return mix(spread(x), adding: around)
        }
    }

    /// A convolution whose stride is 1 for a kernel of one pixel, and otherwise 2.
    mutating func rectified(
        _ from: Int, _ to: Int, kernel: Int
    ) throws(CheckpointError) -> Rectified {
        // TensorFlow's "same" padding puts what is odd at the bottom and the right.
        let layer = try Convolution(
            from: weights.scope(Self.name("conv2d", other)), from, to, kernel: kernel,
            stride: kernel == 1 ? 1 : 2, padding: kernel == 1 ? .none : .bottomRight(1))
        let slopes = try weights.tensor(Self.name("p_re_lu", other) + ".weight", [to])
        other += 1
        return Rectified(layer: layer, slopes: slopes)
    }

    /// A block for each of some widths.
    ///
    /// - Parameter halving: the blocks that halve the map.
    mutating func blocks(
        _ from: Int, widths: [Int], halving: Set<Int>
    ) throws(CheckpointError) -> [Block] {
        var blocks: [Block] = [], channels = from
        for (index, width) in widths.enumerated() {
            let stride = halving.contains(index) ? 2 : 1
            let spread = try Convolution(
                from: weights.scope(Self.name("depthwise_conv2d", depthwise)), channels, channels,
                kernel: 3, stride: stride, padding: stride == 2 ? .bottomRight(1) : .all(1),
                groups: channels)
            depthwise += 1
            let mix = try rectified(channels, width, kernel: 1)
            blocks.append(Block(spread: spread, mix: mix, stride: stride))
            channels = width
        }
        return blocks
    }

    /// Fewer channels, and one more block: what answers are read from.
    mutating func head(
        _ from: Int
    ) throws(CheckpointError) -> (narrowing: Rectified, last: Block) {
        (
            try rectified(from, Self.headWidth, kernel: 1),
            try blocks(Self.headWidth, widths: [Self.headWidth], halving: [])[0]
        )
    }

    /// A layer that takes in all of the map that a head leaves, and answers with some numbers.
    func answer(
        _ name: String, _ count: Int, kernel: Int
    ) throws(CheckpointError) -> Convolution {
        try Convolution(from: weights.scope(name), Self.headWidth, count, kernel: kernel)
    }

    private static let headWidth = 32

    private static func name(_ kind: String, _ number: Int) -> String {
        number == 0 ? kind : "\(kind)_\(number)"
    }
}
