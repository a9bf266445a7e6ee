import Layers
import Tensors

/// The middle of the VAE's encoder and decoder: attention between two resnets.
final class VAEMidBlock {
    private let before, after: ResnetBlock
    private let attention: VAEAttention

    /// Reads `mid_block` of the encoder or the decoder.
    init(
        from checkpoint: Checkpoint, _ channels: Int, groups: Int
    ) throws(CheckpointError) {
        before = try ResnetBlock(
            from: checkpoint, "mid_block.resnets.0", channels, channels, groups: groups,
            timeDimension: nil, eps: VAEEncoder.normEpsilon)
        attention = try VAEAttention(
            from: checkpoint.scope("mid_block.attentions.0"), channels, groups: groups)
        after = try ResnetBlock(
            from: checkpoint, "mid_block.resnets.1", channels, channels, groups: groups,
            timeDimension: nil, eps: VAEEncoder.normEpsilon)
    }

    func callAsFunction(_ x: Tensor<Float>) -> Tensor<Float> { after(attention(before(x))) }
}

/// One head of attention over all pixels of a frame, added to its input.
private final class VAEAttention {
    private let norm: GroupNorm
    private let project, out: Linear
    private let attention: Attention

    init(from checkpoint: Checkpoint, _ channels: Int, groups: Int) throws(CheckpointError) {
        let names = ["to_q", "to_k", "to_v"]
        norm = try GroupNorm(
            from: checkpoint.scope("group_norm"), channels, groups: groups,
            eps: VAEEncoder.normEpsilon)
        project = try Linear(from: names.map { checkpoint.scope($0) }, channels, channels)
        out = try Linear(from: checkpoint.scope("to_out.0"), channels, channels)
        attention = Attention(heads: 1, storage: checkpoint.storage)
    }

    func callAsFunction(_ x: Tensor<Float>) -> Tensor<Float> {
        let (n, h, w, c) = (x.shape[0], x.shape[1], x.shape[2], x.shape[3])
        let qkv = project(norm(x).reshaped([n, h * w, c]))
        let part = { (i: Int) in TokenRows(qkv, columns: i * c..<(i + 1) * c) }
        let seen = attention(part(0), [KeyValueBank(keys: part(1), values: part(2))])
        return out(seen, adding: x).reshaped(x.shape)
    }
}
