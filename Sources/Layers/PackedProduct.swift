import Kernels
import Tensors

/// A product of token rows with a matrix that is kept as BF16 and widened on the way.
///
/// Arithmetic is F32: with AVX-512 alone, the processor's own BF16 products (`vdpbf16ps`) reach half
/// the rate of its F32 ones (75 against 155 GFLOP/s per core).
struct PackedProduct {
    private let inChannels, outChannels: Int
    private let packed: Tensor<UInt8>

    /// Whether this processor can, and so many columns fit.
    static func suits(outChannels: Int) -> Bool { isAvailable && outChannels % 16 == 0 }

    private static let isAvailable = kernel_product_works()

    /// - Parameter weight: `[out, in]`, further axes being 1.
    init(_ weight: Tensor<Float>) {
        (outChannels, inChannels) = (weight.shape[0], weight.shape[1])
        let bytes = Tensor<UInt8>(uninitialized: [2 * weight.count])
        let (o, i) = (Int64(outChannels), Int64(inChannels))
        Compute.parallel(Int(kernel_product_panels(o))) { panels in
            kernel_product_pack(
                weight.pointer, i, o, Int64(panels.lowerBound), Int64(panels.upperBound),
                bytes.pointer, true)
        }
        packed = bytes
    }

    /// `[rows, out]` from `[rows, in]`.
    func run(
        _ x: Tensor<Float>, bias: Tensor<Float>?, added: Tensor<Float>?, _ activation: Activation,
        into y: Tensor<Float>
    ) {
        let product = kernel_product(
            x: x.pointer, x_stride: Int64(inChannels), packed: packed.pointer, is_bfloat: true,
            in_channels: Int64(inChannels), out_channels: Int64(outChannels), y: y.pointer,
            y_stride: Int64(outChannels), bias: bias?.pointer, added: added?.pointer,
            after: Int32(activation.kernel.rawValue))
        let rows = x.count / inChannels, panels = Int(kernel_product_panels(Int64(outChannels)))
        // Each core widens what it multiplies: with few rows they share the panels, not the rows.
        let sharesPanels = rows < 512 && panels >= Compute.cores
        // The tensors behind the pointers must outlive the work.
        withExtendedLifetime((x, packed, bias, added, y)) {
            Compute.parallel(sharesPanels ? panels : rows) { range in
                let all = Int64(sharesPanels ? rows : panels)
                let (from, to) = (Int64(range.lowerBound), Int64(range.upperBound))
                withUnsafePointer(to: product) {
                    if sharesPanels {
                        kernel_product_run($0, 0, all, from, to)
                    } else {
                        kernel_product_run($0, from, to, 0, all)
                    }
                }
            }
        }
    }
}
