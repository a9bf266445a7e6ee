import Kernels
import Tensors

/// The 3 × 3 convolution of one layer by Winograd's method, with a quarter of the multiplications on
/// tiles of 4 × 4 results and four ninths on tiles of 2 × 2.
///
/// Its weights take four times the memory, or 16 / 9 of it. What is read can be normalised, activated or
/// doubled on the way, and what is written gets bias, residual and activation, so that no further pass
/// over the image is needed. Against oneDNN's direct convolution on one core of a busy AVX-512 machine,
/// by processor time: 2.4-3.1 times as fast with 256 channels at 256 × 256, 1.7-2.3 times with 128 at
/// 512 × 512, 2.2-2.7 times with 64 there. On a core with AVX2 whose multiply-adds end at 45 GFLOP/s it
/// does the work of 104 (64 channels at 128 × 128) to 136 (640 at 32 × 32), where oneDNN's direct
/// convolutions did 28. Repeat with `personalive-bench networks`.
struct Winograd {
    /// What happens to the image while it is read.
    struct Reading {
        /// Factors and offsets `[n, 2, in]` and what follows them.
        var factors: Tensor<Float>?
        var activation = Activation.none
        /// Every pixel stands for 2 × 2.
        var doubles = false
    }

    private let inChannels, outChannels, side: Int
    private let weights: PackedWeights

    /// Weights that fit a core's cache are multiplied tile group by tile group, each core for itself;
    /// larger ones are divided among the cores, which then work on the same tiles.
    private var sharesTiles: Bool { weights.byteCount > 4 << 20 }

    /// Tiles that go through together: all they need stays in the cache, and weights are read anew
    /// for each group. 96 and 192 were best or near it from 64 to 1280 channels.
    private var group: Int { sharesTiles ? 192 : 96 }

    /// Rows and columns of the tiles with which a layer gains on images of `h` rows and `w` columns,
    /// or nil where it does not.
    ///
    /// The smaller the image, the more the weights count, which are read once for each: at 16 × 16 a
    /// UNet's 1280 channels with large tiles would read, and keep, 5.5 GB.
    static func tileSide(
        in inChannels: Int, out outChannels: Int, _ h: Int, _ w: Int,
        precision: WeightStorage.Precision = .float32
    ) -> Int? {
        guard isAvailable, inChannels % 16 == 0, outChannels % 16 == 0, h * w >= 64 else {
            return nil
        }
        // Large tiles multiply the error of narrow weights by six, small ones hardly.
        guard precision == .float32 else { return 2 }
        return h * w >= 1024 || h * w >= 256 && inChannels * outChannels <= 320 * 320 ? 4 : 2
    }

    private static let isAvailable = kernel_winograd_works()

    /// - Parameters:
    ///   - weight: `[out, in, 3, 3]`.
    ///   - side: rows and columns of a tile of results, 4 or 2.
    ///   - precision: what the frequencies are kept as.
    init(_ weight: Tensor<Float>, side: Int, precision: WeightStorage.Precision = .float32) {
        (outChannels, inChannels) = (weight.shape[0], weight.shape[1])
        self.side = side
        let (o, i) = (outChannels, inChannels)
        let format = PackedWeights.format(precision, in: i, out: o)
        let frequencies = Int(kernel_winograd_frequencies(Int64(side)))
        weights = PackedWeights(weight, as: format, copies: frequencies, per: 9) { scale, bytes in
            Compute.parallel(i) { range in
                kernel_winograd_weights(
                    weight.pointer, Int64(i), Int64(o), Int64(side), scale,
                    Int64(range.lowerBound), Int64(range.upperBound), bytes, format)
            }
        }
    }

