import Layers
import Tensors

/// Two normalised 3 × 3 convolutions beside a shortcut; the noise level is added between them.
package final class ResnetBlock {
    private let name: String
    private let norm1, norm2: GroupNorm
    private let conv1, conv2: Convolution
    private let timeProjection, shortcut: Linear?
    private var time: (condition: TimeCondition, rows: Tensor<Float>)?

    /// Reads the block `name` of a network.
    ///
    /// - Parameters:
    ///   - timeDimension: width of the time embedding; nil in the VAE, which has none.
    ///   - eps: 1e-5 in the UNets, 1e-6 in the VAE.
    package init(
        from network: Checkpoint, _ name: String, _ inChannels: Int, _ outChannels: Int,
        groups: Int, timeDimension: Int?, eps: Float
    ) throws(CheckpointError) {
        let checkpoint = network.scope(name)
        self.name = name
        norm1 = try GroupNorm(
            from: checkpoint.scope("norm1"), inChannels, groups: groups, eps: eps,
            activation: .silu)
        conv1 = try Convolution(
            from: checkpoint.scope("conv1"), inChannels, outChannels, kernel: 3, padding: .all(1))
        norm2 = try GroupNorm(
            from: checkpoint.scope("norm2"), outChannels, groups: groups, eps: eps,
            activation: .silu)
        conv2 = try Convolution(
            from: checkpoint.scope("conv2"), outChannels, outChannels, kernel: 3, padding: .all(1))
        timeProjection =
            if let timeDimension {
                try Linear(from: checkpoint.scope("time_emb_proj"), timeDimension, outChannels)
            } else { nil }
        shortcut =
            if inChannels != outChannels {
                try Linear(
                    from: checkpoint.scope("conv_shortcut"), inChannels, outChannels,
                    isPointwise: true)
            } else { nil }
    }

    /// `[n, h, w, in]` to `[n, h, w, out]`, each frame at its own noise level.
    package func callAsFunction(
        _ x: Tensor<Float>, at condition: TimeCondition? = nil, observe: LayerObserver? = nil
    ) -> Tensor<Float> {
        let hidden = conv1(x, after: norm1)
        let rows = condition.flatMap(timeRows)
        if let observe {
            observe(name + "/after_conv1", hidden)
            if let rows { observe(name + "/after_time", hidden.adding(perChannel: rows)) }
        }
        return conv2(hidden, after: norm2, offset: rows, adding: shortcut?(x) ?? x)
    }

    /// What each frame's noise level adds to every pixel, `[n, out]`.
    private func timeRows(_ condition: TimeCondition) -> Tensor<Float>? {
        if let time, time.condition === condition { return time.rows }
        guard let rows = timeProjection?(condition.activated) else { return nil }
        time = (condition, rows)
        return rows
    }
}
