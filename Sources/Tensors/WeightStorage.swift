/// How layers keep the weights that a checkpoint gives them.
package struct WeightStorage: Sendable, Equatable {
    /// What each large matrix is kept as. Results are F32 all the same.
    package enum Precision: String, CaseIterable, Sendable {
        case float32 = "f32"
        /// Half the memory. Where the processor multiplies halves of F32 (AVX512-FP16), large layers keep
        /// and multiply those; elsewhere weights are BF16, each off by at most one part in 256, and
        /// arithmetic is F32.
        case bfloat16 = "bf16"
    }

    package var precision: Precision
    /// Whether layers keep no more numbers than they have weights, where more would make them faster:
    /// for a network that is seldom used.
    package var isCompact: Bool

    package init(_ precision: Precision = .float32, isCompact: Bool = false) {
        (self.precision, self.isCompact) = (precision, isCompact)
    }
}
