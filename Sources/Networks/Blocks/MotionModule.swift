import Layers
import Tensors

/// Brings the driver's expression in: the pixels of each frame look at that frame's motion tokens.
package final class MotionModule {
    private let transformer: TokenTransformer

    /// Reads the module `name` of a network.
    package init(
        from network: Checkpoint, _ name: String, _ channels: Int,
        _ configuration: ModelConfiguration.UNet, motionDimension: Int
    ) throws(CheckpointError) {
        let heads = configuration.motionHeads
        transformer = try TokenTransformer(
            from: network, name, channels, groups: configuration.normGroups
        ) { (weights, norm) throws(CheckpointError) in
            try MotionAttention(
                from: weights, norm, channels, motionDimension: motionDimension, heads: heads)
        }
    }

    /// `[n, h, w, c]` to the same shape, with motion tokens `[n, tokens, dimension]`.
    package func callAsFunction(
        _ x: Tensor<Float>, motion: Tensor<Float>, observe: LayerObserver? = nil
    ) -> Tensor<Float> {
        transformer(x, motion: motion, observe: observe)
    }
}

/// Attention of a frame's pixels to its motion tokens.
private final class MotionAttention: TokenAttention {
    private let norm: LayerNorm
    private let attention: Attention
    private let query, keysAndValues, out: Linear

    init(
        from checkpoint: Checkpoint, _ norm: LayerNorm, _ channels: Int, motionDimension: Int,
        heads: Int
    ) throws(CheckpointError) {
        self.norm = norm
        attention = Attention(heads: heads)
        query = try Linear(from: checkpoint.scope("to_q"), channels, channels, bias: false)
        keysAndValues = try Linear(
            from: [checkpoint.scope("to_k"), checkpoint.scope("to_v")], motionDimension, channels,
            bias: false)
        out = try Linear(from: checkpoint.scope("to_out.0"), channels, channels)
    }

    func callAsFunction(_ x: Tensor<Float>, motion: Tensor<Float>?) -> Tensor<Float> {
        guard let motion else { preconditionFailure("a motion module needs motion tokens") }
        let bank = KeyValueBank(keysAndValues(motion))  // [n, tokens, 2c]
        return out(attention(TokenRows(query(norm(x))), [bank]), adding: x)
    }
}
