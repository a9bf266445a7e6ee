import COneDNN
import Tensors

/// Zeros around an image before it is convolved.
package struct Padding: Sendable, Equatable {
    let top, left, bottom, right: Int

    /// Rows and columns of zeros on each side.
    package init(top: Int, left: Int, bottom: Int, right: Int) {
        (self.top, self.left, self.bottom, self.right) = (top, left, bottom, right)
    }

    /// No zeros.
    package static let none = Padding.all(0)

    /// As many on every side.
    package static func all(_ n: Int) -> Padding {
        Padding(top: n, left: n, bottom: n, right: n)
    }

    /// Only after the last row and the last column.
    package static func bottomRight(_ n: Int) -> Padding {
        Padding(top: 0, left: 0, bottom: n, right: n)
    }
}

/// A 2-D convolution of images with channels last, with bias, residual and activation in one pass.
///
/// A layer plans once per input shape and keeps the plan; it belongs to one thread at a time.
package final class Convolution {
    private let inChannels, outChannels, kernel, stride, groups: Int
    private let padding: Padding
    private let activation: Activation
    private let bias: Tensor<Float>?
    private let storage: WeightStorage
    private var method: Method

    /// How the layer is computed, and its weights as that wants them.
    private enum Method {
        case direct(PlannedWeights<[Int]>)
        case winograd(Winograd)
        /// Not decided yet, or put in order anew each time.
        case narrow(NarrowWeights)
        case device(DeviceConvolution)
    }

    /// A layer from its weights.
    ///
    /// - Parameters:
    ///   - weight: `[out, in / groups, kernel, kernel]`, PyTorch's order.
    ///   - bias: `[out]`.
    ///   - scale: a normalisation that follows, to be folded into weights and bias.
    ///   - activation: what the result passes last.
    ///   - storage: how and where the weights are kept.
    package init(
        weight: Tensor<Float>, bias: Tensor<Float>?, stride: Int = 1, padding: Padding = .none,
        groups: Int = 1, folding scale: ChannelScale? = nil, activation: Activation = .none,
        storage: WeightStorage = WeightStorage()
    ) {
        let shape = weight.shape
        precondition(shape.count == 4 && shape[2] == shape[3], "no square kernel: \(shape)")
        inChannels = shape[1] * groups
        outChannels = shape[0]
        kernel = shape[2]
        (self.stride, self.padding, self.groups) = (stride, padding, groups)
        self.activation = activation
        let folded = scale?.folded(into: weight, bias)
        self.bias = folded?.bias ?? bias
        self.storage = storage
        let weights = folded?.weight ?? weight
        if let place = DevicePlace(storage) {
            method = .device(
                DeviceConvolution(
                    weights, bias: self.bias, stride: stride, padding: padding, groups: groups,
                    at: place))
        } else if storage.precision == .float32 {
            method = .direct(PlannedWeights(weights))
        } else {
            method = .narrow(NarrowWeights(weights))
        }
    }

    /// A layer read from `weight` and, unless there is none, `bias` of a checkpoint's scope.
    package convenience init(
        from checkpoint: Checkpoint, _ inChannels: Int, _ outChannels: Int, kernel: Int,
        stride: Int = 1, padding: Padding = .none, groups: Int = 1, bias: Bool = true,
        folding scale: ChannelScale? = nil, activation: Activation = .none
    ) throws(CheckpointError) {
        let shape = [outChannels, inChannels / groups, kernel, kernel]
        self.init(
            weight: try checkpoint.tensor("weight", shape),
            bias: bias ? try checkpoint.tensor("bias", [outChannels]) : nil, stride: stride,
            padding: padding, groups: groups, folding: scale, activation: activation,
            storage: checkpoint.storage)
    }

    /// `[n, h, w, in]` to `[n, h', w', out]`; `residual`, of the result's shape, is added before the
    /// activation.
    package func callAsFunction(
        _ x: Tensor<Float>, adding residual: Tensor<Float>? = nil
    ) -> Tensor<Float> {
        if case .device(let layer) = method {
            return Profile.measureOnDevice(name("device", x), work: work(layer.shape(of: x))) {
                layer(x, adding: residual, activation)
            }
        }
        if let winograd = winograd(for: x) { return run(winograd, x, .init(), adding: residual) }
        let (n, h, w) = x.frames(channels: inChannels)
        let y = Tensor<Float>(pooled: [
            n, (h + padding.top + padding.bottom - kernel) / stride + 1,
            (w + padding.left + padding.right - kernel) / stride + 1, outChannels,
        ])
        precondition(residual == nil || residual?.shape == y.shape, "cannot add to \(y.shape)")
        let adds = residual != nil
        let (plan, packed) = plan([n, h, w, adds ? 1 : 0]) {
            ProductPlan.convolution(shape(n, h, w, adds: adds))
        }
        Profile.measure(name("direct", x), work: work(y.shape)) {
            plan.run(x, weights: packed, bias: bias, added: residual, into: y)
        }
        return activation.fused == nil ? y.applying(activation) : y
    }

    /// The convolution of a normalised image.
    ///
    /// - Parameters:
    ///   - norm: what the image passes first, with its activation; costs no pass of its own where the
    ///     convolution is Winograd's.
    ///   - offset: `[n, in]`, added to every pixel of a frame before that.
    ///   - residual: of the result's shape, added before the activation.
    package func callAsFunction(
        _ x: Tensor<Float>, after norm: GroupNorm, offset: Tensor<Float>? = nil,
        adding residual: Tensor<Float>? = nil
    ) -> Tensor<Float> {
        guard norm.activation.fused != nil, let winograd = winograd(for: x) else {
            return self(norm(x, adding: offset), adding: residual)
        }
        let reading = Winograd.Reading(
            factors: norm.factors(of: x, adding: offset), activation: norm.activation)
        return run(winograd, x, reading, adding: residual)
    }

    /// The convolution of an image whose pixels are each repeated twice in both directions:
    /// `[n, h, w, in]` to `[n, 2h, 2w, out]`.
    package func callAsFunction(doubling x: Tensor<Float>) -> Tensor<Float> {
        guard let winograd = winograd(for: x, doubles: true) else { return self(x.doubled()) }
        return run(winograd, x, .init(doubles: true), adding: nil)
    }

    /// Numbers that a 3 × 3 layer with stride 1 keeps for each of its weights, when the first images
    /// that it meets have `side` rows and columns: more than one where Winograd's method computes it.
    package static func weightFactor(
        _ inChannels: Int, _ outChannels: Int, side: Int,
        precision: WeightStorage.Precision = .float32
    ) -> Double {
        let tile = Winograd.tileSide(
            in: inChannels, out: outChannels, side, side, precision: precision)
        return tile.map { Double(($0 + 2) * ($0 + 2)) / 9 } ?? 1
    }

    /// The one place that chooses how a layer is computed: by the first shape that it meets, after
    /// which it has its weights in one order only.
    private func winograd(for x: Tensor<Float>, doubles: Bool = false) -> Winograd? {
        guard kernel == 3, stride == 1, groups == 1, padding == .all(1), activation.fused != nil
        else { return nil }
        if case .winograd(let winograd) = method { return winograd }
        if case .device = method { return nil }
        let (_, h, w) = x.frames(channels: inChannels)
        let scale = doubles ? 2 : 1
        guard !storage.isCompact,
            let side = Winograd.tileSide(
                in: inChannels, out: outChannels, scale * h, scale * w,
                precision: storage.precision),
            let plain = plainWeights
        else { return nil }
        let made = Winograd(plain, side: side, precision: storage.precision)
        method = .winograd(made)
        return made
    }

    /// The weights as they came, if nothing made its own order of them.
    private var plainWeights: Tensor<Float>? {
        switch method {
        case .direct(let weights): weights.plain
        case .narrow(let weights): weights.widened()
        case .winograd, .device: nil
        }
    }

    /// The plan for a shape and its weights. A compact layer that has narrow weights keeps only them.
    private func plan(
        _ shape: [Int], _ make: () -> ProductPlan
    ) -> (plan: ProductPlan, weights: Tensor<Float>) {
        switch method {
        case .direct(var weights):
            defer { method = .direct(weights) }
            return weights.plan(for: shape, make)
        case .narrow(let narrow):
            var weights = PlannedWeights<[Int]>(narrow.widened())
            let planned = weights.plan(for: shape, make)
            if !storage.isCompact { method = .direct(weights) }
            return planned
        case .winograd: preconditionFailure("a layer that met larger images first")
        case .device: preconditionFailure("a layer on a device has no plan")
        }
    }

    private func run(
        _ winograd: Winograd, _ x: Tensor<Float>, _ reading: Winograd.Reading,
        adding residual: Tensor<Float>?
    ) -> Tensor<Float> {
        let (n, h, w) = x.frames(channels: inChannels)
        let scale = reading.doubles ? 2 : 1
        let y = Tensor<Float>(pooled: [n, scale * h, scale * w, outChannels])
        precondition(residual == nil || residual?.shape == y.shape, "cannot add to \(y.shape)")
        Profile.measure(name("winograd", x), work: work(y.shape)) {
            winograd.run(x, reading, bias: bias, added: residual, activation, into: y)
        }
        return y
    }

    /// The layer's name in a profile.
    private func name(_ algorithm: String, _ x: Tensor<Float>) -> String {
        "convolution \(kernel)x\(kernel) \(algorithm) \(x.shape) to \(outChannels)"
    }

    /// FLOP of the plain sum.
    private func work(_ shape: [Int]) -> Int {
        2 * shape.reduce(1, *) * kernel * kernel * inChannels / groups
    }

    private func shape(_ n: Int, _ h: Int, _ w: Int, adds: Bool) -> onednn_convolution {
        onednn_convolution(
            n: Int64(n), h: Int64(h), w: Int64(w), in_channels: Int64(inChannels),
            out_channels: Int64(outChannels), groups: Int64(groups), kernel_h: Int64(kernel),
            kernel_w: Int64(kernel), stride: Int64(stride), top: Int64(padding.top),
            left: Int64(padding.left), bottom: Int64(padding.bottom), right: Int64(padding.right),
            activation: activation.fused ?? ONEDNN_NONE,
            has_bias: bias != nil, adds: adds)
    }
}

extension Tensor {
    /// Frames, rows and columns of an image tensor with so many channels.
    func frames(channels: Int) -> (n: Int, h: Int, w: Int) {
        precondition(
            shape.count == 4 && shape[3] == channels,
            "an image is \(shape), and the layer needs [n, h, w, \(channels)]")
        return (shape[0], shape[1], shape[2])
    }
}
