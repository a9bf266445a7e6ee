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
        let c = expand.inChannels
        let flat = [x.count / c, c]
        let y = Tensor<Float>(pooled: x.shape)
        let (from, added, into) = (x.reshaped(flat), residual.reshaped(flat), y.reshaped(flat))
        let block = rowsPerBlock(flat[0])
        for first in stride(from: 0, to: flat[0], by: block) {
            let rows = first..<min(first + block, flat[0])
            let hidden = expand(from.rows(rows)).geglu()
            contract.write(hidden, adding: added.rows(rows), into: into.rows(rows))
        }
        return y
    }

    /// Halved until the hidden values take at most 6 MB.
    private func rowsPerBlock(_ rows: Int) -> Int {
        var block = rows
        while block % 2 == 0 && block * expand.outChannels > 3 << 19 { block /= 2 }
        return block
    }
}
