import Glibc
import Kernels
import Tensors

/// Matrices in the order in which products read them, in one of the formats that they multiply.
struct PackedWeights {
    let format: kernel_format
    private let scale: Float
    private let bytes: Tensor<UInt8>

    /// What weights of a precision are kept as, where products have so many columns.
    static func format(
        _ precision: WeightStorage.Precision, in inChannels: Int, out outChannels: Int
    ) -> kernel_format {
        guard precision == .bfloat16 else { return KERNEL_FLOAT }
        if hasHalves && outChannels % 32 == 0 { return KERNEL_HALF }
        return pairsPay && inChannels % 2 == 0 ? KERNEL_PAIR : KERNEL_BFLOAT
    }

    /// Whether this processor multiplies BF16 faster than F32.
    static var narrowPays: Bool { hasHalves || pairsPay }

    private static let hasHalves = kernel_half_works()

    /// Whether products of pairs of BF16 are at least 1.3 times as fast as those of BF16 that is widened, by a
    /// trial of a millisecond. Processors have twice the rate or the same, so every process finds the same.
    static let pairsPay: Bool = {
        guard kernel_pairs_work() else { return false }
        // The best of each, in turn: a neighbour on the core that comes or goes meanwhile slows both.
        let (widened, paired) = (trial(of: KERNEL_BFLOAT), trial(of: KERNEL_PAIR))
        let times = (0..<15).map { _ in SIMD2(widened(), paired()) }
        let best = times.dropFirst().reduce(times[0]) { pointwiseMin($0, $1) }
        return best.x > 1.3 * best.y
    }()

    /// A product that stays in the nearest caches, which says how much processor time it took, in seconds.
    private static func trial(of format: kernel_format) -> () -> Double {
        let (rows, i, o) = (132, 256, 64)
        let x = Tensor<Float>(repeating: 1, shape: [rows, i])
        let y = Tensor<Float>(repeating: 0, shape: [rows, o])
        let matrix = Tensor<Float>(repeating: 1, shape: [o, i])
        let weights = PackedWeights(matrix, as: format, copies: 1) {
            kernel_product_pack(matrix.pointer, Int64(i), Int64(o), $0, 0, 1, $1, format)
        }
        var product = weights.product
        (product.x, product.x_stride) = (UnsafePointer(x.pointer), Int64(i))
        (product.y, product.y_stride) = (y.pointer, Int64(o))
        (product.in_channels, product.out_channels) = (Int64(i), Int64(o))
        let fixed = product
        return {
            let start = Self.threadTime()
            withExtendedLifetime((x, y)) {
                weights.lend(to: fixed) { kernel_product_run($0, 0, Int64(rows), 0, 1) }
            }
            return Self.threadTime() - start
        }
    }

    private static func threadTime() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

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

    /// Runs `body` with a product of `in_channels` that has memory of its own for what the calling thread
    /// needs.
    func lend(to product: kernel_product, _ body: (UnsafePointer<kernel_product>) -> Void) {
        let size = Int(kernel_product_scratch(format, product.in_channels))
        let scratch = size > 0 ? BufferPool.memory(byteCount: size) : nil
        var product = product
        product.scratch = scratch?.base
        withExtendedLifetime((bytes, scratch)) { withUnsafePointer(to: product, body) }
    }
}
