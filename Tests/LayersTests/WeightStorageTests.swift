import Layers
import Tensors
import Testing

@Suite struct WeightStorageTests {
    /// Numbers that BF16 can hold exactly.
    private func short(_ shape: [Int], seed: UInt64) -> Tensor<Float> {
        Tensor(numbers(shape, seed: seed).array.map { ($0 * 64).rounded() / 64 }, shape: shape)
    }

    /// Rows too, since they are rounded where the processor multiplies BF16.
    @Test(arguments: [
        (3, 20, 48), (37, 300, 80), (600, 16, 16), (7, 2, 64), (5, 33, 128), (140, 2600, 144),
    ])
    func `a product of short numbers with narrow weights equals one with wide weights`(
        rows: Int, from: Int, to: Int
    ) {
        let (x, w, b) = (
            short([rows, from], seed: 1), short([to, from], seed: 2), numbers([to], seed: 3)
        )
        let residual = numbers([rows, to], seed: 4)
        let wide = Linear(weight: w, bias: b, activation: .relu)
        let narrow = Linear(weight: w, bias: b, activation: .relu, storage: WeightStorage(.bfloat16))

        let expected = wide(x, adding: residual).array.map(Double.init)

        #expect(difference(narrow(x, adding: residual), expected) < 1e-4)
    }

    @Test(arguments: [3, 8, 16], [false, true])
    func `a convolution with narrow weights is close to one with wide weights`(
        side: Int, isCompact: Bool
    ) {
        let (x, w) = (numbers([1, side, side, 32], seed: 5), short([48, 32, 3, 3], seed: 6))
        let storage = WeightStorage(.bfloat16, isCompact: isCompact)
        let wide = Convolution(weight: w, bias: nil, padding: .all(1))
        let narrow = Convolution(weight: w, bias: nil, padding: .all(1), storage: storage)

        let expected = wide(x).array.map(Double.init)

        // Sums of 288 products reach 20; the frequencies of exact weights are rounded.
        for _ in 0..<2 { #expect(difference(narrow(x), expected) < (isCompact ? 1e-4 : 0.2)) }
    }

    @Test func `a compact layer gives the same`() {
        let (x, w) = (numbers([1, 16, 16, 32], seed: 7), numbers([48, 32, 3, 3], seed: 8))
        let layer = Convolution(
            weight: w, bias: nil, padding: .all(1), storage: WeightStorage(isCompact: true))

        let expected = Convolution(weight: w, bias: nil, padding: .all(1))(x)

        #expect(difference(layer(x), expected.array.map(Double.init)) < 1e-4)
    }
}
