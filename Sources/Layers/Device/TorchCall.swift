import CTorch

// Operators of ATen's that layers use, one name each. Their arguments are those of the schemas in
// PyTorch's native_functions.yaml, which the version that libtorch is told keeps the same.
extension TorchTensor {
    private static func call(_ name: String, _ overload: String, _ arguments: TorchArgument...)
        -> TorchTensor
    {
        calling(name, overload, arguments)
    }

    private static func call(_ name: String, _ arguments: TorchArgument...) -> TorchTensor {
        calling(name, "", arguments)
    }

    // MARK: Order and type

    /// `c10::MemoryFormat`.
    private static let rowMajor = 0, lastChannel = 2

    func contiguous() -> TorchTensor {
        .call("contiguous", .tensor(self), .integer(Self.rowMajor))
    }

    /// `[n, c, h, w]` with the channels next to each other in memory.
    func channelsLast() -> TorchTensor {
        .call("contiguous", .tensor(self), .integer(Self.lastChannel))
    }

    func permuted(_ order: [Int]) -> TorchTensor {
        .call("permute", .tensor(self), .integers(order))
    }

    /// `[...]` as `[..., 1]`.
    func withLastAxis() -> TorchTensor { .call("unsqueeze", .tensor(self), .integer(-1)) }

    func converted(to type: ctorch_type) -> TorchTensor {
        .call("to", "dtype", .tensor(self), .type(type), .flag(false), .flag(false), .nothing)
    }

    static func joined(_ parts: [TorchTensor], axis: Int) -> TorchTensor {
        parts.count == 1 ? parts[0] : call("cat", .tensors(parts), .integer(axis))
    }

    /// Zeros around `[n, c, h, w]`.
    func padded(left: Int, right: Int, top: Int, bottom: Int) -> TorchTensor {
        .call(
            "pad", .tensor(self), .integers([left, right, top, bottom]), .text("constant"), .nothing
        )
    }

    // MARK: Element by element

    func times(_ other: TorchTensor) -> TorchTensor {
        .call("mul", "Tensor", .tensor(self), .tensor(other))
    }

    func scaled(by factor: Double) -> TorchTensor { times(TorchTensor(factor)) }

    func divided(by other: TorchTensor) -> TorchTensor {
        .call("div", "Tensor", .tensor(self), .tensor(other))
    }

    /// The smaller of each element and a number.
    func atMost(_ limit: Double) -> TorchTensor {
        .call("minimum", .tensor(self), .tensor(TorchTensor(limit)))
    }

    func tanh() -> TorchTensor { .call("tanh", .tensor(self)) }
    func squareRoot() -> TorchTensor { .call("sqrt", .tensor(self)) }

    func activated(_ activation: Activation) -> TorchTensor {
        switch activation {
        case .none: self
        case .relu: .call("relu", .tensor(self))
        case .silu: .call("silu", .tensor(self))
        case .gelu: .call("gelu", .tensor(self), .text("none"))
        case .quickGELU: times(scaled(by: 1.702).sigmoid())
        }
    }

    func sigmoid() -> TorchTensor { .call("sigmoid", .tensor(self)) }

    /// Another in place of this by the share of it that `weight` says.
    func mixed(with other: TorchTensor, _ weight: TorchTensor) -> TorchTensor {
        .call("lerp", "Tensor", .tensor(self), .tensor(other), .tensor(weight))
    }

    /// log(eᵃ + eᵇ).
    func addedAsLogarithm(to other: TorchTensor) -> TorchTensor {
        .call("logaddexp", .tensor(self), .tensor(other))
    }

    // MARK: Over axes

    func summed(over axes: [Int]) -> TorchTensor {
        .call(
            "sum", "dim_IntList", .tensor(self), .optionalIntegers(axes), .flag(true), .nothing)
    }

    /// - Parameter keeps: whether the axes stay, with extent 1.
    func mean(over axes: [Int], keeps: Bool) -> TorchTensor {
        .call("mean", "dim", .tensor(self), .optionalIntegers(axes), .flag(keeps), .nothing)
    }

    // MARK: Layers

    /// - Parameter tries: whether cuDNN measures its ways the first time that it meets a shape, and keeps the
    ///   fastest.
    func convolved(
        _ weight: TorchTensor, bias: TorchTensor?, stride: Int, padding: Int, groups: Int,
        tries: Bool
    ) -> TorchTensor {
        // F32 stays F32: cuDNN would else round to the 10 digits of TF32.
        .call(
            "_convolution", .tensor(self), .tensor(weight), .optional(bias),
            .integers([stride, stride]), .integers([padding, padding]), .integers([1, 1]),
            .flag(false), .integers([0, 0]), .integer(groups), .flag(tries), .flag(false),
            .flag(true), .flag(false))
    }

    /// Rows times the transpose of `[out, in]`.
    func multiplied(_ weight: TorchTensor, bias: TorchTensor?) -> TorchTensor {
        .call("linear", .tensor(self), .tensor(weight), .optional(bias))
    }

    func layerNormalised(
        _ channels: Int, gain: TorchTensor?, bias: TorchTensor?, eps: Double
    ) -> TorchTensor {
        .call(
            "layer_norm", .tensor(self), .integers([channels]), .optional(gain), .optional(bias),
            .number(eps), .flag(true))
    }

    func groupNormalised(
        _ groups: Int, gain: TorchTensor, bias: TorchTensor, eps: Double
    ) -> TorchTensor {
        .call(
            "group_norm", .tensor(self), .integer(groups), .optional(gain), .optional(bias),
            .number(eps), .flag(true))
    }

    /// Queries `[b, heads, tokens, d]` over keys and values with tokens of their own.
    func attending(to keys: TorchTensor, _ values: TorchTensor) -> TorchTensor {
        .call(
            "scaled_dot_product_attention", .tensor(self), .tensor(keys), .tensor(values), .nothing,
            .number(0), .flag(false), .nothing, .flag(false))
    }

    // MARK: Images [n, c, h, w]

    func maxPooled2() -> TorchTensor {
        .call(
            "max_pool2d", .tensor(self), .integers([2, 2]), .integers([2, 2]), .integers([0, 0]),
            .integers([1, 1]), .flag(false))
    }

    func nearest(_ h: Int, _ w: Int) -> TorchTensor {
        .call("upsample_nearest2d", .tensor(self), .integers([h, w]), .nothing, .nothing)
    }

    func bilinear(_ h: Int, _ w: Int) -> TorchTensor {
        .call(
            "upsample_bilinear2d", .tensor(self), .integers([h, w]), .flag(false), .nothing,
            .nothing)
    }
}
