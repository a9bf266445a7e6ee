import Layers
import Tensors

/// Numbers in -1..<1 that look random and are the same in every run.
func numbers(_ shape: [Int], seed: UInt64) -> Tensor<Float> {
    var state = seed &* 0x9E37_79B9_7F4A_7C15 | 1
    let values = (0..<shape.reduce(1, *)).map { _ -> Float in
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Float(state >> 40) / Float(1 << 23) - 1
    }
    return Tensor(values, shape: shape)
}

/// Largest difference between a result and what a plain loop says.
func difference(_ tensor: Tensor<Float>, _ expected: [Double]) -> Double {
    guard tensor.count == expected.count else { return .infinity }
    return zip(tensor.array, expected).reduce(0) { max($0, abs(Double($1.0) - $1.1)) }
}
