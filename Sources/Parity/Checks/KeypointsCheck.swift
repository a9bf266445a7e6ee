import Networks
import Tensors

/// Angle bins to rotation to keypoints; then points, canvases and boxes.
enum KeypointsCheck: FixtureCheck {
    static func recognises(_ fixture: Fixture) -> Bool {
        fixture.network.isEmpty
            && ["kp", "t", "scale", "bins"].allSatisfy { fixture.inputs[$0] != nil }
    }

    static func run(_ fixture: Fixture, into results: FixtureResults) throws {
        let poses = try poses(fixture)
        results.compare("out/degrees", Tensor(keypoints: [poses.map(\.degrees)]))
        results.compare("out/rotation", .transposedRotations(poses))
        results.compare("out/keypoints", Tensor(keypoints: poses.map(\.posedKeypoints)))
        guard let given = fixture.file.stored("draw/keypoints", as: Float.self) else { return }
        results.used("draw/keypoints")
        draw(given.keypointSets, fixture, results)
    }

    private static func poses(_ fixture: Fixture) throws -> [FacePose] {
        let kp = try fixture.floats("kp"), t = try fixture.floats("t")
        let scale = try fixture.floats("scale"), bins = try fixture.floats("bins")
        let (count, width) = (kp.shape[0], bins.shape[2])
        let keypoints = kp.reshaped([count, kp.shape[1] / 3, 3]).keypointSets
        let translations = t.reshaped([1, count, 3]).keypointSets[0]
        return (0..<count).map { index in
            let angle = { (axis: Int) in
                let first = (axis * count + index) * width
                return AngleBins.degrees(bins.buffer[first..<first + width])
            }
            return FacePose(
                keypoints: keypoints[index], degrees: SIMD3(angle(0), angle(1), angle(2)),
                translation: translations[index], scale: scale.buffer[index])
        }
    }

    private static func draw(
        _ sets: [[SIMD3<Float>]], _ fixture: Fixture, _ results: FixtureResults
    ) {
        let drawing = KeypointDrawing(size: 512)
        let points = drawing.points(sets)
        results.compare("draw/points_xy", points)
        let boxes = (0..<sets.count).map { set in
            FaceBox(around: points.rows(set..<set + 1), size: drawing.size)
        }
        results.compare("draw/boxes", Tensor(boxes: boxes))
        guard let places = fixture.file.stored("draw/canvas_nonzero_bcyx", as: Int32.self),
            let values = fixture.file.stored("draw/canvas_nonzero_value", as: Float.self)
        else { return }
        results.used("draw/canvas_nonzero_bcyx")
        let canvas = drawing(sets)
        let golden = Tensor<Float>(repeating: 0, shape: canvas.shape)
        for (index, value) in values.array.enumerated() {
            let at = (0..<4).map { Int(places.buffer[4 * index + $0]) }
            golden.buffer[((at[0] * 512 + at[2]) * 512 + at[3]) * 3 + at[1]] = value
        }
        results.compare("draw/canvas_nonzero_value", canvas, golden: golden)
    }
}

extension Tensor<Float> {
    /// The rotations of poses as fixtures keep them: transposed, `[n, 3, 3]`.
    static func transposedRotations(_ poses: [FacePose]) -> Tensor<Float> {
        let numbers = poses.flatMap { pose -> [Float] in
            let rows = Rotation(degrees: pose.degrees).rows
            return (0..<3).flatMap { [Float(rows.0[$0]), Float(rows.1[$0]), Float(rows.2[$0])] }
        }
        return Tensor(numbers, shape: [poses.count, 3, 3])
    }
}
