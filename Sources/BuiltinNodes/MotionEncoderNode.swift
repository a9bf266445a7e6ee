import Networks
import NodeKit
import Tensors

/// Turns the driver's face into a few tokens that say what it expresses.
package struct MotionEncoderNode: Node {
    package static let face = Port(
        "face", UInt8.self, "1 k l 3", meaning: "face", "the driver's face, of any size")
    package static let portraitFace = Port(
        "portrait-face", UInt8.self, "1 r s 3", meaning: "face", pace: .last,
        "the portrait's face: where the expression starts from")
    package static let motion = Port(
        "motion", Float.self, "n tokens 16", meaning: "motion",
        "tokens; the first frame's come after 12 that lead to them from the portrait's"
    ).halvable()
    package static let portraitMotion = Port(
        "portrait-motion", Float.self, "1 tokens 16", meaning: "motion", pace: .last,
        "the portrait's own tokens, for each consumer that comes: for a motion-mixer")

    package static let spec = NodeSpec(
        "motion-encoder", "Turns the driver's face into tokens that say what it expresses.",
        inputs: [face, portraitFace], outputs: [motion, portraitMotion],
        settings: [
            ModelSettings.model, ModelSettings.weights, ModelSettings.device,
            ModelSettings.precision,
        ], state: .saved)

    private let configuration: ModelConfiguration
    private let encode: MotionEncoder
    private var tracker: MotionTracker?
    /// Whether an earlier process of this node has seen driving frames.
    private var hasBegun = false

    package init(settings: Settings) throws {
        let model = try ModelSettings(settings)
        let configuration = model.configuration, size = configuration.motionEncoder.inputSize
        self.configuration = configuration
        encode = try model.load {
            try MotionEncoder(
                from: model.checkpoint("motion_encoder"), configuration.motionEncoder,
                tokens: configuration.motionTokens)
        } rehearse: {
            _ = $0(Tensor(zeros: [1, size, size, 3]))
        }
    }

    package mutating func process(_ inputs: Inputs, into outputs: inout Outputs) {
        let isNew = tracker == nil && !hasBegun
        if tracker == nil {
            tracker = MotionTracker(
                encode, portraitFace: inputs[Self.portraitFace], configuration)
            tracker!.hasBegun = hasBegun
        }
        // An earlier process of this node has sent them; but nobody keeps them for a mixer that comes on air
        // when there was none before.
        if isNew || outputs.hasNewConsumer(of: Self.portraitMotion) {
            outputs[Self.portraitMotion] = tracker!.portrait
        }
        outputs[Self.motion] = tracker!.track(inputs[Self.face])
    }

    package func save() -> SavedState? { SavedState([(tracker?.hasBegun ?? hasBegun) ? 1 : 0]) }
    package mutating func restore(_ state: [UInt8]) { hasBegun = state == [1] }
}
