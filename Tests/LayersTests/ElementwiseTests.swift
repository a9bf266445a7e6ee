import Layers
import Tensors
import Testing

@Suite struct ElementwiseTests {
    private let x = numbers([3, 37], seed: 1).scaled(by: 6)

    private func expect(
        _ y: Tensor<Float>, within limit: Double = 2e-6, _ f: (Double) -> Double
    ) {
        #expect(difference(y, x.array.map { f(Double($0)) }) < limit)
    }

    @Test func `activations are those of their formulas`() {
        expect(x.relu()) { max($0, 0) }
        expect(x.silu()) { $0 / (1 + ExactMath.exp(-$0)) }
        expect(x.applying(.gelu)) { 0.5 * $0 * (1 + ExactMath.erf($0 / 2.0.squareRoot())) }
        expect(x.applying(.quickGELU)) { $0 / (1 + ExactMath.exp(-1.702 * $0)) }
        expect(x.softlyClamped(to: 3)) { 3 * ExactMath.tanh($0 / 3) }
        expect(x.scaled(by: 2, plus: -1)) { 2 * $0 - 1 }
    }

    @Test func `a soft clamp keeps small numbers`() {
        let small = Tensor<Float>([1e-4, -0.3, 0.59, 0.61], shape: [4])

        let y = small.softlyClamped(to: 3)

        let expected = small.array.map { 3 * ExactMath.tanh(Double($0) / 3) }
        #expect(difference(y, expected) < 1e-7)
    }

    @Test func `geglu takes the value first and the gate second`() {
        let rows = numbers([2, 38], seed: 2)

        let y = rows.geglu()

        let expected = (0..<2).flatMap { row in
            (0..<19).map { c -> Double in
                let value = Double(rows.pointer[row * 38 + c])
                let gate = Double(rows.pointer[row * 38 + 19 + c])
                return value * 0.5 * gate * (1 + ExactMath.erf(gate / 2.0.squareRoot()))
            }
        }
        #expect(difference(y, expected) < 1e-6)
    }

    @Test func `bytes are truncated and clamped`() {
        let image = Tensor<Float>([-1.5, -1, 0, 0.9999, 1, 7], shape: [1, 1, 2, 3])

        #expect(image.rgb8().array == [0, 0, 127, 254, 255, 255])
    }

    @Test func `a row is added per frame or to all`() {
        let y = Tensor<Float>([1, 2, 3, 4], shape: [2, 1, 2])

        #expect(y.adding(perChannel: Tensor([10, 20], shape: [2])).array == [11, 22, 13, 24])
        let each = Tensor<Float>([10, 20, 30, 40], shape: [2, 2])
        #expect(y.adding(perChannel: each).array == [11, 22, 33, 44])
    }

    @Test func `channels move first and last`() {
        let image = numbers([2, 3, 4, 5], seed: 3)

        let back = image.channelsLast().channelsFirst()

        #expect(image.channelsLast().shape == [2, 4, 5, 3])
        #expect(image.channelsLast().pointer[1] == image.pointer[20])
        #expect(back.array == image.array)
    }

    @Test func `channels are joined pixel by pixel`() {
        let a = Tensor<Float>([1, 2, 3, 4], shape: [1, 2, 2])
        let b = Tensor<Float>([9, 8], shape: [1, 2, 1])

        #expect(a.concatenated(with: b).array == [1, 2, 9, 3, 4, 8])
    }

    @Test func `pooling drops the odd row and doubling repeats`() {
        let image = Tensor<Float>([1, 5, 2, 3, 4, 0, 9, 9, 9], shape: [1, 3, 3, 1])

        #expect(image.maxPooled2().array == [5])
        let pair = Tensor<Float>([1, 2], shape: [1, 1, 2, 1])
        #expect(pair.doubled().array == [1, 1, 2, 2, 1, 1, 2, 2])
    }

    @Test func `halving by bilinear sampling is the mean of four`() {
        let image = Tensor<Float>([1, 2, 3, 5, 8, 13, 21, 34], shape: [1, 2, 4, 1])

        #expect(image.bilinear(height: 1, width: 2).array == [6, 15.75])
        #expect(image.bilinear(height: 2, width: 4).array == image.array)
    }

    @Test func `a map is sampled where it is mapped to, and is zero outside of it`() {
        let image = Tensor<Float>([1, 2, 3, 5, 8, 13, 21, 34, 55, 1, 0, -4], shape: [1, 2, 3, 2])
        // Turned, stretched, and partly outside on all sides.
        let map = PictureMap(xx: 0.6, xy: 0.3, x0: -0.4, yx: -0.2, yy: 0.7, y0: 0.5)

        let found = image.sampled(map, height: 4, width: 6)

        var expected: [Float] = []
        for row in 0..<4 {
            for column in 0..<6 {
                let place = map(SIMD2(Float(column) + 0.5, Float(row) + 0.5)) - 0.5
                for channel in 0..<2 {
                    var sum: Float = 0
                    for y in 0..<2 {
                        for x in 0..<3 {
                            let near = max(1 - abs(place.x - Float(x)), 0)
                                * max(1 - abs(place.y - Float(y)), 0)
                            sum += near * image.array[(y * 3 + x) * 2 + channel]
                        }
                    }
                    let isInside = 0...2 ~= place.x && 0...1 ~= place.y
                    expected.append(isInside ? sum : 0)
                }
            }
        }
        #expect(expected.contains(0) && expected.contains { $0 != 0 })
        for (one, other) in zip(found.array, expected) { #expect(abs(one - other) < 1e-5) }
    }

    @Test func `memory comes back to the pool`() {
        let address = { UInt(bitPattern: Tensor<Float>(pooled: [123, 457]).pointer) }

        #expect(address() == address())
    }
}
