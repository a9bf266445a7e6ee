import Glibc
import Layers
import Tensors

/// Places 478 points on a face: MediaPipe's face mesh (arXiv 1907.06724) with its second look at lips,
/// eyes and irises (Attention Mesh, arXiv 2006.10962).
///
/// Weights: `face_landmark_with_attention.tflite`, whose layers keep their names. Left and right are the
/// person's; the file's names are the picture's (`conv_left_eye` is the person's right eye).
package final class FaceMesh {
    /// Rows and columns of the picture that it looks at.
    package static let inputSize = 192
    /// Those of the surface, and then five of each iris.
    package static let pointCount = surfaceCount + 10
    static let surfaceCount = 468
    /// Sides of its picture by sides of the face's box, as it was trained.
    package static let margin: Float = 1.5
    /// Channels of the map that is looked at once more.
    static let featureWidth = 32

    /// What it sees in one picture.
    package struct Reading: Sendable {
        /// In pixels of the picture; z grows away from the viewer, in the same unit.
        package var points: [SIMD3<Float>]
        /// How sure it is that this is a face at all, 0...1.
        package var certainty: Float
    }

    /// The network's own answers, in pixels of the picture.
    package struct Answers {
        /// `[468, 3]`.
        package var surface: Tensor<Float>
        /// `[80, 2]`, `[71, 2]`, `[71, 2]`: the points of ``FacePoints`` anew.
        package var lips, rightEye, leftEye: Tensor<Float>
        /// `[5, 2]`: the middle, then to the right, up, to the left and down in the picture.
        package var rightIris, leftIris: Tensor<Float>
        package var logit: Float
    }

    private let stem: MeshLayers.Rectified
    /// Up to the map that is looked at once more, and from there on.
    private let early, late: [MeshLayers.Block]
    private let narrowing: MeshLayers.Rectified
    private let last: MeshLayers.Block
    private let surface, certainty: Convolution
    private let lips, rightEye, leftEye: MeshRegion

    package init(from weights: Checkpoint) throws(CheckpointError) {
        var layers = MeshLayers(weights)
        stem = try layers.rectified(3, 16, kernel: 3)
        early = try layers.blocks(16, widths: [16, 16, Self.featureWidth], halving: [2])
        late = try layers.blocks(
            Self.featureWidth,
            widths: [32, 32, 64, 64, 64, 128, 128, 128, 128, 128, 128, 128, 128, 128],
            halving: [2, 5, 8, 11])
        (narrowing, last) = try layers.head(128)
        surface = try layers.answer("output_mesh", 3 * Self.surfaceCount, kernel: 3)
        certainty = try layers.answer("conv_faceflag", 1, kernel: 3)
        lips = try MeshRegion(
            from: &layers, around: FacePoints.lips, level: FacePoints.mouthCorners,
            answers: ["conv_lips": FacePoints.lips.count])
        rightEye = try MeshRegion(
            from: &layers, around: FacePoints.rightEye, level: FacePoints.rightEyeCorners,
            answers: ["conv_left_eye": FacePoints.rightEye.count, "conv_left_iris": 5])
        leftEye = try MeshRegion(
            from: &layers, around: FacePoints.leftEye, level: FacePoints.leftEyeCorners,
            answers: ["conv_right_eye": FacePoints.leftEye.count, "conv_right_iris": 5])
    }

    /// The network's own answers.
    ///
    /// - Parameters:
    ///   - picture: `[1, 192, 192, 3]` in 0...1, the face upright in two thirds of it.
    ///   - least: nil where the certainty is less.
    package func raw(_ picture: Tensor<Float>, least: Float = 0) -> Answers? {
        let features = early.reduce(stem(picture)) { $1($0) }
        let head = last(narrowing(late.reduce(features) { $1($0) }))
        let logit = certainty(head).buffer[0]
        guard Self.certainty(logit) >= least else { return nil }
        let points = surface(head).reshaped([Self.surfaceCount, 3])
        let (right, left) = (rightEye(features, points), leftEye(features, points))
        return Answers(
            surface: points, lips: lips(features, points)[0], rightEye: right[0], leftEye: left[0],
            rightIris: right[1], leftIris: left[1], logit: logit)
    }

    /// What is seen in a picture.
    ///
    /// - Parameters:
    ///   - picture: `[1, 192, 192, 3]` in 0...1, the face upright in two thirds of it.
    ///   - least: nil where the certainty is less; the second look is spared then.
    package func callAsFunction(_ picture: Tensor<Float>, least: Float = 0) -> Reading? {
        raw(picture, least: least).map { answers in
            Reading(points: Self.points(answers), certainty: Self.certainty(answers.logit))
        }
    }

    /// The surface with the places that the second look found, which knows no depth: a point keeps its
    /// own, and an iris has the mean of its lids. So does MediaPipe's face_landmark graph.
    private static func points(_ answers: Answers) -> [SIMD3<Float>] {
        let flat = answers.surface.reshaped([1, surfaceCount, 3]).keypointSets[0]
        var points = flat
        func move(_ indices: [Int], _ places: Tensor<Float>) {
            for (row, index) in indices.enumerated() {
                points[index].x = places.buffer[2 * row]
                points[index].y = places.buffer[2 * row + 1]
            }
        }
        func add(_ iris: Tensor<Float>, lids: [Int]) {
            let depth = lids.reduce(0) { $0 + flat[$1].z } / Float(lids.count)
            for row in 0..<5 {
                points.append(SIMD3(iris.buffer[2 * row], iris.buffer[2 * row + 1], depth))
            }
        }
        move(FacePoints.lips, answers.lips)
        move(FacePoints.rightEye, answers.rightEye)
        move(FacePoints.leftEye, answers.leftEye)
        add(answers.rightIris, lids: FacePoints.rightLids)
        add(answers.leftIris, lids: FacePoints.leftLids)
        return points
    }

    private static func certainty(_ logit: Float) -> Float {
        1 / (1 + exp(-max(min(logit, 80), -80)))
    }
}
