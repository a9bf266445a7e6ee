import Kernels
import Tensors

// Element-wise operations: each gives a new tensor from the pool.
extension Tensor<Float> {
    /// Runs a loop over pieces of all elements.
    private func each(_ body: (_ first: Int, _ count: Int64) -> Void) {
        Compute.parallel(count, grain: 65536) { body($0.lowerBound, Int64($0.count)) }
    }

    /// Every element through a function.
    package func applying(_ activation: Activation) -> Tensor {
        guard activation != .none else { return self }
        if let place = place() { return onDevice(at: place) { $0.activated(activation) } }
        let y = Tensor(pooled: shape)
        each { kernel_activate(pointer + $0, y.pointer + $0, $1, activation.kernel) }
        return y
    }

    /// x · sigmoid(x).
    package func silu() -> Tensor { applying(.silu) }
    /// max(x, 0).
    package func relu() -> Tensor { applying(.relu) }

    /// Sum of two tensors of the same shape, then an activation.
    package func adding(_ other: Tensor, activation: Activation = .none) -> Tensor {
        precondition(shape == other.shape, "cannot add \(other.shape) to \(shape)")
        if let place = place(with: other) {
            return onDevice(with: other, at: place) { $0.adding($1).activated(activation) }
        }
        let y = Tensor(pooled: shape)
        each {
            kernel_add(
                pointer + $0, other.pointer + $0, y.pointer + $0, $1, activation.kernel)
        }
        return y
    }

    /// Every element, or its channel's slope times it where it is below zero (PReLU).
    package func rectified(slopes: Tensor) -> Tensor {
        let channels = shape[shape.count - 1]
        precondition(slopes.count == channels, "\(slopes.count) slopes for \(shape)")
        let y = Tensor(pooled: shape)
        Compute.parallel(count / channels, grain: Swift.max(1, 65536 / channels)) { rows in
            let at = rows.lowerBound * channels
            kernel_sloped_relu(
                pointer + at, y.pointer + at, Int64(rows.count), Int64(channels), slopes.pointer)
        }
        return y
    }

    /// `[n, ..., channels]` plus a row of channels: `[channels]` for all frames, or `[n, channels]`.
    package func adding(perChannel row: Tensor, activation: Activation = .none) -> Tensor {
        let (n, c) = (row.count == shape[shape.count - 1] ? 1 : shape[0], shape[shape.count - 1])
        precondition(row.count == n * c, "cannot add \(row.shape) to the rows of \(shape)")
        if let place = place(with: row) {
            return addingOnDevice(perChannel: row, activation, at: place)
        }
        let y = Tensor(pooled: shape)
        let each = count / n
        for frame in 0..<n {
            Compute.parallel(each / c, grain: Swift.max(1, 65536 / c)) { rows in
                let at = frame * each + rows.lowerBound * c
                kernel_scale_shift(
                    pointer + at, y.pointer + at, Int64(rows.count), Int64(c), nil,
                    row.pointer + frame * c, activation.kernel)
            }
        }
        return y
    }

    /// `a` times this tensor plus `b` times another.
    package func combined(_ a: Float, plus b: Float, times other: Tensor) -> Tensor {
        precondition(shape == other.shape, "cannot add \(other.shape) to \(shape)")
        if let place = place(with: other) {
            return onDevice(with: other, at: place) {
                $0.scaled(by: Double(a)).adding($1, times: Double(b))
            }
        }
        let y = Tensor(pooled: shape)
        each { kernel_combine(pointer + $0, a, other.pointer + $0, b, y.pointer + $0, $1) }
        return y
    }

    /// scale · x + shift for every element.
    package func scaled(by scale: Float, plus shift: Float = 0) -> Tensor {
        if let place = place() {
            return onDevice(at: place) {
                let product = $0.scaled(by: Double(scale))
                return shift == 0 ? product : product.adding(TorchTensor(Double(shift)))
            }
        }
        let y = Tensor(pooled: shape)
        each { kernel_affine(pointer + $0, scale, shift, y.pointer + $0, $1) }
        return y
    }

    /// limit · tanh(x / limit).
    package func softlyClamped(to limit: Float) -> Tensor {
        if let place = place() {
            return onDevice(at: place) {
                $0.scaled(by: 1 / Double(limit)).tanh().scaled(by: Double(limit))
            }
        }
        let y = Tensor(pooled: shape)
        each { kernel_soft_clamp(pointer + $0, y.pointer + $0, $1, limit) }
        return y
    }

    /// `[..., 2 c]` to `[..., c]`: the first half of a row times GELU of the second.
    package func geglu() -> Tensor {
        if let place = place() {
            return Profile.measureOnDevice("gate \(shape)") { gatedOnDevice(at: place) }
        }
        let c = shape[shape.count - 1] / 2
        let y = Tensor(pooled: shape.dropLast() + [c])
        Profile.measure("gate \(y.shape)") {
            Compute.parallel(y.count / c, grain: Swift.max(1, 16384 / c)) { rows in
                kernel_geglu(
                    pointer + 2 * c * rows.lowerBound, y.pointer + c * rows.lowerBound,
                    Int64(rows.count), Int64(c))
            }
        }
        return y
    }

    /// Writes an image in about -1...1 as bytes: trunc(clamp(x / 2 + 0.5, 0, 1) · 255).
    ///
    /// - Precondition: `bytes` has as many elements.
    package func writeRGB8(into bytes: Tensor<UInt8>) {
        precondition(bytes.count == count, "\(bytes.shape) cannot hold \(shape)")
        if isOnDevice { return writeRGB8FromDevice(into: bytes) }
        each { kernel_rgb8(pointer + $0, bytes.pointer + $0, $1) }
    }

    /// The image as bytes, in memory from the pool.
    package func rgb8() -> Tensor<UInt8> {
        let bytes = Tensor<UInt8>(pooled: shape)
        writeRGB8(into: bytes)
        return bytes
    }
}

extension Tensor<Float> {
    /// For each frame of `[n, ...]`, the first factor times this tensor plus the second times
    /// another, both on the processor.
    package func combined(
        with other: Tensor, perFrame factors: [(Float, Float)]
    ) -> Tensor {
        precondition(shape == other.shape, "cannot combine \(shape) and \(other.shape)")
        precondition(factors.count == shape[0], "\(factors.count) factors for \(shape)")
        let y = Tensor(pooled: shape)
        let each = count / shape[0]
        for (frame, (a, b)) in factors.enumerated() {
            let at = frame * each
            kernel_combine(pointer + at, a, other.pointer + at, b, y.pointer + at, Int64(each))
        }
        return y
    }
}
