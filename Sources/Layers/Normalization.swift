import Kernels
import Tensors

/// Layer normalisation over the last axis.
package struct LayerNorm {
    let gain, bias: Tensor<Float>?
    let eps: Float

    /// A layer read from `weight` and `bias` of a checkpoint's scope.
    package init(
        from checkpoint: Checkpoint, _ channels: Int, eps: Float = 1e-5
    ) throws(CheckpointError) {
        gain = try checkpoint.tensor("weight", [channels]).stored(checkpoint.storage)
        bias = try checkpoint.tensor("bias", [channels]).stored(checkpoint.storage)
        self.eps = eps
    }

    /// A layer from its weights, each `[channels]`; without them it only normalises.
    package init(gain: Tensor<Float>?, bias: Tensor<Float>?, eps: Float) {
        (self.gain, self.bias, self.eps) = (gain, bias, eps)
    }

    /// Normalises every row of `[n, ..., channels]`.
    ///
    /// - Parameter offset: `[n, channels]`, added to every normalised row of a frame; it costs
    ///   nothing.
    package func callAsFunction(
        _ x: Tensor<Float>, adding offset: Tensor<Float>? = nil
    ) -> Tensor<Float> {
        if let place = x.place(with: gain) {
            return Profile.measureOnDevice("layer norm \(x.shape)") {
                onDevice(x, adding: offset, at: place)
            }
        }
        let y = Tensor<Float>(pooled: x.shape)
        let c = x.shape[x.shape.count - 1]
        let frames = offset == nil ? 1 : x.shape[0]
        let rows = x.count / c / frames
        let biases = offset.map { offset in bias.map { offset.adding(perChannel: $0) } ?? offset }
        Profile.measure("layer norm \(x.shape)") {
            for frame in 0..<frames {
                let shift = biases.map { $0.pointer + frame * c } ?? bias?.pointer
                Compute.parallel(rows, grain: max(1, 16384 / c)) { range in
                    let at = (frame * rows + range.lowerBound) * c
                    kernel_layer_norm(
                        x.pointer + at, y.pointer + at, Int64(range.count), Int64(c),
                        gain?.pointer, shift, eps)
                }
            }
        }
        return y
    }
}

/// Group normalisation of each frame by itself, with an activation in the same pass.
package struct GroupNorm {
    let gain, bias: Tensor<Float>
    let groups: Int
    let eps: Float
    let activation: Activation

    /// A layer read from `weight` and `bias` of a checkpoint's scope.
    package init(
        from checkpoint: Checkpoint, _ channels: Int, groups: Int = 32, eps: Float,
        activation: Activation = .none
    ) throws(CheckpointError) {
        self.init(
            gain: try checkpoint.tensor("weight", [channels]).stored(checkpoint.storage),
            bias: try checkpoint.tensor("bias", [channels]).stored(checkpoint.storage),
            groups: groups, eps: eps, activation: activation)
    }

    /// A layer from its weights, each `[channels]`.
    package init(
        gain: Tensor<Float>, bias: Tensor<Float>, groups: Int, eps: Float,
        activation: Activation = .none
    ) {
        precondition(gain.count % groups == 0, "\(gain.count) channels in \(groups) groups")
        (self.gain, self.bias, self.groups, self.eps) = (gain, bias, groups, eps)
        self.activation = activation
    }

    /// Normalises `[n, ..., channels]`, frame by frame.
    ///
    /// - Parameter offset: `[n, channels]`, added to every pixel of a frame first; it costs nothing.
    package func callAsFunction(
        _ x: Tensor<Float>, adding offset: Tensor<Float>? = nil
    ) -> Tensor<Float> {
        if let place = x.place(with: gain) {
            return Profile.measureOnDevice("group norm \(x.shape)") {
                onDevice(x, adding: offset, at: place)
            }
        }
        let y = Tensor<Float>(pooled: x.shape)
        y.scaleShift(x, frames: x.shape[0], factors(of: x, adding: offset), activation)
        return y
    }

    /// The normalisation of `x` as a factor and an offset for every channel of a frame,
    /// `[n, 2, channels]`; what follows them is `activation`.
    func factors(of x: Tensor<Float>, adding offset: Tensor<Float>? = nil) -> Tensor<Float> {
        let (n, c) = (x.shape[0], gain.count)
        precondition(x.shape.last == c, "\(x.shape) has not \(c) channels")
        let rows = x.count / n / c
        // A frame's rows are divided, so that a single large frame keeps all cores busy.
        let pieces = min(Compute.cores, max(1, rows * c >> 15))
        let sums = Tensor<Double>(pooled: [n, pieces, 2, c])
        Profile.measure("statistics \(x.shape)") {
            Compute.parallel(n * pieces) { range in
                for i in range {
                    let (frame, piece) = (i / pieces, i % pieces)
                    let first = rows * piece / pieces
                    kernel_channel_statistics(
                        x.pointer + (frame * rows + first) * c,
                        Int64(rows * (piece + 1) / pieces - first), Int64(c),
                        sums.pointer + 2 * c * i)
                }
            }
        }
        let factors = Tensor<Float>(pooled: [n, 2, c])
        withExtendedLifetime(sums) {
            for frame in 0..<n {
                kernel_group_norm(
                    sums.pointer + 2 * c * pieces * frame, Int64(pieces), Int64(rows), Int64(c),
                    Int64(groups), gain.pointer, bias.pointer, eps,
                    offset.map { $0.pointer + frame * c }, factors.pointer + 2 * c * frame)
            }
        }
        return factors
    }
}

