import Networks
import NodeKit
import Tensors

/// Finds where the driver's head is, and moves the portrait's keypoints likewise.
package struct KeypointExtractorNode: Node {
    package static let frame = Port(
        "frame", UInt8.self, "1 h w 3", meaning: "rgb",
        "the driver; the middle square is taken, at the model's size"
    ).prepared(by: FaceCropNode.spec.kind)
    package static let portrait = Port(
        "portrait", UInt8.self, "1 p q 3", meaning: "rgb", pace: .last, "who is to be animated"
    ).prepared(by: FaceCropNode.spec.kind)
    package static let keypoints = Port(
        "keypoints", Float.self, "n 21 3", meaning: "keypoints/21",
        "to be drawn; the first frame's come after 12 that lead to it from the portrait")
    package static let face = Port(
        "face", UInt8.self, "1 k l 3", meaning: "face", "the driver's face, cut from the frame")
    package static let portraitFace = Port(
        "portrait-face", UInt8.self, "1 r s 3", meaning: "face", pace: .last,
        "the portrait's face, once")
    package static let portraitKeypoints = Port(
        "portrait-keypoints", Float.self, "1 21 3", meaning: "keypoints/21", pace: .last,
        "of each portrait, as it holds its own head: for a motion-mixer")

    package static let spec = NodeSpec(
        "keypoint-extractor", "Finds where the driver's head is, and moves the portrait's likewise.",
        inputs: [frame, portrait], outputs: [keypoints, face, portraitFace, portraitKeypoints],
        settings: [
            ModelSettings.model, ModelSettings.weights, ModelSettings.device,
            ModelSettings.precision,
        ], state: .saved)

    private let configuration: ModelConfiguration
    private let extract: MotionExtractor
    private var tracker: KeypointTracker?
    private var isHolding = false
    /// Whose keypoints are moved.
    private var picture: Tensor<UInt8>?
    /// What an earlier process of this node has seen.
    private var resumed: (first: FacePose, lastFace: Tensor<UInt8>?)?

    package init(settings: Settings) throws {
        let model = try ModelSettings(settings)
        let configuration = model.configuration, size = configuration.motionExtractor.inputSize
        self.configuration = configuration
        extract = try model.load {
            try MotionExtractor(
                from: model.checkpoint("motion_extractor"), configuration.motionExtractor)
        } rehearse: {
            _ = $0(Tensor(zeros: [1, size, size, 3]))
        }
    }

    package mutating func process(_ inputs: Inputs, into outputs: inout Outputs) {
        let isNew = look(at: inputs[Self.portrait], &outputs)
        // Nobody keeps them for a mixer that comes on air when there was none before.
        if isNew || outputs.hasNewConsumer(of: Self.portraitKeypoints) {
            outputs[Self.portraitKeypoints] = Tensor(keypoints: [tracker!.portraitKeypoints])
        }
        let square = DrivingFrames.square(inputs[Self.frame], size: configuration.imageSize)
        let tracked = tracker!.track(square)
        outputs[Self.keypoints] = tracked.keypoints
        outputs[Self.face] = tracked.face
        warn(tracked.isFaceHeld, at: inputs.stamp, &outputs)
    }

    /// Another portrait than before is moved from where the driver was seen first, like that one.
    ///
    /// - Returns: whether nobody has been sent its keypoints.
    private mutating func look(at portrait: Tensor<UInt8>, _ outputs: inout Outputs) -> Bool {
        if let picture {
            if portrait.hasSamePixels(as: picture) { return false }
            if let first = tracker?.first { resumed = (first, tracker?.lastFace) }
        }
        let isAnother = picture != nil
        picture = portrait.ownCopy
        begin(portrait, &outputs)
        // Those of the first one were sent by an earlier process of this node, if there was one.
        return isAnother || resumed == nil
    }

    private mutating func begin(_ portrait: Tensor<UInt8>, _ outputs: inout Outputs) {
        let picture = PortraitPicture(portrait, configuration)
        tracker = KeypointTracker(extract, portrait: picture, configuration)
        if let resumed {
            // The face of the portrait was sent by whoever came before.
            (tracker!.first, tracker!.lastFace) = (resumed.first, resumed.lastFace)
            return
        }
        outputs[Self.portraitFace] = tracker!.portraitFace
        if tracker!.portraitBox.isEmpty {
            outputs.warn("no face found in the portrait: the whole picture is taken for one")
        }
    }

    package func save() -> SavedState? {
        guard let first = tracker?.first else { return nil }
        var writer = StateWriter()
        let keypoints = first.keypoints.coordinates
        let (angles, place) = (first.degrees, first.translation)
        writer.write(
            keypoints + [angles.x, angles.y, angles.z, place.x, place.y, place.z, first.scale])
        writer.write(ifPresent: tracker?.lastFace)
        writer.write(isHolding)
        return SavedState(writer.bytes)
    }

    package mutating func restore(_ state: [UInt8]) {
        var reader = StateReader(state)
        let numbers = reader.floats()
        let triples = [SIMD3<Float>](coordinates: numbers.dropLast())
        let first = FacePose(
            keypoints: Array(triples.dropLast(2)), degrees: triples[triples.count - 2],
            translation: triples[triples.count - 1], scale: numbers[numbers.count - 1])
        resumed = (first, reader.tensorIfPresent(UInt8.self))
        isHolding = reader.flag()
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
