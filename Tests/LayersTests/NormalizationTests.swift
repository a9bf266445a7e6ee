import Layers
import Tensors
import Testing

@Suite struct NormalizationTests {
    @Test func `layer norm makes each row's mean 0 and variance 1`() {
        let x = numbers([5, 19], seed: 1)
        let (gain, bias) = (numbers([19], seed: 2), numbers([19], seed: 3))

        let y = LayerNorm(gain: gain, bias: bias, eps: 1e-3)(x)

        var expected: [Double] = []
        for row in 0..<5 {
            let values = (0..<19).map { Double(x.pointer[row * 19 + $0]) }
            let mean = values.reduce(0, +) / 19
            let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 19
            expected += values.indices.map {
                (values[$0] - mean) / (variance + 1e-3).squareRoot() * Double(gain.pointer[$0])
                    + Double(bias.pointer[$0])
            }
        }
        #expect(difference(y, expected) < 1e-5)
    }

    /// Statistics over the rows and channels of one group of one frame.
    private func plain(
        _ x: [Double], frames: Int, rows: Int, channels: Int, groups: Int, gain: [Float],
        bias: [Float], eps: Double
    ) -> [Double] {
        var y = x
        let width = channels / groups
        for frame in 0..<frames {
            for group in 0..<groups {
                let places = (0..<rows).flatMap { row in
                    (0..<width).map { (frame * rows + row) * channels + group * width + $0 }
                }
                let mean = places.reduce(0) { $0 + x[$1] } / Double(places.count)
                let variance =
                    places.reduce(0) { $0 + (x[$1] - mean) * (x[$1] - mean) }
                    / Double(places.count)
                for place in places {
                    let c = place % channels
                    y[place] =
                        (x[place] - mean) / (variance + eps).squareRoot() * Double(gain[c])
                        + Double(bias[c])
                }
            }
        }
        return y
    }

    @Test(arguments: [(8, 4), (36, 12), (640, 32)])
    func `group norm takes each frame by itself`(channels: Int, groups: Int) {
        let x = numbers([2, 7, 5, channels], seed: 4)
        let (gain, bias) = (numbers([channels], seed: 5), numbers([channels], seed: 6))

        let y = GroupNorm(gain: gain, bias: bias, groups: groups, eps: 1e-2)(x)

        let expected = plain(
            x.array.map(Double.init), frames: 2, rows: 35, channels: channels, groups: groups,
            gain: gain.array, bias: bias.array, eps: 1e-2)
        #expect(difference(y, expected) < 1e-5)
    }

    @Test func `group norm adds an offset to each frame first`() {
        let x = numbers([2, 3, 3, 8], seed: 7)
        let offset = numbers([2, 8], seed: 8)
        let layer = GroupNorm(
            gain: numbers([8], seed: 9), bias: numbers([8], seed: 10), groups: 2, eps: 1e-5,
            activation: .silu)

        let y = layer(x, adding: offset)

        let apart = layer(x.adding(perChannel: offset))
        #expect(difference(y, apart.array.map(Double.init)) < 1e-5)
    }

    @Test func `group norm keeps its digits far from zero`() {
        let x = numbers([1, 40, 40, 4], seed: 11).scaled(by: 1, plus: 1000)
        let (gain, bias) = (Tensor<Float>(repeating: 1, shape: [4]), numbers([4], seed: 12))

        let y = GroupNorm(gain: gain, bias: bias, groups: 2, eps: 1e-5)(x)

        let expected = plain(
            x.array.map(Double.init), frames: 1, rows: 1600, channels: 4, groups: 2,
            gain: gain.array, bias: bias.array, eps: 1e-5)
        #expect(difference(y, expected) < 2e-3)
    }
}
