import Tensors

/// A product of token rows with a matrix on a device.
struct DeviceLinear {
    private let place: DevicePlace
    private let weight: TorchTensor
    private let bias: TorchTensor?
    private let inChannels, outChannels: Int

    /// - Parameters:
    ///   - weight: `[out, in]`, further axes being 1.
    ///   - bias: `[out]`.
    init(_ weight: Tensor<Float>, bias: Tensor<Float>?, at place: DevicePlace) {
        self.place = place
        (outChannels, inChannels) = (weight.shape[0], weight.shape[1])
        self.weight = weight.moved(to: place).elements([outChannels, inChannels])
        self.bias = bias?.moved(to: place).elements()
    }

    /// `[..., in]` to `[..., out]`.
    func callAsFunction(
        _ x: Tensor<Float>, adding residual: Tensor<Float>?, extra: Tensor<Float>?,
        _ activation: Activation
    ) -> Tensor<Float> {
        let rows = x.count / inChannels
        var sum = bias
        if let extra {
            let row = extra.moved(to: place).elements([outChannels])
            sum = bias.map { $0.adding(row) } ?? row
        }
        var y = x.moved(to: place).elements([rows, inChannels]).multiplied(weight, bias: sum)
        if let residual { y = y.adding(residual.moved(to: place).elements([rows, outChannels])) }
        return Tensor(y.activated(activation), x.shape.dropLast() + [outChannels], at: place)
    }
}
