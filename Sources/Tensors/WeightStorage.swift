/// How and where layers keep the weights that a checkpoint gives them.
package struct WeightStorage: Sendable, Equatable {
    /// What each large matrix is kept as. On the processor results are F32 all the same; on another
    /// device all numbers are of this type.
    package enum Precision: String, CaseIterable, Sendable {
        case float32 = "f32"
        /// Half the memory. Where the processor multiplies halves (AVX512-FP16), large layers keep and multiply
        /// those; elsewhere weights are BF16, each off by at most one part in 256. Where it multiplies BF16
        /// (AVX512-BF16), such layers and attention round what they multiply to that; elsewhere arithmetic is
        /// F32.
        case bfloat16 = "bf16"
        /// Half the memory, each number off by at most one part in 2048, none beyond 65504. Only on a
        /// device other than `cpu`.
        case float16 = "f16"
    }

    package var precision: Precision
    /// Whether layers keep no more numbers than they have weights, where more would make them faster:
    /// for a network that is seldom used.
    package var isCompact: Bool
    /// Where they are, and where layers compute.
    package var device: Device

    package init(
        _ precision: Precision = .float32, isCompact: Bool = false, device: Device = .cpu
    ) {
        precondition(
            device != .cpu || precision != .float16, "the processor's own layers have no halves")
        (self.precision, self.isCompact, self.device) = (precision, isCompact, device)
    }
}
