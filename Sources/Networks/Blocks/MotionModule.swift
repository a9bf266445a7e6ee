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
            // Heads much wider than a token are multiplied out once.
            if 2 * heads * motionDimension <= channels {
                return try FoldedMotionAttention(
                    from: weights, norm, channels, motionDimension: motionDimension, heads: heads)
            }
            return try MotionAttention(
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
        attention = Attention(heads: heads, storage: checkpoint.storage)
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

/// The same attention with its projections multiplied out, head by head.
///
/// A head's scores are x · (Wqᵀ Wk) · m, and what it adds is (Wo Wv) times the weighted mean of the
/// tokens m: heads are as wide as a token, and nothing has to be projected for a frame (MODEL.md's
/// third saving, 3 % of a pass).
private final class FoldedMotionAttention: TokenAttention {
    private let norm: LayerNorm
    private let attention: Attention
    private let query, out: Linear
    private let heads: Int

    init(
        from checkpoint: Checkpoint, _ norm: LayerNorm, _ channels: Int, motionDimension: Int,
        heads: Int
    ) throws(CheckpointError) {
        (self.norm, self.heads) = (norm, heads)
        attention = Attention(heads: heads, storage: checkpoint.storage)
        let tokens = [channels, motionDimension]
        let queries = try checkpoint.tensor("to_q.weight", [channels, channels])
        let keys = try checkpoint.tensor("to_k.weight", tokens)
        let values = try checkpoint.tensor("to_v.weight", tokens)
        let results = try checkpoint.tensor("to_out.0.weight", [channels, channels])
        // Attention divides by the root of its own width, the published one by that of its heads.
        let scale = (Float(motionDimension) / Float(channels / heads)).squareRoot()
        let storage = checkpoint.storage
        query = Linear(
            weight: keys.multipliedOut(with: queries, heads: heads).scaled(by: scale), bias: nil,
            storage: storage)
        out = Linear(
            weight: values.multipliedOut(with: results.transposed(), heads: heads).transposed(),
            bias: try checkpoint.tensor("to_out.0.bias", [channels]), storage: storage)
    }

    func callAsFunction(_ x: Tensor<Float>, motion: Tensor<Float>?) -> Tensor<Float> {
        guard let motion else { preconditionFailure("a motion module needs motion tokens") }
        let tokens = TokenRows(motion.repeatedChannels(heads))
        let bank = KeyValueBank(keys: tokens, values: tokens)
        return out(attention(TokenRows(query(norm(x))), [bank]), adding: x)
    }
}

extension Tensor<Float> {
    /// Of `[c, d]` with `other` `[c, n]`: for each head the product of its rows' transpose with the
    /// other's rows, `[heads · d, n]`.
    fileprivate func multipliedOut(with other: Tensor<Float>, heads: Int) -> Tensor<Float> {
        let (c, d, n) = (shape[0], shape[1], other.shape[1])
        let y = Tensor<Float>(repeating: 0, shape: [heads * d, n])
        for row in 0..<c {
            let from = other.pointer + row * n
            for j in 0..<d {
                let factor = pointer[row * d + j]
                let to = y.pointer + (row / (c / heads) * d + j) * n
                for i in 0..<n { to[i] += factor * from[i] }
            }
        }
        return y
    }

    /// `[a, b]` to `[b, a]`.
    fileprivate func transposed() -> Tensor<Float> {
        let (a, b) = (shape[0], shape[1])
        let y = Tensor<Float>(uninitialized: [b, a])
        for i in 0..<a {
            for j in 0..<b { y.pointer[j * a + i] = pointer[i * b + j] }
        }
        return y
    }
}
