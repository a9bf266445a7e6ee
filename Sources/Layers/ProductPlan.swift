import COneDNN
import Tensors

/// One shape of a convolution or linear layer, planned by oneDNN.
///
/// The only file that speaks to oneDNN. A plan is made the first time a layer meets a shape.
final class ProductPlan {
    private let handle: OpaquePointer
    /// The implementation that oneDNN chose, such as `brgconv:avx512_core`.
    let implementation: String
    private let scratchBytes: Int

    private init(_ handle: OpaquePointer) {
        self.handle = handle
        implementation = String(cString: onednn_implementation(handle))
        scratchBytes = onednn_scratch_bytes(handle)
    }

    deinit { onednn_plan_free(handle) }

    /// A plan for a convolution.
    ///
    /// - Precondition: oneDNN can do it, as it can every one with sensible extents.
    convenience init(_ convolution: onednn_convolution) {
        var convolution = convolution
        guard let handle = onednn_plan_convolution(&convolution) else {
            preconditionFailure("\(convolution): \(String(cString: onednn_error()))")
        }
        self.init(handle)
    }

    /// A plan for a product of token rows.
    convenience init(_ linear: onednn_linear) {
        var linear = linear
        guard let handle = onednn_plan_linear(&linear) else {
            preconditionFailure("\(linear): \(String(cString: onednn_error()))")
        }
        self.init(handle)
    }

    /// Runs the plan; `added` is given exactly when the plan was made to add.
    func run(
        _ x: Tensor<Float>, weights: Tensor<Float>, bias: Tensor<Float>?, added: Tensor<Float>?,
        into y: Tensor<Float>
    ) {
        let scratch = scratchBytes > 0 ? BufferPool.memory(byteCount: scratchBytes) : nil
        let done = onednn_run(
            handle, x.pointer, weights.pointer, bias?.pointer, added?.pointer, y.pointer,
            scratch?.base)
        precondition(done, String(cString: onednn_error()))
    }

    /// Whether weights packed for `other` serve this plan as they are.
    func sharesWeights(with other: ProductPlan) -> Bool {
        onednn_weights_agree(handle, other.handle)
    }

    /// The weights in the order that this plan wants, from PyTorch's order or another plan's.
    func pack(_ weights: Tensor<Float>, from other: ProductPlan?) -> Tensor<Float> {
        if other == nil && onednn_weights_are_plain(handle) { return weights }
        let packed = Tensor<Float>(uninitialized: [onednn_weights_bytes(handle) / 4])
        let done = onednn_pack(handle, other?.handle, weights.pointer, packed.pointer)
        precondition(done, String(cString: onednn_error()))
        return packed
    }
}
