import CTorch
import Tensors

extension LayerNorm {
    /// The same on a device.
    func onDevice(
        _ x: Tensor<Float>, adding offset: Tensor<Float>?, at place: DevicePlace
    ) -> Tensor<Float> {
        let y = x.moved(to: place).elements().layerNormalised(
            x.shape[x.shape.count - 1], gain: gain?.moved(to: place).elements(),
            bias: bias?.moved(to: place).elements(), eps: Double(eps))
        let normed = Tensor<Float>(y, x.shape, at: place)
        return offset.map { normed.adding(perChannel: $0) } ?? normed
    }
}

extension GroupNorm {
    /// The same on a device.
    func onDevice(
        _ x: Tensor<Float>, adding offset: Tensor<Float>?, at place: DevicePlace
    ) -> Tensor<Float> {
        let x = (offset.map { x.adding(perChannel: $0) } ?? x).moved(to: place)
        let (n, c) = (x.shape[0], x.shape[x.shape.count - 1])
        let rows = x.count / n / c
        // ATen's kernel for channels that lie next to each other loses digits on the processor where the
        // variance is small: 6.8e-4 of the fixture mini_small_variance, against 5.7e-6 so.
        let image = x.elements([n, c, rows, 1], [rows * c, 1, c, c]).contiguous()
        let y = image.groupNormalised(
            groups, gain: gain.moved(to: place).elements(), bias: bias.moved(to: place).elements(),
            eps: Double(eps))
        return Tensor(y.activated(activation).permuted([0, 2, 3, 1]), x.shape, at: place)
    }
}

extension ChannelScale {
    /// The same on a device; `factors` are `[2, channels]` there.
    static func onDevice(
        _ x: Tensor<Float>, _ factors: Tensor<Float>, _ activation: Activation,
        at place: DevicePlace
    ) -> Tensor<Float> {
        let c = x.shape[x.shape.count - 1], factors = factors.moved(to: place)
        let y = x.moved(to: place).elements().times(factors.elements([c]))
            .adding(factors.elements([c], offset: c))
        return Tensor(y.activated(activation), x.shape, at: place)
    }
}

extension GlobalResponseNorm {
    /// The same on a device. Sums of squares are F32: beyond 65504 halves end.
    func onDevice(_ x: Tensor<Float>, at place: DevicePlace) -> Tensor<Float> {
        let (n, c) = (x.shape[0], x.shape[x.shape.count - 1])
        let flat = [n, x.count / n / c, c]
        let wide = x.moved(to: place).elements(flat).converted(to: CTORCH_FLOAT32)
        let strength = wide.times(wide).summed(over: [1]).squareRoot()
        let mean = strength.mean(over: [2], keeps: true).adding(TorchTensor(1e-6))
        let relative = strength.divided(by: mean).converted(to: place.type)
        let y = x.moved(to: place).elements(flat)
        let scaled = y.times(relative).times(gain.moved(to: place).elements([c]))
        let shifted = scaled.adding(bias.moved(to: place).elements([c])).adding(y)
        return Tensor(shifted, x.shape, at: place)
    }
}

extension Tensor<Float> {
    /// ``pixelMean()`` on a device.
    func pixelMeanOnDevice(at place: DevicePlace) -> Tensor {
        let (n, c) = (shape[0], shape[shape.count - 1])
        return Tensor(
            elements([n, count / n / c, c]).mean(over: [1], keeps: false), [n, c], at: place)
    }
}
