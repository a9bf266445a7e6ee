import Layers
import Tensors
import Testing

@Suite struct GlobalResponseNormTests {
    @Test func `each frame's channels are scaled by their share of its response`() throws {
        let weights = Checkpoint.synthetic(namespace: "tests", network: "response")
        let norm = try GlobalResponseNorm(from: weights, 5)
        let x = SyntheticStream("x").gauss([2, 3, 4, 5])

        let y = norm(x)

        let gain = try weights.tensor("gamma", [1, 1, 1, 5]).array
        let bias = try weights.tensor("beta", [1, 1, 1, 5]).array
        for frame in 0..<2 {
            let values = x.rows(frame..<frame + 1).array
            let strength = (0..<5).map { c in
                stride(from: c, to: 60, by: 5).reduce(0.0) {
                    $0 + Double(values[$1]) * Double(values[$1])
                }.squareRoot()
            }
            let mean = strength.reduce(0, +) / 5 + 1e-6
            for (index, value) in y.rows(frame..<frame + 1).array.enumerated() {
                let c = index % 5, input = Double(values[index])
                let expected =
                    Double(gain[c]) * (input * strength[c] / mean) + Double(bias[c]) + input
                #expect(abs(Double(value) - expected) < 1e-6)
            }
        }
    }

    @Test func `the mean over pixels keeps frames and channels apart`() {
        let x = Tensor<Float>([1, 10, 3, 30, 5, 50, 7, 70], shape: [2, 1, 2, 2])

        #expect(x.pixelMean().array == [2, 20, 6, 60])
    }
}
