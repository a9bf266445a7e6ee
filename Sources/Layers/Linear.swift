import COneDNN
import COpenBLAS
import Kernels
import Tensors

/// A product of token rows with a matrix, with bias, residual and activation in one pass.
///
/// With AVX-512 or AVX2 our own product (``PackedProduct``) does it: there 3 to 10 % faster than
/// oneDNN's, here as fast as OpenBLAS' on large matrices and up to 3 times on narrow ones. Matrices that
/// do not fit into panels go to oneDNN if it has a packed product (AVX-512), else to OpenBLAS and a
/// second loop for the rest. A layer that oneDNN computes plans once per number of rows and keeps the
/// plan; it belongs to one thread at a time.
package final class Linear {
    /// Values in a row that goes in, and in one that comes out.
    package let inChannels, outChannels: Int
    private let activation: Activation
    let bias: Tensor<Float>?
    private var method: Method

    /// Who multiplies, and the weights as he wants them.
    private enum Method {
        case oneDNN(PlannedWeights<[Int]>)
        case openBLAS(Tensor<Float>)
        case packed(PackedProduct)
        case device(DeviceLinear)
    }

    /// Whether the layer computes on a device.
    var isOnDevice: Bool {
        if case .device = method { true } else { false }
    }

    /// The product by itself, where it is our own.
    var packed: PackedProduct? {
        if case .packed(let product) = method { product } else { nil }
    }

    /// Whether this processor has oneDNN's packed product.
    private static let isPacked = ProductPlan.linear(
        onednn_linear(
            rows: 256, in_channels: 64, out_channels: 64, activation: ONEDNN_NONE, has_bias: true,
            adds: true)
    ).implementation.hasPrefix("brg")

    /// A layer from its weights.
    ///
    /// - Parameters:
    ///   - weight: `[out, in]` in PyTorch's order (further axes of 1 are ignored).
    ///   - bias: `[out]`.
    ///   - storage: where the weights are kept, and what as where this processor can multiply such.
    package init(
        weight: Tensor<Float>, bias: Tensor<Float>?, activation: Activation = .none,
        storage: WeightStorage = WeightStorage()
    ) {
        outChannels = weight.shape[0]
        inChannels = weight.shape[1]
        precondition(weight.count == inChannels * outChannels, "no matrix: \(weight.shape)")
        self.bias = bias
        self.activation = activation
        if let place = DevicePlace(storage) {
            method = .device(DeviceLinear(weight, bias: bias, at: place))
        } else if PackedProduct.suits(outChannels: outChannels) {
            method = .packed(PackedProduct(weight, precision: storage.precision))
        } else {
            method = Self.isPacked ? .oneDNN(PlannedWeights(weight)) : .openBLAS(weight)
        }
    }

    /// A layer read from `weight` and, unless there is none, `bias` of a checkpoint's scope.
    ///
    /// - Parameter isPointwise: the checkpoint stores the matrix as a 1 × 1 convolution.
    package convenience init(
        from checkpoint: Checkpoint, _ inChannels: Int, _ outChannels: Int, bias: Bool = true,
        isPointwise: Bool = false, activation: Activation = .none
    ) throws(CheckpointError) {
        let shape = [outChannels, inChannels] + (isPointwise ? [1, 1] : [])
        self.init(
            weight: try checkpoint.tensor("weight", shape),
            bias: bias ? try checkpoint.tensor("bias", [outChannels]) : nil,
            activation: activation, storage: checkpoint.storage)
    }

    /// Several layers of the same input as one, their results side by side.
    package convenience init(
        from checkpoints: [Checkpoint], _ inChannels: Int, _ outChannels: Int, bias: Bool = true
    ) throws(CheckpointError) {
        var matrices: [Tensor<Float>] = []
        var biases: [Tensor<Float>] = []
        for checkpoint in checkpoints {
            matrices.append(try checkpoint.tensor("weight", [outChannels, inChannels]))
            if bias { biases.append(try checkpoint.tensor("bias", [outChannels])) }
        }
        self.init(
            weight: Tensor(stacking: matrices), bias: bias ? Tensor(stacking: biases) : nil,
            storage: checkpoints.first?.storage ?? WeightStorage())
    }

    /// `[..., in]` to `[..., out]`.
    ///
    /// - Parameters:
    ///   - residual: of the result's shape, added before the activation.
    ///   - extra: `[out]`, added to every row; it costs nothing.
    package func callAsFunction(
        _ x: Tensor<Float>, adding residual: Tensor<Float>? = nil, extra: Tensor<Float>? = nil
    ) -> Tensor<Float> {
        if case .device(let layer) = method {
            return Profile.measureOnDevice(name(x), work: work(x)) {
                layer(x, adding: residual, extra: extra, activation)
            }
        }
        let y = Tensor<Float>(pooled: x.shape.dropLast() + [outChannels])
        write(x, adding: residual, extra: extra, into: y)
        return activation.fused == nil ? y.applying(activation) : y
    }

    /// The product written into a tensor of its shape, without an activation that cannot be fused.
    func write(
        _ x: Tensor<Float>, adding residual: Tensor<Float>? = nil, extra: Tensor<Float>? = nil,
        into y: Tensor<Float>
    ) {
        precondition(x.shape.last == inChannels, "rows are \(x.shape), not [..., \(inChannels)]")
        precondition(residual == nil || residual?.count == y.count, "cannot add to \(y.shape)")
        let sum = extra.map { bias?.adding(perChannel: $0) ?? $0 } ?? bias
        let rows = x.count / inChannels
        Profile.measure(name(x), work: work(x)) { product(x, rows, sum, residual, into: y) }
    }

    /// The layer's name in a profile.
    private func name(_ x: Tensor<Float>) -> String {
        "linear \(x.count / inChannels) x \(inChannels) to \(outChannels)"
    }

    /// FLOP of the plain sum.
    private func work(_ x: Tensor<Float>) -> Int { 2 * x.count * outChannels }

    private func product(
        _ x: Tensor<Float>, _ rows: Int, _ sum: Tensor<Float>?, _ residual: Tensor<Float>?,
        into y: Tensor<Float>
    ) {
        switch method {
        case .packed(let matrix):
            matrix.run(
                x, bias: sum, added: residual, activation.fused == nil ? .none : activation,
                into: y)
        case .openBLAS(let weight): multiply(x, weight, rows, sum, residual, into: y)
        case .device: preconditionFailure("a layer on a device writes into no tensor")
        case .oneDNN(var weights):
            let shape = [rows, residual == nil ? 0 : 1, sum == nil ? 0 : 1]
            let (plan, packed) = weights.plan(for: shape) {
                ProductPlan.linear(
                    onednn_linear(
                        rows: Int64(rows), in_channels: Int64(inChannels),
                        out_channels: Int64(outChannels),
                        activation: activation.fused ?? ONEDNN_NONE, has_bias: sum != nil,
                        adds: residual != nil))
            }
            method = .oneDNN(weights)
            plan.run(x, weights: packed, bias: sum, added: residual, into: y)
        }
    }

    /// The product by OpenBLAS, then bias, residual and activation in loops of their own.
    private func multiply(
        _ x: Tensor<Float>, _ weight: Tensor<Float>, _ rows: Int, _ sum: Tensor<Float>?,
        _ residual: Tensor<Float>?, into y: Tensor<Float>
    ) {
        _ = Compute.isBLASLimited
        let (i, o) = (Int32(inChannels), Int32(outChannels))
        cblas_sgemm(
            CblasRowMajor, CblasNoTrans, CblasTrans, Int32(rows), o, i, 1, x.pointer, i,
            weight.pointer, i, 0, y.pointer, o)
        let last = activation.fused == nil ? KERNEL_NONE : activation.kernel
        if let sum {
            kernel_scale_shift(
                y.pointer, y.pointer, Int64(rows), Int64(o), nil, sum.pointer,
                residual == nil ? last : KERNEL_NONE)
        } else if residual == nil {
            kernel_activate(y.pointer, y.pointer, Int64(y.count), last)
        }
        if let residual {
            kernel_add(y.pointer, residual.pointer, y.pointer, Int64(y.count), last)
        }
    }
}
