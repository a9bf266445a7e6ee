import Layers
import Tensors

/// Follows the driver's head: keypoints to draw, and where the face is, frame by frame.
package struct KeypointTracker {
    /// What one driving frame gives.
    package struct Tracked {
        /// Keypoints to be drawn, `[1, 21, 3]`; the first frame's come after those that lead to it
        /// from the portrait: `[13, 21, 3]`.
        package let keypoints: Tensor<Float>
        /// The driver as seen by the extractor.
        package let pose: FacePose
        /// The driver's face, `[1, h, w, 3]`.
        package let face: Tensor<UInt8>
        /// Around the driver's own keypoints; may be empty.
        package let box: FaceBox
        /// Whether the box was empty, so that ``face`` is that of an earlier frame (or the whole
        /// frame, when there was none).
        package var isFaceHeld: Bool { box.isEmpty }
    }

    private let extract: MotionExtractor
    private let drawing: KeypointDrawing
    private let inputSize, lead: Int
    private let portrait: FacePose
    /// The driver's pose in the first frame, and the last face that could be cut out: all that is
    /// remembered from frame to frame.
    package var first: FacePose?
    package var lastFace: Tensor<UInt8>?

    /// The portrait's own face, `[1, h, w, 3]`: the whole portrait when its box is empty.
    package let portraitFace: Tensor<UInt8>
    /// The portrait's keypoints as it holds its own head, 21.
    package var portraitKeypoints: [SIMD3<Float>] { portrait.posedKeypoints }
    /// Around the portrait's keypoints.
    package let portraitBox: FaceBox

    /// A tracker that has seen the portrait and no driving frame.
    package init(
        _ extract: MotionExtractor, portrait picture: PortraitPicture,
        _ configuration: ModelConfiguration
    ) {
        self.extract = extract
        drawing = KeypointDrawing(size: configuration.imageSize)
        inputSize = configuration.motionExtractor.inputSize
        lead = configuration.windowFrames - configuration.framesPerChunk
        portrait = extract(picture.extractorInput)[0]
        portraitBox = FaceBox(
            around: drawing.points([portrait.posedKeypoints]), size: drawing.size)
        portraitFace = portraitBox.crop(picture.square) ?? picture.square
    }

    /// Takes the next driving frame, `[1, size, size, 3]` at the model's image size.
    package mutating func track(_ frame: Tensor<UInt8>) -> Tracked {
        let size = drawing.size
        precondition(
            frame.shape == [1, size, size, 3], "\(frame.shape) is no \(size) × \(size) frame")
        let pose = extract(DrivingFrames.extractorInput(frame, size: inputSize))[0]
        let start = first ?? pose
        let lead = first == nil ? portrait.gliding(to: pose, count: lead) : []
        first = start
        let box = FaceBox(around: drawing.points([pose.posedKeypoints]), size: size)
        let face = box.crop(frame) ?? lastFace ?? frame
        lastFace = face
        return Tracked(
            keypoints: Tensor(keypoints: lead + [portrait.drawn(for: pose, since: start)]),
            pose: pose, face: face, box: box)
    }
}
