import Layers
import Tensors
import Testing

@Suite struct AttentionTests {
    /// Softmax attention of one query row over key rows, one head at a time, all scores stored.
    private func plain(
        _ query: [Float], _ keys: [[Float]], _ values: [[Float]], heads: Int
    ) -> [Double] {
        let d = query.count / heads
        return (0..<heads).flatMap { head -> [Double] in
            let places = head * d..<(head + 1) * d
            let scores = keys.map { key in
                places.reduce(0.0) { $0 + Double(query[$1]) * Double(key[$1]) }
                    / Double(d).squareRoot()
            }
            let top = scores.max() ?? 0
            let weights = scores.map { ExactMath.exp($0 - top) }
            let total = weights.reduce(0, +)
            return places.map { place in
                zip(weights, values).reduce(0.0) { $0 + $1.0 * Double($1.1[place]) } / total
            }
        }
    }

    private func rows(_ tensor: Tensor<Float>, _ batch: Int) -> [[Float]] {
        let (count, c) = (tensor.shape[1], tensor.shape[2])
        return (0..<count).map { row in
            (0..<c).map { tensor.pointer[(batch * count + row) * c + $0] }
        }
    }

    @Test(arguments: [(1, 8), (2, 40), (4, 12), (1, 130)])
    func `own keys and shared banks are one softmax`(heads: Int, width: Int) {
        let c = heads * width
        let q = numbers([2, 5, c], seed: 1).scaled(by: 3)
        let own = numbers([2, 7, 2 * c], seed: 2)
        let shared = numbers([1, 300, 2 * c], seed: 3)

        let y = Attention(heads: heads)(TokenRows(q), [KeyValueBank(own), KeyValueBank(shared)])

        var expected: [Double] = []
        for batch in 0..<2 {
            let pairs = rows(own, batch) + rows(shared, 0)
            for query in rows(q, batch) {
                expected += plain(
                    query, pairs.map { Array($0[..<c]) }, pairs.map { Array($0[c...]) },
                    heads: heads)
            }
        }
        #expect(y.shape == q.shape)
        #expect(difference(y, expected) < 2e-5)
    }

    /// Numbers that BF16 can hold, so that what is lost is lost on the way.
    @Test(arguments: [(1, 6, 21), (2, 40, 96), (3, 33, 97), (1, 1, 1), (8, 80, 300)])
    func `attention of narrow storage is close to that of wide`(heads: Int, width: Int, keys: Int) {
        let c = heads * width
        let short = { (shape: [Int], seed: UInt64) in
            Tensor(
                numbers(shape, seed: seed).array.map { ($0 * 64).rounded() / 64 }, shape: shape)
        }
        let q = short([1, 150, c], 4).scaled(by: 4)
        let bank = short([1, keys, 2 * c], 5)

        let narrow = Attention(heads: heads, storage: WeightStorage(.bfloat16))
        let y = narrow(TokenRows(q), [KeyValueBank(bank)])

        let pairs = rows(bank, 0)
        let expected = rows(q, 0).flatMap { query in
            plain(query, pairs.map { Array($0[..<c]) }, pairs.map { Array($0[c...]) }, heads: heads)
        }
        // Scores end at 4 and values at 1.
        #expect(difference(y, expected) < 2e-2)
    }

    @Test func `many queries go through blocks`() {
        let q = numbers([1, 150, 6], seed: 4)
        let bank = numbers([1, 20, 12], seed: 5)

        let y = Attention(heads: 1)(TokenRows(q), [KeyValueBank(bank)])

        let pairs = rows(bank, 0)
        let expected = rows(q, 0).flatMap {
            plain($0, pairs.map { Array($0[..<6]) }, pairs.map { Array($0[6...]) }, heads: 1)
        }
        #expect(difference(y, expected) < 1e-5)
    }

    @Test(arguments: [1.0, 8, 40], [3, 77, 300])
    func `scores may be far larger with later keys than with the first`(
        growth: Double, count: Int
    ) {
        let q = numbers([1, 70, 13], seed: 9).scaled(by: 4)
        let bank = numbers([1, count, 26], seed: 10)
        for row in 0..<count {
            for c in 0..<13 { bank.pointer[row * 26 + c] *= Float(Double(row) / 30 * growth) }
        }

        let y = Attention(heads: 1)(TokenRows(q), [KeyValueBank(bank)])

        let pairs = rows(bank, 0)
        let expected = rows(q, 0).flatMap {
            plain($0, pairs.map { Array($0[..<13]) }, pairs.map { Array($0[13...]) }, heads: 1)
        }
        // Scores of up to 2000 have an error of 1e-4 as numbers of 24 bits.
        #expect(difference(y, expected) < (growth > 1 ? 2e-3 : 2e-5))
    }

    @Test func `attention across batches sees the same token of every frame`() {
        let (frames, tokens, c) = (3, 4, 8)
        let qkv = numbers([frames, tokens, 3 * c], seed: 6)
        let part = { (i: Int) in TokenRows(qkv, columns: i * c..<(i + 1) * c).acrossBatches }

        let y = Attention(heads: 2)(part(0), [KeyValueBank(keys: part(1), values: part(2))])

        let all = (0..<frames).map { rows(qkv, $0) }
        var expected: [Double] = []
        for frame in 0..<frames {
            for token in 0..<tokens {
                expected += plain(
                    Array(all[frame][token][..<c]),
                    all.map { Array($0[token][c..<2 * c]) },
                    all.map { Array($0[token][(2 * c)...]) }, heads: 2)
            }
        }
        #expect(y.shape == [frames, tokens, c])
        #expect(difference(y, expected) < 1e-5)
    }

    @Test func `the number of cores does not change the result`() {
        let q = numbers([3, 200, 16], seed: 7)
        let bank = numbers([3, 50, 32], seed: 8)
        let attend = { Attention(heads: 2)(TokenRows(q), [KeyValueBank(bank)]).array }

        let one = attend()
        Compute.cores = 2
        defer { Compute.cores = 1 }

        #expect(attend() == one)
    }
}
