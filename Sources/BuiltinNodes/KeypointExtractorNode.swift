import Networks
import NodeKit
import Tensors

/// Finds where the driver's head is, and moves the portrait's keypoints likewise.
package struct KeypointExtractorNode: Node {
    package static let frame = Port(
        "frame", UInt8.self, "1 h w 3", meaning: "rgb",
        "the driver; the middle square is taken, at the model's size")
    package static let portrait = Port(
        "portrait", UInt8.self, "1 p q 3", meaning: "rgb", pace: .last, "who is to be animated")
    package static let keypoints = Port(
        "keypoints", Float.self, "n 21 3", meaning: "keypoints/21",
        "to be drawn; the first frame's come after 12 that lead to it from the portrait")
    package static let face = Port(
        "face", UInt8.self, "1 k l 3", meaning: "face", "the driver's face, cut from the frame")
    package static let portraitFace = Port(
        "portrait-face", UInt8.self, "1 r s 3", meaning: "face", pace: .last,
        "the portrait's face, once")

    package static let spec = NodeSpec(
        "keypoint-extractor", "Finds where the driver's head is, and moves the portrait's likewise.",
        inputs: [frame, portrait], outputs: [keypoints, face, portraitFace],
        settings: [ModelSettings.model, ModelSettings.weights])

    private let configuration: ModelConfiguration
    private let extract: MotionExtractor
    private var tracker: KeypointTracker?
    private var isHolding = false

    package init(settings: Settings) throws {
        let model = try ModelSettings(settings)
        configuration = model.configuration
        extract = try MotionExtractor(
            from: model.checkpoint("motion_extractor"), configuration.motionExtractor)
    }

    package mutating func process(_ inputs: Inputs, into outputs: inout Outputs) {
        if tracker == nil { begin(inputs[Self.portrait], &outputs) }
        let square = DrivingFrames.square(inputs[Self.frame], size: configuration.imageSize)
        let tracked = tracker!.track(square)
        outputs[Self.keypoints] = tracked.keypoints
        outputs[Self.face] = tracked.face
        warn(tracked.isFaceHeld, at: inputs.stamp, &outputs)
    }

    private mutating func begin(_ portrait: Tensor<UInt8>, _ outputs: inout Outputs) {
        let picture = PortraitPicture(portrait, configuration)
        tracker = KeypointTracker(extract, portrait: picture, configuration)
        outputs[Self.portraitFace] = tracker!.portraitFace
        if tracker!.portraitBox.isEmpty {
            outputs.warn("no face found in the portrait: the whole picture is taken for one")
        }
    }

    /// Says once per gap that a face is missing, and where the gap ends.
    private mutating func warn(_ isHeld: Bool, at stamp: Stamp, _ outputs: inout Outputs) {
        guard isHeld != isHolding else { return }
        isHolding = isHeld
        outputs.warn(
            isHeld
                ? "no face can be cropped from frame \(stamp.frame): holding the last good one"
                : "the face is back at frame \(stamp.frame)")
    }
}
