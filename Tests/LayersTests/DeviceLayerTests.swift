import Layers
import Tensors
import Testing

/// Each layer on a device against the same layer on the processor. Sums are of another order, no more.
@Suite(.enabled(if: TestDevice.isThere, TestDevice.missing)) struct DeviceLayerTests {
    private let storage: WeightStorage
    private let tolerance = 3e-6

    init() throws { storage = try TestDevice.storage() }

    /// A convolution's dimensions.
    struct Shape: CustomTestStringConvertible {
        var frames = 1, h = 5, w = 7, from = 3, to = 4, kernel = 3, stride = 1, groups = 1
        var padding = Padding.all(1)
        var activation = Activation.none

        var testDescription: String {
            "\(frames) x \(h) x \(w) x \(from) to \(to), kernel \(kernel), stride \(stride), "
                + "groups \(groups), \(padding), \(activation)"
        }
    }

    @Test(arguments: [
        Shape(), Shape(frames: 3, h: 1, w: 1, kernel: 1, padding: .none),
        Shape(h: 9, w: 6, from: 16, to: 32, activation: .silu),
        Shape(frames: 2, h: 8, w: 9, stride: 2, padding: .bottomRight(1), activation: .relu),
        Shape(
            h: 11, w: 4, from: 6, to: 6, kernel: 7, groups: 6, padding: .all(3), activation: .gelu),
        Shape(h: 8, w: 8, from: 1, to: 1), Shape(h: 8, w: 8, kernel: 4, stride: 4, padding: .none),
        Shape(h: 32, w: 32, from: 32, to: 16, activation: .silu),
    ]) func `a convolution`(shape s: Shape) {
        let x = numbers([s.frames, s.h, s.w, s.from], seed: 1)
        let w = numbers([s.to, s.from / s.groups, s.kernel, s.kernel], seed: 2)
        let layer = { (storage: WeightStorage) in
            Convolution(
                weight: w, bias: numbers([s.to], seed: 3), stride: s.stride, padding: s.padding,
                groups: s.groups, activation: s.activation, storage: storage)
        }
        let expected = layer(WeightStorage())(x)
        let residual = numbers(expected.shape, seed: 4)

        let found = layer(storage)(x)

        #expect(found.isOnDevice)
        #expect(relativeDifference(found, expected) < tolerance)
        let added = layer(WeightStorage())(x, adding: residual)
        #expect(relativeDifference(layer(storage)(x, adding: residual), added) < tolerance)
    }

    @Test(arguments: [(1, 6, 6), (2, 16, 16)])
    func `a convolution after a norm, and of doubled pixels`(frames: Int, h: Int, w: Int) {
        let x = numbers([frames, h, w, 32], seed: 5)
        let weight = numbers([16, 32, 3, 3], seed: 6)
        let offset = numbers([frames, 32], seed: 7)
        let norm = GroupNorm(
            gain: numbers([32], seed: 8), bias: numbers([32], seed: 9), groups: 8, eps: 1e-5,
            activation: .silu)
        let here = Convolution(weight: weight, bias: nil, padding: .all(1))
        let there = Convolution(weight: weight, bias: nil, padding: .all(1), storage: storage)

        let moved = x.stored(storage)

        #expect(
            relativeDifference(
                there(moved, after: norm, offset: offset), here(x, after: norm, offset: offset))
                < 1e-5)
        #expect(relativeDifference(there(doubling: moved), here(doubling: x)) < 1e-5)
    }

    @Test func `weights that a norm was folded into`() {
        let scale = ChannelScale(scale: [2, -0.5], shift: [0.25, 1], storage: storage)
        let (x, w) = (numbers([1, 4, 3, 2], seed: 1), numbers([2, 2, 1, 1], seed: 2))

        let found = Convolution(weight: w, bias: nil, folding: scale, storage: storage)(x)

        #expect(
            relativeDifference(found, Convolution(weight: w, bias: nil, folding: scale)(x))
                < tolerance)
    }

    @Test(arguments: [(1, 1, 1), (3, 20, 48), (7, 5, 3), (600, 16, 16)])
    func `a product`(rows: Int, from: Int, to: Int) {
        let (x, w) = (numbers([rows, from], seed: 1), numbers([to, from], seed: 2))
        let (b, extra) = (numbers([to], seed: 3), numbers([1, to], seed: 4))
        let residual = numbers([rows, to], seed: 5)
        for activation in [Activation.none, .silu, .gelu, .quickGELU] {
            for bias in [b, nil] {
                let layer = { Linear(weight: w, bias: bias, activation: activation, storage: $0) }

                let found = layer(storage)(x, adding: residual, extra: extra)

                let expected = layer(WeightStorage())(x, adding: residual, extra: extra)
                #expect(found.isOnDevice)
                #expect(relativeDifference(found, expected) < 1e-5)
            }
        }
    }

    @Test(arguments: [(1, 1), (3, 7), (600, 16)]) func `a gated feed-forward layer`(
        rows: Int, channels: Int
    ) throws {
        let weights = Checkpoint.synthetic(namespace: "mini", network: "test")
        let x = numbers([rows, channels], seed: 1)
        let here = try GatedFeedForward(from: weights, channels)
        let there = try GatedFeedForward(from: weights.stored(as: .float32, on: .torch), channels)

        #expect(relativeDifference(there(x, adding: x), here(x, adding: x)) < 1e-5)
    }

    /// Queries of some batches and tokens; banks of one batch serve all.
    @Test(arguments: [1, 2, 5], [1, 6]) func `attention over banks`(batches: Int, heads: Int) {
        let c = 12, q = numbers([batches, 9, c], seed: 1).scaled(by: 3)
        let own = numbers([batches, 5, 2 * c], seed: 2), shared = numbers([1, 33, 2 * c], seed: 3)
        let attention = Attention(heads: heads)
        let there = q.stored(storage)

        for banks in [[own], [own, shared], [shared]] {
            let found = attention(TokenRows(there), banks.map { KeyValueBank($0) })

            let expected = attention(TokenRows(q), banks.map { KeyValueBank($0) })
            #expect(found.isOnDevice)
            #expect(relativeDifference(found, expected) < 1e-5)
        }
    }

    /// Scores of -30 to 30: which bank a query looks at is as good as decided, and differs from query to query.
    @Test(arguments: [WeightStorage.Precision.float32, .bfloat16])
    func `attention bank by bank is attention over all of them in a row`(
        precision: WeightStorage.Precision
    ) throws {
        let storage = try TestDevice.storage(precision)
        let c = 16, q = numbers([3, 7, c], seed: 1).scaled(by: 20)
        let banks = [numbers([3, 5, 2 * c], seed: 2), numbers([1, 9, 2 * c], seed: 3),
            numbers([1, 4, 2 * c], seed: 4)]
        func seen() -> Tensor<Float> {
            Attention(heads: 2)(TokenRows(q.stored(storage)), banks.map { KeyValueBank($0) })
        }
        let choice = try #require(DeviceChoices.all.first { $0.name == "other banks" }).choice

        let usual = seen()
        choice.toggle()
        defer { choice.toggle() }
        let other = seen()

        let expected = Attention(heads: 2)(TokenRows(q), banks.map { KeyValueBank($0) })
        let limit = precision == .float32 ? 1e-5 : 0.1
        #expect(relativeDifference(usual, expected) < limit)
        #expect(relativeDifference(other, expected) < limit)
    }

    @Test(arguments: [(1, 4), (3, 1), (4, 6)])
    func `attention across frames`(frames: Int, pixels: Int) {
        let c = 8, qkv = numbers([frames, pixels, 3 * c], seed: 4)
        let seen = { (qkv: Tensor<Float>) in
            let part = { (i: Int) in TokenRows(qkv, columns: i * c..<(i + 1) * c).acrossBatches }
            return Attention(heads: 2)(part(0), [KeyValueBank(keys: part(1), values: part(2))])
        }

        #expect(relativeDifference(seen(qkv.stored(storage)), seen(qkv)) < 1e-5)
    }

    @Test(arguments: [[1, 1, 1], [3, 5, 8], [2, 3, 3, 6]]) func `a layer norm`(shape: [Int]) throws
    {
        let c = shape[shape.count - 1]
        let x = numbers(shape, seed: 1), offset = numbers([shape[0], c], seed: 2)
        let weights = Checkpoint.synthetic(namespace: "mini", network: "test")
        let here = try LayerNorm(from: weights, c)
        let there = try LayerNorm(from: weights.stored(as: .float32, on: .torch), c)
        let bare = LayerNorm(gain: nil, bias: nil, eps: 1e-5)

        #expect(relativeDifference(there(x), here(x)) < 1e-5)
        #expect(relativeDifference(there(x, adding: offset), here(x, adding: offset)) < 1e-5)
        #expect(relativeDifference(bare(x.stored(storage)), bare(x)) < 1e-5)
    }

    @Test(arguments: [
        ([1, 1, 1, 8], 2), ([1, 1, 2, 4], 4), ([3, 5, 7, 6], 2), ([2, 9, 8], 1), ([1, 16, 16, 32], 32),
    ])
    func `a group norm`(shape: [Int], groups: Int) throws {
        let c = shape[shape.count - 1]
        let x = numbers(shape, seed: 1), offset = numbers([shape[0], c], seed: 2)
        let weights = Checkpoint.synthetic(namespace: "mini", network: "test")
        let here = try GroupNorm(from: weights, c, groups: groups, eps: 1e-5, activation: .silu)
        let there = try GroupNorm(
            from: weights.stored(as: .float32, on: .torch), c, groups: groups, eps: 1e-5,
            activation: .silu)

        #expect(relativeDifference(there(x), here(x)) < 2e-5)
        #expect(relativeDifference(there(x, adding: offset), here(x, adding: offset)) < 2e-5)
    }

    /// A mean a thousand times the deviation, as where a picture is of one colour.
    @Test func `a group norm of nearly constant numbers keeps its digits`() throws {
        let x = numbers([1, 16, 16, 32], seed: 1).scaled(by: 1e-3, plus: 1)
        let weights = Checkpoint.synthetic(namespace: "mini", network: "test")
        let here = try GroupNorm(from: weights, 32, groups: 8, eps: 1e-6)
        let there = try GroupNorm(
            from: weights.stored(as: .float32, on: .torch), 32, groups: 8, eps: 1e-6)

        #expect(relativeDifference(there(x), here(x)) < 5e-4)
    }

    @Test func `a channel scale, a response norm and means`() throws {
        let weights = Checkpoint.synthetic(namespace: "mini", network: "test")
        let x = numbers([2, 3, 5, 6], seed: 1), moved = x.stored(storage)
        let scale = { (storage: WeightStorage) in
            ChannelScale(
                scale: numbers([6], seed: 2).array, shift: numbers([6], seed: 3).array,
                activation: .relu, storage: storage)
        }
        let response = try GlobalResponseNorm(from: weights, 6)
        let there = try GlobalResponseNorm(from: weights.stored(as: .float32, on: .torch), 6)

        #expect(
            relativeDifference(scale(storage)(x), scale(WeightStorage())(x)) < tolerance)
        #expect(relativeDifference(there(x), response(x)) < tolerance)
        #expect(relativeDifference(moved.pixelMean(), x.pixelMean()) < tolerance)
    }

    /// 200 · 200 summed over 300 pixels is 12 million, which no half can be.
    @Test func `the response norm of halves does not overflow`() throws {
        let x = numbers([1, 10, 30, 4], seed: 1).scaled(by: 200)
        let weights = Checkpoint.synthetic(namespace: "mini", network: "test")
        let there = try GlobalResponseNorm(from: weights.stored(as: .float16, on: .torch), 4)

        let found = there(x)

        let expected = try GlobalResponseNorm(from: weights, 4)(x)
        #expect(relativeDifference(found, expected) < 2e-3)
    }

    @Test func `halves are as near as halves can be`() throws {
        let halves = try TestDevice.storage(.float16)
        let (x, w) = (numbers([5, 64], seed: 1), numbers([32, 64], seed: 2))

        let found = Linear(weight: w, bias: nil, storage: halves)(x)

        let error = relativeDifference(found, Linear(weight: w, bias: nil)(x))
        #expect(error < 2e-3 && error > 1e-6)
    }
}
