import Layers
import Tensors

/// Follows the driver's expression: motion tokens, frame by frame.
package struct MotionTracker {
    private let encode: MotionEncoder
    private let inputSize, lead: Int
    /// The tokens of the portrait's face, `[1, tokens, dimension]`.
    package let portrait: Tensor<Float>
    /// Whether it has seen a driving frame.
    package var hasBegun = false

    /// A tracker that has seen the portrait's face, `[1, h, w, 3]`, and no driving frame.
    package init(
        _ encode: MotionEncoder, portraitFace: Tensor<UInt8>, _ configuration: ModelConfiguration
    ) {
        self.encode = encode
        inputSize = configuration.motionEncoder.inputSize
        lead = configuration.windowFrames - configuration.framesPerChunk
        portrait = encode(DrivingFrames.faceInput(portraitFace, size: inputSize))
    }

    /// Takes the driver's next face, `[1, h, w, 3]` of any size.
    ///
    /// - Returns: its tokens, `[1, tokens, dimension]`; the first ones come after those that lead to
    ///   them from the portrait's, `[13, …]`, of which row 0 is exactly the portrait's.
    package mutating func track(_ face: Tensor<UInt8>) -> Tensor<Float> {
        let tokens = encode(DrivingFrames.faceInput(face, size: inputSize))
        guard !hasBegun else { return tokens }
        hasBegun = true
        let blends = (0..<lead).map { step in
            let alpha = Float(step) / Float(lead)
            return portrait.combined(1 - alpha, plus: alpha, times: tokens)
        }
        return Tensor(stacking: blends + [tokens])
    }
}
