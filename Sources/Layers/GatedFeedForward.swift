import Tensors

/// The transformer's feed-forward layer with a GELU gate (GEGLU, arXiv 2002.05202), plus a residual.
///
/// Rows go through in blocks, so that the hidden values, eight times as wide, stay in the cache:
/// whole, they would take 670 MB at the top of the full denoiser.
package final class GatedFeedForward {
    private let expand, contract: Linear

    /// A layer read from `net.0.proj` (channels to 8 · channels) and `net.2` (4 · channels to
    /// channels) of a checkpoint's scope.
    package init(from checkpoint: Checkpoint, _ channels: Int) throws(CheckpointError) {
        expand = try Linear(from: checkpoint.scope("net.0.proj"), channels, 8 * channels)
        contract = try Linear(from: checkpoint.scope("net.2"), 4 * channels, channels)
    }

    /// `[..., channels]` to the same shape, with `residual` added.
    package func callAsFunction(
        _ x: Tensor<Float>, adding residual: Tensor<Float>
    ) -> Tensor<Float> {
        if expand.isOnDevice { return contract(expand(x).geglu(), adding: residual) }
        let c = expand.inChannels
        let flat = [x.count / c, c]
        let y = Tensor<Float>(pooled: x.shape)
        let (from, added, into) = (x.reshaped(flat), residual.reshaped(flat), y.reshaped(flat))
        if let wide = expand.packed, wide.canGate, let narrow = contract.packed,
            flat[0] >= PackedProduct.fewRows
        {
            Profile.measure(
                "feed-forward \(flat[0]) x \(c)", work: 24 * flat[0] * c * c
            ) {
                apart(from, wide, narrow, adding: added, into: into)
            }
        } else {
            together(from, adding: added, into: into)
        }
        return y
    }

    /// Each core takes rows through both products; the gate is closed where the first is written, so
    /// that only a half of its columns goes to memory.
    private func apart(
        _ x: Tensor<Float>, _ wide: PackedProduct, _ narrow: PackedProduct,
        adding residual: Tensor<Float>, into y: Tensor<Float>
    ) {
        let block = 132  // rows of a chunk of the product
        Compute.parallel(x.shape[0], grain: block) { range in
            let hidden = Tensor<Float>(pooled: [min(block, range.count), contract.inChannels])
            for first in stride(from: range.lowerBound, to: range.upperBound, by: block) {
                let rows = first..<min(first + block, range.upperBound)
                wide.gate(rows, of: x, bias: expand.bias, into: hidden)
                narrow.run(
                    0..<rows.count, of: hidden, bias: contract.bias, added: residual.rows(rows),
                    .none, into: y.rows(rows))
            }
        }
    }

    /// All cores take the same rows.
    private func together(
        _ x: Tensor<Float>, adding residual: Tensor<Float>, into y: Tensor<Float>
    ) {
        let count = x.shape[0], block = rowsPerBlock(count)
        for first in stride(from: 0, to: count, by: block) {
            let rows = first..<min(first + block, count)
            let hidden = expand(x.rows(rows)).geglu()
            contract.write(hidden, adding: residual.rows(rows), into: y.rows(rows))
        }
    }

    /// Halved until the hidden values take at most 6 MB.
    private func rowsPerBlock(_ rows: Int) -> Int {
        var block = rows
        while block % 2 == 0 && block * expand.outChannels > 3 << 19 { block /= 2 }
        return block
    }
}
