import Foundation
import Layers
import Tensors

/// What a UNet knows of each frame's noise level.
///
/// Compared by identity: layers keep what they derive from the last one, which makes their time
/// projections constants for the life of a run.
package final class TimeCondition {
    /// The embedding, `[n, dimension]`.
    package let embedding: Tensor<Float>
    /// Its SiLU, which is what every resnet projects.
    package let activated: Tensor<Float>

    init(_ embedding: Tensor<Float>) {
        self.embedding = embedding
        activated = embedding.silu()
    }
}

/// Timesteps as vectors: cosines and sines at falling frequencies, then two linear layers.
package final class TimeEmbedding {
    private let frequencies: Int
    private let first, second: Linear
    private var last: (timesteps: [Int], condition: TimeCondition)?

    /// Reads `linear_1` and `linear_2`; the table has `frequencies` values per timestep.
    package init(
        from checkpoint: Checkpoint, frequencies: Int, dimension: Int
    ) throws(CheckpointError) {
        self.frequencies = frequencies
        first = try Linear(
            from: checkpoint.scope("linear_1"), frequencies, dimension, activation: .silu)
        second = try Linear(from: checkpoint.scope("linear_2"), dimension, dimension)
    }

    /// The condition of frames at these timesteps; asked again for the same, it gives the same.
    package func callAsFunction(_ timesteps: [Int]) -> TimeCondition {
        if let last, last.timesteps == timesteps { return last.condition }
        let table = Self.table(timesteps, count: frequencies)
        let condition = TimeCondition(second(first(table)))
        last = (timesteps, condition)
        return condition
    }

    /// `[timesteps, count]`: cosines first, then sines, at 10000^(-k / half). Frequencies and angles
    /// are binary32, as in the published program.
    package static func table(_ timesteps: [Int], count: Int) -> Tensor<Float> {
        let half = count / 2
        let logarithm = Float(-log(10000.0))
        let frequencies = (0..<half).map {
            Float(exp(Double(logarithm * Float($0) / Float(half))))
        }
        let rows = timesteps.flatMap { timestep in
            let angles = frequencies.map { Double(Float(timestep) * $0) }
            return angles.map { Float(cos($0)) } + angles.map { Float(sin($0)) }
        }
        return Tensor(rows, shape: [timesteps.count, count])
    }
}
