import CTorch
import Tensors

/// A convolution on a device.
struct DeviceConvolution {
    private let place: DevicePlace
    private let weight: TorchTensor
    private let bias: TorchTensor?
    private let stride, groups, outChannels, kernel: Int
    private let padding: Padding

    /// - Parameters:
    ///   - weight: `[out, in / groups, kernel, kernel]`.
    ///   - bias: `[out]`.
    init(
        _ weight: Tensor<Float>, bias: Tensor<Float>?, stride: Int, padding: Padding, groups: Int,
        at place: DevicePlace
    ) {
        self.place = place
        (outChannels, kernel) = (weight.shape[0], weight.shape[2])
        // Weights in the images' order: else each call would bring one of them into the other's.
        self.weight = weight.moved(to: place).elements().channelsLast()
        self.bias = bias?.moved(to: place).elements()
        (self.stride, self.padding, self.groups) = (stride, padding, groups)
    }

    /// What comes of an image of the shape of `x`.
    func shape(of x: Tensor<Float>) -> [Int] {
        [
            x.shape[0], (x.shape[1] + padding.top + padding.bottom - kernel) / stride + 1,
            (x.shape[2] + padding.left + padding.right - kernel) / stride + 1, outChannels,
        ]
    }

    /// `[n, h, w, in]` to `[n, h', w', out]`.
    func callAsFunction(
        _ x: Tensor<Float>, adding residual: Tensor<Float>?, _ activation: Activation
    ) -> Tensor<Float> {
        let shape = shape(of: x)
        precondition(residual == nil || residual?.shape == shape, "cannot add to \(shape)")
        var image = x.moved(to: place).image()
        if !padding.isEven {
            image = image.padded(
                left: padding.left, right: padding.right, top: padding.top, bottom: padding.bottom)
        }
        var y = image.convolved(
            weight, bias: bias, stride: stride, padding: padding.isEven ? padding.top : 0,
            groups: groups, tries: place.device.isCUDA && DeviceChoices.benchmark.isOn(true))
        if let residual { y = y.adding(residual.moved(to: place).image()) }
        return Tensor(image: y.activated(activation), shape, at: place)
    }
}

extension Padding {
    fileprivate var isEven: Bool { top == bottom && top == left && top == right }
}

extension Tensor<Float> {
    /// `[n, h, w, c]` on a device as libtorch's `[n, c, h, w]`, with the channels next to each other as
    /// they are.
    func image() -> TorchTensor {
        let (n, h, w, c) = (shape[0], shape[1], shape[2], shape[3])
        return elements([n, c, h, w], [h * w * c, 1, w * c, c])
    }

    /// `[n, h, w, c]` from libtorch's `[n, c, h, w]`.
    init(image: TorchTensor, _ shape: [Int], at place: DevicePlace) {
        self.init(image.permuted([0, 2, 3, 1]), shape, at: place)
    }
}
