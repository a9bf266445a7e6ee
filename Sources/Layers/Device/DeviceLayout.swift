import Tensors

// Order, joins and sizes on a device: what the functions without `OnDevice` say of each.
extension Tensor<Float> {
    func channelsLastOnDevice(at place: DevicePlace) -> Tensor {
        let (n, c) = (shape[0], shape[1]), rows = count / n / c
        return Tensor(
            elements([n, rows, c], [rows * c, 1, rows]), [n] + shape.dropFirst(2) + [c], at: place)
    }

    func channelsFirstOnDevice(at place: DevicePlace) -> Tensor {
        let (n, c) = (shape[0], shape[shape.count - 1]), rows = count / n / c
        return Tensor(
            elements([n, c, rows], [rows * c, 1, c]), [n, c] + shape.dropFirst().dropLast(),
            at: place)
    }

    func concatenatedOnDevice(with other: Tensor, at place: DevicePlace) -> Tensor {
        let last = shape.count - 1
        let parts = [self, other].map { $0.moved(to: place).elements() }
        return Tensor(
            .joined(parts, axis: last), shape.dropLast() + [shape[last] + other.shape[last]],
            at: place)
    }

    func repeatedOnDevice(_ times: Int, at place: DevicePlace) -> Tensor {
        let d = shape[shape.count - 1]
        // A stride of 0 reads the same numbers again.
        return Tensor(
            elements([count / d, times, d], [d, 0, 1]), shape.dropLast() + [times * d], at: place)
    }

    func pixelsOfPatchesOnDevice(side: Int, patch: Int, at place: DevicePlace) -> Tensor {
        let n = shape[0], c = shape[2] / patch / patch
        let pixels = elements([n, side, side, patch, patch, c]).permuted([0, 1, 3, 2, 4, 5])
        return Tensor(pixels, [n, side * patch, side * patch, c], at: place)
    }

    /// Tensors one after the other along the slowest axis.
    init(stackingOnDevice parts: [Tensor], at place: DevicePlace) {
        let rows = parts.reduce(0) { $0 + $1.shape[0] }
        self.init(
            .joined(parts.map { $0.moved(to: place).elements() }, axis: 0),
            [rows] + parts[0].shape.dropFirst(), at: place)
    }

    func resampledOnDevice(
        to size: (h: Int, w: Int), at place: DevicePlace, _ operation: (TorchTensor) -> TorchTensor
    ) -> Tensor {
        Tensor(image: operation(image()), [shape[0], size.h, size.w, shape[3]], at: place)
    }
}
