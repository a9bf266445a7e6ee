import Kernels
import Tensors

/// A product of token rows with a matrix in panels, kept as F32 or as BF16 that is widened on the way.
///
/// Arithmetic is F32: with AVX-512 alone, the processor's own BF16 products (`vdpbf16ps`) reach half
/// the rate of its F32 ones (75 against 155 GFLOP/s per core). Needs AVX-512.
struct PackedProduct {
    private let inChannels, outChannels: Int
    private let isNarrow: Bool
    private let packed: Tensor<UInt8>

    /// Whether this processor can, and so many columns fit.
    static func suits(outChannels: Int) -> Bool { isAvailable && outChannels % 16 == 0 }

    private static let isAvailable = kernel_product_works()

    /// Rows below which the cores share the columns: each then reads only its part of the matrix.
    static let fewRows = 512

    /// - Parameter weight: `[out, in]`, further axes being 1.
    init(_ weight: Tensor<Float>, precision: WeightStorage.Precision) {
        (outChannels, inChannels) = (weight.shape[0], weight.shape[1])
        let isNarrow = precision == .bfloat16
        self.isNarrow = isNarrow
        let bytes = Tensor<UInt8>(uninitialized: [(isNarrow ? 2 : 4) * weight.count])
        let (o, i) = (Int64(outChannels), Int64(inChannels))
        Compute.parallel(Int(kernel_product_panels(o))) { panels in
            kernel_product_pack(
                weight.pointer, i, o, Int64(panels.lowerBound), Int64(panels.upperBound),
                bytes.pointer, isNarrow)
        }
        packed = bytes
    }

    /// `[rows, out]` from `[rows, in]`.
    func run(
        _ x: Tensor<Float>, bias: Tensor<Float>?, added: Tensor<Float>?, _ activation: Activation,
        into y: Tensor<Float>
    ) {
        let rows = x.count / inChannels, panels = Int(kernel_product_panels(Int64(outChannels)))
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
        withExtendedLifetime((x, packed, bias, added, y)) {
            Compute.parallel(panels) { range in
                withUnsafePointer(to: fixed) {
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
        withExtendedLifetime((x, packed, bias, added, y)) {
            kernel_product_run(
                &product, Int64(rows.lowerBound), Int64(rows.upperBound), 0,
                kernel_product_panels(Int64(outChannels)))
        }
    }

    /// Whether ``gate(_:of:bias:into:)`` works with so many columns.
    var canGate: Bool { kernel_product_can_gate(Int64(outChannels)) }

    /// Some rows of `[rows, out]`, their first half times GELU of their second, to the front of
    /// `[.., out / 2]`, in the calling thread.
    func gate(
        _ rows: Range<Int>, of x: Tensor<Float>, bias: Tensor<Float>?, into y: Tensor<Float>
    ) {
        var product = product(x, bias, y, stride: outChannels / 2)
        product.x += rows.lowerBound * inChannels
        withExtendedLifetime((x, packed, bias, y)) {
            kernel_product_gate(&product, 0, Int64(rows.count))
        }
    }

    private func product(
        _ x: Tensor<Float>, _ bias: Tensor<Float>?, _ y: Tensor<Float>, stride: Int
    ) -> kernel_product {
        kernel_product(
            x: x.pointer, x_stride: Int64(inChannels), packed: packed.pointer, is_bfloat: isNarrow,
            in_channels: Int64(inChannels), out_channels: Int64(outChannels), y: y.pointer,
            y_stride: Int64(stride), bias: bias?.pointer, added: nil, after: 0)
    }
}
