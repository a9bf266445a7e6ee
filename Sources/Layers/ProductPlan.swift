import COneDNN
import Kernels
import Tensors

/// One shape of a convolution or linear layer, planned by oneDNN.
///
/// The only file that speaks to oneDNN. A plan is made the first time a layer meets a shape.
final class ProductPlan {
    private let handle: OpaquePointer
    /// The implementation that oneDNN chose, such as `brgconv:avx512_core`.
    let implementation: String
    private let scratchBytes: Int
    /// Set when the residual and what follows it are left to a second loop.
    private var activationAfterAdding: onednn_activation?

    private init(_ handle: OpaquePointer) {
        self.handle = handle
        implementation = String(cString: onednn_implementation(handle))
        scratchBytes = onednn_scratch_bytes(handle)
    }

    deinit { onednn_plan_free(handle) }

    /// A plan for a convolution.
    ///
    /// - Precondition: oneDNN can do it, as it can every one with sensible extents.
    static func convolution(_ shape: onednn_convolution) -> ProductPlan {
        var shape = shape
        let plan = ProductPlan(require(onednn_plan_convolution(&shape), shape))
        // Before AVX2, oneDNN 2.6 adds wrongly for some shapes (4 channels in), and slowly for all.
        guard
            shape.adds && !plan.implementation.contains("avx512")
                && !plan.implementation.contains("avx2")
        else { return plan }
        let activation = shape.activation
        shape.adds = false
        shape.activation = ONEDNN_NONE
        let apart = ProductPlan(require(onednn_plan_convolution(&shape), shape))
        apart.activationAfterAdding = activation
        return apart
    }

    /// A plan for a product of token rows.
    static func linear(_ shape: onednn_linear) -> ProductPlan {
        var shape = shape
        return ProductPlan(require(onednn_plan_linear(&shape), shape))
    }

    private static func require(_ handle: OpaquePointer?, _ shape: Any) -> OpaquePointer {
        guard let handle else {
            preconditionFailure("\(shape): \(String(cString: onednn_error()))")
        }
        return handle
    }

    /// Runs the plan; `added` is given exactly when the plan was made to add.
    func run(
        _ x: Tensor<Float>, weights: Tensor<Float>, bias: Tensor<Float>?, added: Tensor<Float>?,
        into y: Tensor<Float>
    ) {
        let addsApart = activationAfterAdding != nil
        let scratch = scratchBytes > 0 ? BufferPool.memory(byteCount: scratchBytes) : nil
        let done = onednn_run(
            handle, x.pointer, weights.pointer, bias?.pointer, addsApart ? nil : added?.pointer,
            y.pointer,
            scratch?.base)
        precondition(done, String(cString: onednn_error()))
        if let activationAfterAdding, let added {
            let activation = kernel_activation(activationAfterAdding.rawValue)
            kernel_add(y.pointer, added.pointer, y.pointer, Int64(y.count), activation)
        }
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
