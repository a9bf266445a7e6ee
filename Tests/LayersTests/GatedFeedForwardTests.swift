import Layers
import Tensors
import Testing

@Suite struct GatedFeedForwardTests {
    @Test(arguments: [1, 2])
    func `many rows, which go through both products at once, give what few give`(cores: Int) throws
    {
        let checkpoint = Checkpoint.synthetic(namespace: "mini", network: "denoising_unet")
        let layer = try GatedFeedForward(from: checkpoint.scope("ff"), 32)
        let (x, residual) = (numbers([601, 32], seed: 1), numbers([601, 32], seed: 2))
        Compute.cores = cores
        defer { Compute.cores = 1 }

        let whole = layer(x, adding: residual)

        for rows in [0..<300, 300..<601] {
            let part = layer(x.rows(rows), adding: residual.rows(rows))
            #expect(difference(whole.rows(rows), part.array.map(Double.init)) < 1e-5)
        }
    }

    @Test func `narrow weights give what wide ones give, but for rounding`() throws {
        let checkpoint = Checkpoint.synthetic(namespace: "mini", network: "denoising_unet").scope("ff")
        let wide = try GatedFeedForward(from: checkpoint, 32)
        let narrow = try GatedFeedForward(from: checkpoint.stored(as: .bfloat16), 32)
        let x = numbers([601, 32], seed: 1), none = Tensor<Float>(repeating: 0, shape: [601, 32])

        #expect(relativeDifference(narrow(x, adding: none), wide(x, adding: none)) < 2e-2)
    }
}
