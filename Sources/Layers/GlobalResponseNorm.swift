import Kernels
import Tensors

/// Global response normalisation (ConvNeXt V2, arXiv 2301.00808): strengthens the channels that are
/// strong in the whole frame.
package struct GlobalResponseNorm {
    let gain, bias: Tensor<Float>

    /// A layer read from `gamma` and `beta` of a checkpoint's scope.
    package init(from checkpoint: Checkpoint, _ channels: Int) throws(CheckpointError) {
        let shape = [1, 1, 1, channels], storage = checkpoint.storage
        gain = try checkpoint.tensor("gamma", shape).stored(storage)
        bias = try checkpoint.tensor("beta", shape).stored(storage)
    }

    /// Normalises `[n, h, w, channels]`, frame by frame.
    package func callAsFunction(_ x: Tensor<Float>) -> Tensor<Float> {
        let (n, c) = (x.shape[0], gain.count)
        precondition(x.shape.last == c, "\(x.shape) has not \(c) channels")
        if let place = x.place(with: gain) { return onDevice(x, at: place) }
        let rows = x.count / n / c
        let y = Tensor<Float>(pooled: x.shape)
        let factors = Tensor<Float>(pooled: [n, 2, c])
        let work = Tensor<Double>(pooled: [n, c])
        Compute.parallel(n) { frames in
            for frame in frames {
                let scale = factors.pointer + 2 * c * frame
                kernel_global_response(
                    x.pointer + frame * rows * c, Int64(rows), Int64(c), gain.pointer,
                    bias.pointer, 1e-6, scale, scale + c, work.pointer + frame * c)
            }
        }
        y.scaleShift(x, frames: n, factors, .none)
        return y
    }
}

extension Tensor<Float> {
    /// `[n, ..., channels]` to `[n, channels]`: the mean over all pixels of a frame.
    package func pixelMean() -> Tensor {
        if let place = place() { return pixelMeanOnDevice(at: place) }
        let (n, c) = (shape[0], shape[shape.count - 1])
        let y = Tensor(pooled: [n, c])
        let work = Tensor<Double>(pooled: [c])
        let rows = count / n / c
        for frame in 0..<n {
            kernel_column_means(
                pointer + frame * rows * c, y.pointer + frame * c, Int64(rows), Int64(c),
                work.pointer)
        }
        return y
    }
}
