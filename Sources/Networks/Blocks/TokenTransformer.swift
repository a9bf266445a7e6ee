import Layers
import Tensors

/// One attention of a motion or temporal module.
protocol TokenAttention {
    /// `[n, tokens, c]`, normalised inside, attended to and added to itself.
    func callAsFunction(_ x: Tensor<Float>, motion: Tensor<Float>?) -> Tensor<Float>
}

/// What motion and temporal modules share: two attentions and a feed-forward layer between a pair of
/// projections, added to the input.
final class TokenTransformer {
    private let name: String
    private let norm: GroupNorm
    private let projectIn, projectOut: Linear
    private let attentions: [any TokenAttention]
    private let feedForwardNorm: LayerNorm
    private let feedForward: GatedFeedForward

    /// Reads `<name>.temporal_transformer`; `attention` makes an attention from its scope and that
    /// of its norm.
    init(
        from network: Checkpoint, _ name: String, _ channels: Int, groups: Int,
        attention: (_ weights: Checkpoint, _ norm: LayerNorm) throws(CheckpointError) ->
            any TokenAttention
    ) throws(CheckpointError) {
        self.name = name + ".temporal_transformer"
        let checkpoint = network.scope(self.name)
        let block = checkpoint.scope("transformer_blocks.0")
        norm = try GroupNorm(from: checkpoint.scope("norm"), channels, groups: groups, eps: 1e-6)
        projectIn = try Linear(from: checkpoint.scope("proj_in"), channels, channels)
        var attentions: [any TokenAttention] = []
        for i in 0..<2 {
            let norm = try LayerNorm(from: block.scope("norms.\(i)"), channels)
            attentions.append(try attention(block.scope("attention_blocks.\(i)"), norm))
        }
        self.attentions = attentions
        feedForwardNorm = try LayerNorm(from: block.scope("ff_norm"), channels)
        feedForward = try GatedFeedForward(from: block.scope("ff"), channels)
        projectOut = try Linear(from: checkpoint.scope("proj_out"), channels, channels)
    }

    /// `[n, h, w, c]` to the same shape.
    func callAsFunction(
        _ x: Tensor<Float>, motion: Tensor<Float>?, observe: LayerObserver?
    ) -> Tensor<Float> {
        let (n, h, w, c) = (x.shape[0], x.shape[1], x.shape[2], x.shape[3])
        var tokens = projectIn(norm(x)).reshaped([n, h * w, c])
        observe?(name + "/after_proj_in", tokens)
        let block = name + ".transformer_blocks.0"
        for (i, attention) in attentions.enumerated() {
            tokens = attention(tokens, motion: motion)
            observe?(block + "/after_attention_\(i)", tokens)
        }
        tokens = feedForward(feedForwardNorm(tokens), adding: tokens)
        observe?(block + "/after_ff", tokens)
        return projectOut(tokens, adding: x).reshaped(x.shape)
    }
}
