import Kernels
import Tensors

/// A product of token rows with a matrix in panels, which needs AVX-512 or AVX2.
///
/// Narrow weights are kept as halves where the processor multiplies such (AVX512-FP16), 1.6 times as fast
/// as F32; a product's error is then 1.0e-3 of its norm. Where it multiplies BF16 (AVX512-BF16), rows are
/// rounded to that too, and a product is 1.9 to 2.0 times as fast as F32 (210 against 108 GFLOP/s a core,
/// Zen 4), with an error of 2.1e-3. Elsewhere weights are BF16, widened on the way, with an error of 1.5e-3.
struct PackedProduct {
    private let inChannels, outChannels: Int
    private let weights: PackedWeights

    /// Whether this processor can, and so many columns fit.
    static func suits(outChannels: Int) -> Bool { isAvailable && outChannels % 16 == 0 }

    private static let isAvailable = kernel_product_works()

    /// Rows below which the cores share the columns: each then reads only its part of the matrix.
    static let fewRows = 512

    /// - Parameter weight: `[out, in]`, further axes being 1.
    init(_ weight: Tensor<Float>, precision: WeightStorage.Precision) {
        let (o, i) = (weight.shape[0], weight.shape[1])
        (outChannels, inChannels) = (o, i)
        let format = PackedWeights.format(precision, in: i, out: o)
        weights = PackedWeights(weight, as: format, copies: 1) { scale, bytes in
            Compute.parallel(Int(kernel_product_panels(Int64(o), format))) { panels in
                kernel_product_pack(
                    weight.pointer, Int64(i), Int64(o), scale, Int64(panels.lowerBound),
                    Int64(panels.upperBound), bytes, format)
            }
        }
    }

    /// `[rows, out]` from `[rows, in]`.
    func run(
        _ x: Tensor<Float>, bias: Tensor<Float>?, added: Tensor<Float>?, _ activation: Activation,
        into y: Tensor<Float>
    ) {
        let rows = x.count / inChannels
        let panels = Int(kernel_product_panels(Int64(outChannels), weights.format))
        guard rows < Self.fewRows && panels >= Compute.cores else {
            return Compute.parallel(rows, grain: 132) {
                run($0, of: x, bias: bias, added: added, activation, into: y)
            }
        }
        var product = product(x, bias, y, stride: outChannels)
        product.added = added.map { UnsafePointer($0.pointer) }
        product.after = Int32(activation.kernel.rawValue)
        let fixed = product
        // The tensors behind the pointers must outlive the work.
        withExtendedLifetime((x, weights, bias, added, y)) {
            Compute.parallel(panels) { range in
                weights.lend(to: fixed) {
                    kernel_product_run(
                        $0, 0, Int64(rows), Int64(range.lowerBound), Int64(range.upperBound))
                }
            }
        }
    }

    /// Some rows of `[rows, out]` from those of `[rows, in]`, in the calling thread.
    func run(
        _ rows: Range<Int>, of x: Tensor<Float>, bias: Tensor<Float>?, added: Tensor<Float>?,
        _ activation: Activation, into y: Tensor<Float>
    ) {
        var product = product(x, bias, y, stride: outChannels)
        product.added = added.map { UnsafePointer($0.pointer) }
        product.after = Int32(activation.kernel.rawValue)
        withExtendedLifetime((x, bias, added, y)) {
            weights.lend(to: product) {
                kernel_product_run(
                    $0, Int64(rows.lowerBound), Int64(rows.upperBound), 0,
                    kernel_product_panels(Int64(outChannels), weights.format))
            }
        }
    }

    /// Whether ``gate(_:of:bias:into:)`` works with so many columns.
    var canGate: Bool {
        var product = weights.product
        (product.in_channels, product.out_channels) = (Int64(inChannels), Int64(outChannels))
        return kernel_product_can_gate(&product)
    }

    /// Some rows of `[rows, out]`, their first half times GELU of their second, to the front of
    /// `[.., out / 2]`, in the calling thread.
    func gate(
        _ rows: Range<Int>, of x: Tensor<Float>, bias: Tensor<Float>?, into y: Tensor<Float>
    ) {
        var product = product(x, bias, y, stride: outChannels / 2)
        product.x += rows.lowerBound * inChannels
        withExtendedLifetime((x, bias, y)) {
            weights.lend(to: product) { kernel_product_gate($0, 0, Int64(rows.count)) }
        }
    }

    private func product(
        _ x: Tensor<Float>, _ bias: Tensor<Float>?, _ y: Tensor<Float>, stride: Int
    ) -> kernel_product {
        var product = weights.product
        product.x = UnsafePointer(x.pointer)
        product.x_stride = Int64(inChannels)
        (product.in_channels, product.out_channels) = (Int64(inChannels), Int64(outChannels))
        (product.y, product.y_stride) = (y.pointer, Int64(stride))
        product.bias = bias.map { UnsafePointer($0.pointer) }
        return product
    }
}
