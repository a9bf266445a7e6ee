import Kernels
import Tensors

/// Matrices in the order in which products read them, in one of the formats that they multiply.
struct PackedWeights {
    let format: kernel_format
    private let scale: Float
    private let bytes: Tensor<UInt8>

    /// What weights of a precision are kept as, where products have so many columns.
    static func format(
        _ precision: WeightStorage.Precision, outChannels: Int
    ) -> kernel_format {
        guard precision == .bfloat16 else { return KERNEL_FLOAT }
        return hasHalves && outChannels % 32 == 0 ? KERNEL_HALF : KERNEL_BFLOAT
    }

    private static let hasHalves = kernel_half_works()

    /// Packs weights.
    ///
    /// - Parameters:
    ///   - copies: numbers kept for each weight, as a fraction of `per`.
    ///   - pack: fills the memory with the weights multiplied by a number.
    init(
        _ weights: Tensor<Float>, as format: kernel_format, copies: Int, per: Int = 1,
        _ pack: (Float, UnsafeMutableRawPointer) -> Void
    ) {
        self.format = format
        let factor = kernel_product_scale(weights.pointer, Int64(weights.count), format)
        let size = format == KERNEL_FLOAT ? 4 : 2
        let bytes = Tensor<UInt8>(uninitialized: [weights.count / per * copies * size])
        pack(factor, UnsafeMutableRawPointer(bytes.pointer))
        (scale, self.bytes) = (1 / factor, bytes)
    }

    /// Bytes of all of them.
    var byteCount: Int { bytes.count }

    /// A product by them, all else being empty.
    var product: kernel_product {
        var product = kernel_product()
        product.packed = UnsafeRawPointer(bytes.pointer)
        (product.format, product.scale) = (format, scale)
        return product
    }

    /// Runs `body` with a product that has memory of its own for what the calling thread needs.
    func lend(to product: kernel_product, _ body: (UnsafePointer<kernel_product>) -> Void) {
        let size = Int(kernel_product_scratch(format))
        let scratch = size > 0 ? BufferPool.memory(byteCount: size) : nil
        var product = product
        product.scratch = scratch?.base
        withExtendedLifetime((bytes, scratch)) { withUnsafePointer(to: product, body) }
    }
}