    /// `y` `[n, h, w, out]` from `x` `[n, h, w, in]`, or half the rows and columns when it is doubled.
    func run(
        _ x: Tensor<Float>, _ reading: Reading, bias: Tensor<Float>?, added: Tensor<Float>?,
        _ activation: Activation, into y: Tensor<Float>
    ) {
        let shape = kernel_winograd(
            x: x.pointer, h: Int64(y.shape[1]), w: Int64(y.shape[2]),
            in_channels: Int64(inChannels), out_channels: Int64(outChannels), side: Int64(side),
            doubles: reading.doubles, factors: reading.factors?.pointer,
            before: Int32(reading.activation.kernel.rawValue),
            after: Int32(activation.kernel.rawValue), bias: bias?.pointer, added: added?.pointer,
            y: y.pointer)
        let tiles = y.shape[0] * Int(kernel_winograd_tiles(shape.h, shape.w, shape.side))
        // The tensors behind the pointers must outlive the work.
        withExtendedLifetime((x, reading, bias, added, y)) {
            if sharesTiles { together(shape, tiles) } else { apart(shape, tiles) }
        }
    }

    /// Each core takes some tiles through all three steps.
    private func apart(_ shape: kernel_winograd, _ tiles: Int) {
        Compute.parallel(tiles, grain: max(1, min(group, tiles / Compute.cores))) { range in
            let work = Work(shape, weights, tiles: min(group, range.count))
            for first in stride(from: range.lowerBound, to: range.upperBound, by: group) {
                let tiles = first..<min(first + group, range.upperBound)
                work.read(tiles, of: tiles.lowerBound)
                work.multiply(tiles.count, 0..<work.units)
                work.write(tiles, of: tiles.lowerBound)
            }
        }
    }

    /// All cores take the same tiles through each step.
    private func together(_ shape: kernel_winograd, _ tiles: Int) {
        let work = Work(shape, weights, tiles: min(group, tiles))
        for first in stride(from: 0, to: tiles, by: group) {
            let count = min(group, tiles - first)
            Compute.parallel(count) {
                work.read(first + $0.lowerBound..<first + $0.upperBound, of: first)
            }
            Compute.parallel(work.units) { work.multiply(count, $0) }
            Compute.parallel(count) {
                work.write(first + $0.lowerBound..<first + $0.upperBound, of: first)
            }
        }
    }

    /// A convolution and the memory of one group of tiles on its way.
    private struct Work {
        private let shape: kernel_winograd
        private let weights: PackedWeights
        private let input, output: Tensor<Float>
        private let inputStride, outputStride: Int64

        /// How many pieces a product has.
        var units: Int { withUnsafePointer(to: shape) { Int(kernel_winograd_units($0, weights.format)) } }

        init(_ shape: kernel_winograd, _ weights: PackedWeights, tiles: Int) {
            (self.shape, self.weights) = (shape, weights)
            inputStride = kernel_winograd_stride(Int64(tiles), shape.in_channels)
            outputStride = kernel_winograd_stride(Int64(tiles), shape.out_channels)
            let frequencies = Int(kernel_winograd_frequencies(shape.side))
            input = Tensor(pooled: [frequencies, Int(inputStride)])
            output = Tensor(pooled: [frequencies, Int(outputStride)])
        }

        /// Tiles to frequencies.
        func read(_ tiles: Range<Int>, of first: Int) {
            withUnsafePointer(to: shape) { shape in
                let strip = Tensor<Float>(pooled: [Int(kernel_winograd_strip(shape))])
                withExtendedLifetime(strip) {
                    kernel_winograd_input(
                        shape, Int64(tiles.lowerBound), Int64(tiles.upperBound), Int64(first),
                        input.pointer, inputStride, strip.pointer)
                }
            }
        }

        /// Some pieces of the product of all frequencies.
        func multiply(_ tiles: Int, _ units: Range<Int>) {
            withUnsafePointer(to: shape) { shape in
                var product = weights.product
                product.in_channels = shape.pointee.in_channels
                weights.lend(to: product) {
                    kernel_winograd_multiply(
                        shape, $0, Int64(tiles), Int64(units.lowerBound), Int64(units.upperBound),
                        input.pointer, inputStride, output.pointer, outputStride)
                }
            }
        }

        /// Frequencies to results.
        func write(_ tiles: Range<Int>, of first: Int) {
            withUnsafePointer(to: shape) { shape in
                kernel_winograd_output(
                    shape, Int64(tiles.lowerBound), Int64(tiles.upperBound), Int64(first),
                    output.pointer, outputStride)
            }
        }
    }
}
