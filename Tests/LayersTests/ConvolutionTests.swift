import Layers
import Tensors
import Testing

@Suite struct ConvolutionTests {
    /// Cross-correlation with zeros around the image, one output number at a time.
    private func plain(
        _ x: Tensor<Float>, _ weight: Tensor<Float>, _ bias: Tensor<Float>?, stride: Int,
        top: Int, left: Int, out: (h: Int, w: Int), groups: Int = 1
    ) -> [Double] {
        let (n, h, w, c) = (x.shape[0], x.shape[1], x.shape[2], x.shape[3])
        let (o, i, k) = (weight.shape[0], weight.shape[1], weight.shape[2])
        var y: [Double] = []
        for frame in 0..<n {
            for row in 0..<out.h {
                for column in 0..<out.w {
                    for channel in 0..<o {
                        var sum = Double(bias?.array[channel] ?? 0)
                        for a in 0..<k {
                            for b in 0..<k {
                                let (r, q) = (row * stride + a - top, column * stride + b - left)
                                guard r >= 0, q >= 0, r < h, q < w else { continue }
                                for m in 0..<i {
                                    let source = channel / (o / groups) * i + m
                                    sum +=
                                        Double(x.pointer[((frame * h + r) * w + q) * c + source])
                                        * Double(
                                            weight.pointer[((channel * i + m) * k + a) * k + b])
                                }
                            }
                        }
                        y.append(sum)
                    }
                }
            }
        }
        return y
    }

    @Test func `a padded convolution equals the plain loop`() {
        let (x, w, b) = (
            numbers([2, 5, 6, 3], seed: 1), numbers([4, 3, 3, 3], seed: 2), numbers([4], seed: 3)
        )

        let y = Convolution(weight: w, bias: b, padding: .all(1))(x)

        #expect(y.shape == [2, 5, 6, 4])
        let expected = plain(x, w, b, stride: 1, top: 1, left: 1, out: (5, 6))
        #expect(difference(y, expected) < 1e-5)
    }

    @Test func `zeros may be on the bottom and right only`() {
        let (x, w) = (numbers([1, 6, 4, 2], seed: 4), numbers([3, 2, 3, 3], seed: 5))

        let y = Convolution(weight: w, bias: nil, stride: 2, padding: .bottomRight(1))(x)

        #expect(y.shape == [1, 3, 2, 3])
        #expect(difference(y, plain(x, w, nil, stride: 2, top: 0, left: 0, out: (3, 2))) < 1e-5)
    }

    @Test func `a depthwise convolution keeps channels apart`() {
        let (x, w, b) = (
            numbers([1, 8, 8, 20], seed: 6), numbers([20, 1, 7, 7], seed: 7), numbers([20], seed: 8)
        )

        let y = Convolution(weight: w, bias: b, padding: .all(3), groups: 20)(x)

        let expected = plain(x, w, b, stride: 1, top: 3, left: 3, out: (8, 8), groups: 20)
        #expect(difference(y, expected) < 1e-5)
    }

    @Test func `the residual is added before the activation`() {
        let (x, w) = (numbers([1, 4, 4, 16], seed: 9), numbers([16, 16, 3, 3], seed: 10))
        let residual = numbers([1, 4, 4, 16], seed: 11)
        let layer = Convolution(weight: w, bias: nil, padding: .all(1), activation: .relu)

        let y = layer(x, adding: residual)

        let sums = plain(x, w, nil, stride: 1, top: 1, left: 1, out: (4, 4))
        let expected = zip(sums, residual.array).map { max($0 + Double($1), 0) }
        #expect(difference(y, expected) < 1e-5)
    }

    @Test func `four channels and a residual are right too`() {
        let (x, w) = (numbers([2, 6, 6, 4], seed: 20), numbers([32, 4, 3, 3], seed: 21))
        let residual = numbers([2, 6, 6, 32], seed: 22)

        let y = Convolution(weight: w, bias: nil, padding: .all(1))(x, adding: residual)

        let sums = plain(x, w, nil, stride: 1, top: 1, left: 1, out: (6, 6))
        #expect(difference(y, zip(sums, residual.array).map { $0 + Double($1) }) < 1e-5)
    }

