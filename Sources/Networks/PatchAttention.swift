import Layers
import Tensors

/// Self-attention over the patches of a face, added to the features it came from.
struct PatchAttention {
    private let norm: GroupNorm
    private let embedding: Convolution
    private let table: Tensor<Float>
    private let attentionNorm, feedForwardNorm: LayerNorm
    private let queriesKeysValues, out: Linear
    private let attention: Attention
    private let widening, narrowing, pixels: Linear
    private let width, side, patch: Int

    /// - Parameters:
    ///   - patch: rows and columns of a patch.
    ///   - side: patches in a row.
    ///   - heads: of so many, each `headWidth` wide.
    init(
        from checkpoint: Checkpoint, _ channels: Int, patch: Int, side: Int, heads: Int,
        headWidth: Int
    ) throws(CheckpointError) {
        width = heads * headWidth
        (self.side, self.patch) = (side, patch)
        norm = try GroupNorm(from: checkpoint.scope("norm"), channels, eps: 1e-6)
        embedding = try Convolution(
            from: checkpoint.scope("pos_embed.proj"), channels, width, kernel: patch,
            stride: patch)
        table = PositionTable.patches(side: side, width: width).stored(checkpoint.storage)
        let block = checkpoint.scope("transformer_blocks.0")
        attentionNorm = try LayerNorm(from: block.scope("norms.0"), width)
        let scope = block.scope("attention_blocks.0")
        queriesKeysValues = try Linear(
            from: ["to_q", "to_k", "to_v"].map(scope.scope), width, width, bias: false)
        attention = Attention(heads: heads, storage: checkpoint.storage)
        out = try Linear(from: scope.scope("to_out.0"), width, width)
        feedForwardNorm = try LayerNorm(from: block.scope("ff_norm"), width)
        widening = try Linear(from: block.scope("ff.net.0.proj"), width, 8 * width)
        narrowing = try Linear(from: block.scope("ff.net.2"), 4 * width, width)
        pixels = try Linear(from: checkpoint.scope("proj_out"), width / patch / patch, channels)
    }

    /// `[n, side · patch, side · patch, channels]` to the same shape.
    func callAsFunction(_ x: Tensor<Float>) -> Tensor<Float> {
        let n = x.shape[0]
        let patches = embedding(norm(x)).reshaped([n, side * side * width])
        var tokens = patches.adding(perFrame: table).reshaped([n, side * side, width])
        let projected = queriesKeysValues(attentionNorm(tokens))
        let bank = KeyValueBank(
            keys: TokenRows(projected, columns: width..<2 * width),
            values: TokenRows(projected, columns: 2 * width..<3 * width))
        tokens = out(attention(TokenRows(projected, columns: 0..<width), [bank]), adding: tokens)
        tokens = narrowing(widening(feedForwardNorm(tokens)).geglu(), adding: tokens)
        return pixels(tokens.pixelsOfPatches(side: side, patch: patch), adding: x)
    }
}

extension Tensor<Float> {
    /// `[n, ...]` plus the same tensor for every frame.
    fileprivate func adding(perFrame other: Tensor) -> Tensor {
        adding(perChannel: other.reshaped([other.count]))
    }
}
