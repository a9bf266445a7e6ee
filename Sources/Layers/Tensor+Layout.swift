import Kernels
import Tensors

extension Tensor<Float> {
    /// `[n, c, h, w]` to `[n, h, w, c]`; any number of axes after the channels.
    package func channelsLast() -> Tensor {
        if let place = place() { return channelsLastOnDevice(at: place) }
        return transposed(to: [shape[0]] + shape.dropFirst(2) + [shape[1]], rows: shape[1])
    }

    /// `[n, h, w, c]` to `[n, c, h, w]`; any number of axes before the channels.
    package func channelsFirst() -> Tensor {
        if let place = place() { return channelsFirstOnDevice(at: place) }
        let c = shape[shape.count - 1]
        return transposed(
            to: [shape[0], c] + shape.dropFirst().dropLast(), rows: count / shape[0] / c)
    }

    private func transposed(to newShape: [Int], rows: Int) -> Tensor {
        let y = Tensor(pooled: newShape)
        let each = count / shape[0]
        for frame in 0..<shape[0] {
            kernel_transpose(
                pointer + frame * each, y.pointer + frame * each, Int64(rows), Int64(each / rows))
        }
        return y
    }

    /// The same channels, followed by zeros up to `channels`.
    package func widened(channels: Int) -> Tensor {
        let own = shape[shape.count - 1]
        guard channels != own else { return self }
        precondition(channels > own, "cannot widen \(shape) to \(channels)")
        let y = Tensor(pooled: shape.dropLast() + [channels])
        kernel_widen(pointer, Int64(own), y.pointer, Int64(channels), Int64(count / own))
        return y
    }

    /// Channels of this tensor followed by those of another with the same other axes.
    package func concatenated(with other: Tensor) -> Tensor {
        let (a, b) = (shape[shape.count - 1], other.shape[other.shape.count - 1])
        precondition(
            shape.dropLast() == other.shape.dropLast(), "cannot join \(shape) and \(other.shape)")
        if let place = place(with: other) {
            return Profile.measureOnDevice("join \(shape)") {
                concatenatedOnDevice(with: other, at: place)
            }
        }
        let y = Tensor(pooled: shape.dropLast() + [a + b])
        Profile.measure("join \(y.shape)") {
            Compute.parallel(count / a, grain: Swift.max(1, 65536 / (a + b))) { rows in
                let at = rows.lowerBound
                kernel_concat(
                    pointer + at * a, Int64(a), other.pointer + at * b, Int64(b),
                    y.pointer + at * (a + b), Int64(rows.count))
            }
        }
        return y
    }

    /// `[..., d]` to `[..., times · d]`, the same numbers again and again.
    package func repeatedChannels(_ times: Int) -> Tensor {
        if let place = place() { return repeatedOnDevice(times, at: place) }
        let d = shape[shape.count - 1]
        let y = Tensor(uninitialized: shape.dropLast() + [times * d])
        for row in 0..<count / d {
            for i in 0..<times {
                (y.pointer + (row * times + i) * d).update(from: pointer + row * d, count: d)
            }
        }
        return y
    }
}
