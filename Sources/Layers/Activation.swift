import COneDNN
import Kernels
import Tensors

/// A function of one number that follows a layer.
package enum Activation: Sendable {
    /// The number itself.
    case none
    /// max(x, 0).
    case relu
    /// x · sigmoid(x).
    case silu
    /// x · Φ(x) with the error function, not its tanh approximation.
    case gelu
    /// x · sigmoid(1.702 x), CLIP's.
    case quickGELU

    /// The number of this function in `Kernels`.
    var kernel: kernel_activation {
        switch self {
        case .none: KERNEL_NONE
        case .relu: KERNEL_RELU
        case .silu: KERNEL_SILU
        case .gelu: KERNEL_GELU
        case .quickGELU: KERNEL_QUICK_GELU
        }
    }

    /// The number of this function in oneDNN, when a product can end with it.
    ///
    /// GELU stays apart: oneDNN's approximation is coarser than ours.
    var fused: onednn_activation? {
        switch self {
        case .none: ONEDNN_NONE
        case .relu: ONEDNN_RELU
        case .silu: ONEDNN_SILU
        case .gelu, .quickGELU: nil
        }
    }
}
