import Layers
import Tensors

/// Spatial attention `attentions.<i>`: the pixels of a frame look at each other, at the reference's
/// pixels and at the image token.
package final class SpatialTransformer {
    /// Where it is in the network, which is also what its bank is called.
    package let name: String
    /// Values per pixel.
    let channels: Int
    private let norm: GroupNorm
    private let projectIn, projectOut: Linear
    private let block: TransformerBlock

    /// Reads the block `name` of a network.
    package init(
        from network: Checkpoint, _ name: String, _ channels: Int,
        _ configuration: ModelConfiguration.UNet
    ) throws(CheckpointError) {
        let checkpoint = network.scope(name)
        self.name = name
        self.channels = channels
        norm = try GroupNorm(
            from: checkpoint.scope("norm"), channels, groups: configuration.normGroups, eps: 1e-6)
        projectIn = try Linear(
            from: checkpoint.scope("proj_in"), channels, channels, isPointwise: true)
        block = try TransformerBlock(from: network, name, channels, configuration)
        projectOut = try Linear(
            from: checkpoint.scope("proj_out"), channels, channels, isPointwise: true)
    }

    /// `[n, h, w, c]` to the same shape.
    func callAsFunction(_ x: Tensor<Float>, _ pass: UNetPass) -> Tensor<Float> {
        let (n, h, w, c) = (x.shape[0], x.shape[1], x.shape[2], x.shape[3])
        let tokens = projectIn(norm(x)).reshaped([n, h * w, c])
        pass.observe?(name + "/after_proj_in", tokens)
        let y = block(tokens, pass)
        if pass.collector?.isComplete ?? false { return x }
        return projectOut(y.reshaped(x.shape), adding: x)
    }

    /// The block by itself.
    ///
    /// - Parameters:
    ///   - token: `[1, dimension]`, the image token.
    ///   - banks: tokens `[1, tokens, c]` of a reference and of keyframes.
    package func callAsFunction(
        _ x: Tensor<Float>, token: Tensor<Float>, banks: [Tensor<Float>]
    ) -> Tensor<Float> {
        let pass = UNetPass(
            time: TimeCondition(token), token: TokenConditioning(rows: [name: row(for: token)]))
        pass.banks = banks.map { ProjectedBanks(keysAndValues: [name: project($0)]) }
        return self(x, pass)
    }

    /// What the image token adds to every pixel.
    func row(for token: Tensor<Float>) -> Tensor<Float> { block.row(for: token) }
    /// A bank's tokens as this block's keys and values.
    func project(_ bank: Tensor<Float>) -> Tensor<Float> { block.project(bank) }
}

/// Self-attention, the image token and a feed-forward layer, each added to its input.
private final class TransformerBlock {
    private let name, bankName: String
    private let norm1, norm3: LayerNorm
    private let attention: Attention
    private let query, keysAndValues, out: Linear
    private let tokenValue, tokenOut: Linear
    private let feedForward: GatedFeedForward

    /// `attn2.to_q`, `attn2.to_k` and `norm2` are not read: with one token they have no effect.
    init(
        from network: Checkpoint, _ parent: String, _ channels: Int,
        _ configuration: ModelConfiguration.UNet
    ) throws(CheckpointError) {
        bankName = parent
        name = parent + ".transformer_blocks.0"
        let checkpoint = network.scope(name)
        let (own, cross) = (checkpoint.scope("attn1"), checkpoint.scope("attn2"))
        attention = Attention(heads: configuration.attentionHeads, storage: network.storage)
        norm1 = try LayerNorm(from: checkpoint.scope("norm1"), channels)
        query = try Linear(from: own.scope("to_q"), channels, channels, bias: false)
        keysAndValues = try Linear(
            from: [own.scope("to_k"), own.scope("to_v")], channels, channels, bias: false)
        out = try Linear(from: own.scope("to_out.0"), channels, channels)
        tokenValue = try Linear(
            from: cross.scope("to_v"), configuration.tokenDimension, channels, bias: false)
        tokenOut = try Linear(from: cross.scope("to_out.0"), channels, channels)
        norm3 = try LayerNorm(from: checkpoint.scope("norm3"), channels)
        feedForward = try GatedFeedForward(from: checkpoint.scope("ff"), channels)
    }

    func row(for token: Tensor<Float>) -> Tensor<Float> { tokenOut(tokenValue(token)) }
    func project(_ bank: Tensor<Float>) -> Tensor<Float> { keysAndValues(bank) }

    func callAsFunction(_ x: Tensor<Float>, _ pass: UNetPass) -> Tensor<Float> {
        let normed = norm1(x)  // [n, tokens, c]
        if let collector = pass.collector {
            collector.append(normed, for: bankName)
            if collector.isComplete { return x }
        }
        var banks = [KeyValueBank(keysAndValues(normed))]
        banks += pass.banks.compactMap { $0.keysAndValues[bankName].map { KeyValueBank($0) } }
        let seen = attention(TokenRows(query(normed)), banks)
        if let observe = pass.observe { observe(name + "/after_attn1", out(seen, adding: x)) }
        let attended = out(seen, adding: x, extra: pass.token.rows[bankName])
        pass.observe?(name + "/after_attn2", attended)
        let y = feedForward(norm3(attended), adding: attended)
        pass.observe?(name + "/after_ff", y)
        return y
    }
}