    @Test func `one layer serves several shapes with the same weights`() {
        let w = numbers([40, 24, 3, 3], seed: 12)
        let layer = Convolution(weight: w, bias: nil, padding: .all(1))

        for (h, wide) in [(4, 4), (1, 1), (9, 17), (4, 4)] {
            let x = numbers([1, h, wide, 24], seed: UInt64(h))
            let expected = plain(x, w, nil, stride: 1, top: 1, left: 1, out: (h, wide))
            #expect(difference(layer(x), expected) < 1e-4)
        }
    }

    @Test(arguments: [(18, 21), (9, 11)])
    func `images of every size give the same, whatever their edges and channels`(h: Int, wide: Int) {
        // 48 and 80 channels end panels early; the images end tiles of 4 and of 2 early.
        let (x, w, b) = (
            numbers([2, h, wide, 48], seed: 23), numbers([80, 48, 3, 3], seed: 24),
            numbers([80], seed: 25)
        )
        let residual = numbers([2, h, wide, 80], seed: 26)
        let layer = Convolution(weight: w, bias: b, padding: .all(1), activation: .relu)

        let y = layer(x, adding: residual)

        let sums = plain(x, w, b, stride: 1, top: 1, left: 1, out: (h, wide))
        let expected = zip(sums, residual.array).map { max($0 + Double($1), 0) }
        #expect(difference(y, expected) < 1e-4)
    }

    @Test func `doubling while reading equals doubling before`() {
        for side in [4, 9] {
            let (x, w) = (numbers([2, side, 11, 16], seed: 27), numbers([32, 16, 3, 3], seed: 28))

            let y = Convolution(weight: w, bias: nil, padding: .all(1))(doubling: x)

            let out = (2 * side, 22)
            let expected = plain(x.doubled(), w, nil, stride: 1, top: 1, left: 1, out: out)
            #expect(difference(y, expected) < 1e-4)
        }
    }

    @Test func `normalising while reading equals normalising before`() {
        for side in [4, 17] {
            let (x, w) = (numbers([2, side, 16, 32], seed: 29), numbers([16, 32, 3, 3], seed: 30))
            let norm = GroupNorm(
                gain: numbers([32], seed: 31), bias: numbers([32], seed: 32), groups: 4, eps: 1e-5,
                activation: .silu)
            let offset = numbers([2, 32], seed: 33)

            let y = Convolution(weight: w, bias: nil, padding: .all(1))(
                x, after: norm, offset: offset)

            let normed = norm(x, adding: offset)
            let expected = plain(normed, w, nil, stride: 1, top: 1, left: 1, out: (side, 16))
            #expect(difference(y, expected) < 1e-4)
        }
    }

    @Test func `a layer that began with large images serves small ones`() {
        let w = numbers([16, 16, 3, 3], seed: 34)
        let layer = Convolution(weight: w, bias: nil, padding: .all(1))

        for (h, wide) in [(16, 16), (3, 2), (1, 40)] {
            let x = numbers([1, h, wide, 16], seed: UInt64(h))
            let expected = plain(x, w, nil, stride: 1, top: 1, left: 1, out: (h, wide))
            #expect(difference(layer(x), expected) < 1e-4)
        }
    }

    @Test func `a batch normalisation folds into the weights`() {
        let (x, w, b) = (
            numbers([1, 3, 3, 2], seed: 13), numbers([2, 2, 1, 1], seed: 14), numbers([2], seed: 15)
        )
        let scale = ChannelScale(scale: [2, -0.5], shift: [0.25, 1])

        let folded = Convolution(weight: w, bias: b, folding: scale)(x)

        let apart = scale(Convolution(weight: w, bias: b)(x))
        #expect(difference(folded, apart.array.map(Double.init)) < 1e-5)
    }

    @Test func `a linear layer equals the plain loop`() {
        let (x, w, b) = (
            numbers([2, 3, 20], seed: 16), numbers([7, 20], seed: 17), numbers([7], seed: 18)
        )
        let residual = numbers([2, 3, 7], seed: 19)

        let y = Linear(weight: w, bias: b)(x, adding: residual)

        var expected: [Double] = []
        for row in 0..<6 {
            for out in 0..<7 {
                let products = (0..<20).map {
                    Double(x.pointer[row * 20 + $0]) * Double(w.pointer[out * 20 + $0])
                }
                expected.append(
                    products.reduce(0, +) + Double(b.pointer[out])
                        + Double(residual.pointer[row * 7 + out]))
            }
        }
        #expect(y.shape == [2, 3, 7])
        #expect(difference(y, expected) < 1e-5)
    }
}
