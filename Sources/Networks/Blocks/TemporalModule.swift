import Foundation
import Layers
import Tensors

/// Keeps the window steady: at each pixel, the frames of the window look at each other.
package final class TemporalModule {
    private let transformer: TokenTransformer

    /// Reads the module `name` of a network.
    package init(
        from network: Checkpoint, _ name: String, _ channels: Int,
        _ configuration: ModelConfiguration.UNet
    ) throws(CheckpointError) {
        let heads = configuration.temporalHeads
        transformer = try TokenTransformer(
            from: network, name, channels, groups: configuration.normGroups
        ) { (weights, norm) throws(CheckpointError) in
            try TemporalAttention(from: weights, norm, channels, heads: heads)
        }
    }

    /// `[n, h, w, c]`, oldest frame first, to the same shape.
    package func callAsFunction(
        _ x: Tensor<Float>, observe: LayerObserver? = nil
    ) -> Tensor<Float> {
        transformer(x, motion: nil, observe: observe)
    }

    /// `[positions, channels]`: sine and cosine in turn, at 10000^(-2m / channels). Angles are
    /// binary32, as in the published program.
    package static func table(positions: Int, channels: Int) -> Tensor<Float> {
        let step = Float(-log(10000.0) / Double(channels))
        let frequencies = stride(from: 0, to: channels, by: 2).map {
            Float(exp(Double(Float($0) * step)))
        }
        let rows = (0..<positions).flatMap { position in
            frequencies.flatMap { frequency in
                let angle = Double(Float(position) * frequency)
                return [Float(sin(angle)), Float(cos(angle))]
            }
        }
        return Tensor(rows, shape: [positions, channels])
    }
}

/// Attention of a pixel's frames to each other. Frames and pixels change their roles by strides.
private final class TemporalAttention: TokenAttention {
    private let norm: LayerNorm
    private let attention: Attention
    private let project, out: Linear
    private let channels: Int
    private var table: Tensor<Float>

    init(
        from checkpoint: Checkpoint, _ norm: LayerNorm, _ channels: Int, heads: Int
    ) throws(CheckpointError) {
        self.norm = norm
        self.channels = channels
        attention = Attention(heads: heads, storage: checkpoint.storage)
        project = try Linear(
            from: ["to_q", "to_k", "to_v"].map { checkpoint.scope($0) }, channels, channels,
            bias: false)
        out = try Linear(from: checkpoint.scope("to_out.0"), channels, channels)
        table = TemporalModule.table(positions: 16, channels: channels)  // grows when it must
    }

    func callAsFunction(_ x: Tensor<Float>, motion: Tensor<Float>?) -> Tensor<Float> {
        let (n, c) = (x.shape[0], channels)
        if table.shape[0] < n { table = TemporalModule.table(positions: n, channels: c) }
        table = table.placed(like: x)
        let qkv = project(norm(x, adding: table.rows(0..<n)))
        let part = { (i: Int) in TokenRows(qkv, columns: i * c..<(i + 1) * c).acrossBatches }
        let seen = attention(part(0), [KeyValueBank(keys: part(1), values: part(2))])
        return out(seen, adding: x)
    }
}
