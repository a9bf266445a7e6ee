import Kernels
import Tensors

extension Tensor<Float> {
    /// `[n, h, w, c]` to `[n, h / 2, w / 2, c]`, the largest of each 2 × 2 cell; an odd last row or
    /// column is left out.
    package func maxPooled2() -> Tensor {
        if let place = place() {
            return resampledOnDevice(to: (shape[1] / 2, shape[2] / 2), at: place) { $0.maxPooled2() }
        }
        return resampled(to: (shape[1] / 2, shape[2] / 2)) { x, y in
            kernel_max_pool2(x, y, Int64(shape[1]), Int64(shape[2]), Int64(shape[3]))
        }
    }

    /// `[n, h, w, c]` to `[n, 2h, 2w, c]`, every pixel repeated.
    package func doubled() -> Tensor {
        if let place = place() {
            let (h, w) = (2 * shape[1], 2 * shape[2])
            return resampledOnDevice(to: (h, w), at: place) { $0.nearest(h, w) }
        }
        return resampled(to: (2 * shape[1], 2 * shape[2])) { x, y in
            kernel_double(x, y, Int64(shape[1]), Int64(shape[2]), Int64(shape[3]))
        }
    }

    /// `[n, h, w, c]` to `[n, height, width, c]` by bilinear sampling at half-pixel positions,
    /// without antialiasing, in binary32 as PyTorch does it.
    package func bilinear(height: Int, width: Int) -> Tensor {
        if let place = place() {
            return resampledOnDevice(to: (height, width), at: place) { $0.bilinear(height, width) }
        }
        let rows = BilinearAxis(from: shape[1], to: height)
        let columns = BilinearAxis(from: shape[2], to: width)
        return resampled(to: (height, width)) { x, y in
            kernel_bilinear(
                x, Int64(shape[1]), Int64(shape[2]), y, Int64(height), Int64(width),
                Int64(shape[3]), rows.first, rows.weight, columns.first, columns.weight)
        }
    }

    /// `[n, h, w, c]` to `[n, height, width, c]`: the bilinear values at the places that the result's
    /// pixels are mapped to; zeros where that is outside of the centres of the outermost pixels.
    package func sampled(_ map: PictureMap, height: Int, width: Int) -> Tensor {
        var kernel = map.kernel
        return resampled(to: (height, width)) { x, y in
            kernel_sample(
                x, Int64(shape[1]), Int64(shape[2]), Int64(shape[3]), &kernel, y, Int64(height),
                Int64(width))
        }
    }

    private func resampled(
        to size: (h: Int, w: Int),
        _ frame: (UnsafePointer<Float>, UnsafeMutablePointer<Float>) -> Void
    ) -> Tensor {
        let (n, c) = (shape[0], shape[3])
        let y = Tensor(pooled: [n, size.h, size.w, c])
        Compute.parallel(n) { frames in
            for i in frames {
                frame(
                    pointer + i * shape[1] * shape[2] * c, y.pointer + i * size.h * size.w * c)
            }
        }
        return y
    }
}

/// Where each output position of one axis reads, computed in Swift, which never contracts to FMA: a
/// different last bit could change the source pixel.
private struct BilinearAxis {
    var first: [Int32] = []
    var weight: [Float] = []

    init(from extent: Int, to out: Int) {
        let scale = Float(extent) / Float(out)
        for position in 0..<out {
            let source = Swift.max(scale * (Float(position) + 0.5) - 0.5, 0)
            let index = Swift.min(Int(source), extent - 1)
            first.append(Int32(index))
            weight.append(source - Float(index))
        }
    }
}