extension Tensor<Float> {
    /// Fills this tensor with `x` scaled and shifted by `factors` `[frames, 2, channels]`.
    func scaleShift(
        _ x: Tensor<Float>, frames n: Int, _ factors: Tensor<Float>, _ activation: Activation
    ) {
        let c = factors.shape[2]
        let rows = x.count / n / c
        Profile.measure("scale \(x.shape)") {
            Compute.parallel(n * rows, grain: max(1, 16384 / c)) { range in
                var row = range.lowerBound
                while row < range.upperBound {
                    let frame = row / rows
                    let end = Swift.min(range.upperBound, (frame + 1) * rows)
                    let scale = factors.pointer + 2 * c * frame
                    kernel_scale_shift(
                        x.pointer + row * c, pointer + row * c, Int64(end - row), Int64(c), scale,
                        scale + c, activation.kernel)
                    row = end
                }
            }
        }
    }
}

/// A gain and an offset per channel: batch normalisation with its statistics worked in.
package struct ChannelScale {
    private let factors: Tensor<Float>  // [1, 2, channels]
    /// The same where the layer computes.
    private let placedFactors: Tensor<Float>
    private let activation: Activation

    /// y = activation(scale · x + shift), each `[channels]`.
    package init(
        scale: [Float], shift: [Float], activation: Activation = .none,
        storage: WeightStorage = WeightStorage()
    ) {
        factors = Tensor(scale + shift, shape: [1, 2, scale.count])
        placedFactors = factors.stored(storage)
        self.activation = activation
    }

    /// The batch normalisation stored in `weight`, `bias`, `running_mean` and `running_var` of a
    /// checkpoint's scope.
    package init(
        batchNorm checkpoint: Checkpoint, _ channels: Int, eps: Double = 1e-5,
        activation: Activation = .none
    ) throws(CheckpointError) {
        let gain = try checkpoint.tensor("weight", [channels]).array.map(Double.init)
        let bias = try checkpoint.tensor("bias", [channels]).array.map(Double.init)
        let mean = try checkpoint.tensor("running_mean", [channels]).array.map(Double.init)
        let variance = try checkpoint.tensor("running_var", [channels]).array.map(Double.init)
        let scale = (0..<channels).map { gain[$0] / (variance[$0] + eps).squareRoot() }
        let shift = (0..<channels).map { bias[$0] - mean[$0] * scale[$0] }
        self.init(
            scale: scale.map(Float.init), shift: shift.map(Float.init), activation: activation,
            storage: checkpoint.storage)
    }

    /// Scales `[..., channels]`.
    package func callAsFunction(_ x: Tensor<Float>) -> Tensor<Float> {
        if let place = x.place(with: placedFactors) {
            return Self.onDevice(x, placedFactors, activation, at: place)
        }
        let y = Tensor<Float>(pooled: x.shape)
        y.scaleShift(x, frames: 1, factors, activation)
        return y
    }

    /// The weights and bias of a convolution that does the scaling too.
    ///
    /// - Precondition: there is no activation to lose.
    func folded(
        into weight: Tensor<Float>, _ bias: Tensor<Float>?
    ) -> (weight: Tensor<Float>, bias: Tensor<Float>) {
        precondition(activation == .none, "an activation cannot be folded into weights")
        let channels = factors.shape[2]
        let each = weight.count / channels
        let product = Tensor<Float>(uninitialized: weight.shape)
        let sum = Tensor<Float>(uninitialized: [channels])
        for c in 0..<channels {
            let scale = factors.pointer[c]
            kernel_affine(
                weight.pointer + c * each, scale, 0, product.pointer + c * each, Int64(each))
            sum.pointer[c] = (bias?.pointer[c] ?? 0) * scale + factors.pointer[channels + c]
        }
        return (product, sum)
    }
}
