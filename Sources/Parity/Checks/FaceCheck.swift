import Layers
import Networks
import Tensors

/// The face detector and the face mesh with their published weights, against MediaPipe's own programs.
///
/// The weights are those that `models pull face` makes, in ``FaceModel/folder``.
enum FaceCheck: FixtureCheck {
    static func recognises(_ fixture: Fixture) -> Bool {
        fixture.file.entries["in/far_u8"] != nil && fixture.file.entries["in/near_u8"] != nil
    }

    static func run(_ fixture: Fixture, into results: FixtureResults) throws {
        let model = try FaceModel(folder: FaceModel.folder)
        let far = try fixture.pictures("far_u8", centred: true)
        let found = (0..<far.shape[0]).map { model.detector.raw(far.rows($0..<$0 + 1)) }
        results.compare("out/logits", stacked(found.map(\.logits)))
        results.compare("out/boxes", stacked(found.map(\.boxes)))
        let near = try fixture.pictures("near_u8", centred: false)
        let read = (0..<near.shape[0]).map { model.mesh.raw(near.rows($0..<$0 + 1))! }
        for (name, answer) in [
            ("surface", \.surface), ("lips", \.lips), ("right_eye", \.rightEye),
            ("left_eye", \.leftEye), ("right_iris", \.rightIris), ("left_iris", \.leftIris),
        ] as [(String, KeyPath<FaceMesh.Answers, Tensor<Float>>)] {
            results.compare("out/\(name)", stacked(read.map { $0[keyPath: answer] }))
        }
        results.compare("out/certainty", Tensor(read.map(\.logit), shape: [read.count]))
        // The last picture has no face.
        let faces = (0..<near.shape[0] - 1).map { model.mesh(near.rows($0..<$0 + 1))! }
        results.compare("out/points", Tensor(keypoints: faces.map(\.points)))
    }

    private static func stacked(_ parts: [Tensor<Float>]) -> Tensor<Float> {
        Tensor(stacking: parts).reshaped([parts.count] + parts[0].shape)
    }
}
