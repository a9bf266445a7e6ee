import Networks

/// A number that is read of a face in every frame of a film.
package struct FaceCurve: Sendable {
    package let name: String
    package let value: @Sendable (FaceReading) -> Float

    private init(_ name: String, _ value: @escaping @Sendable (FaceReading) -> Float) {
        (self.name, self.value) = (name, value)
    }

    package static let yaw = FaceCurve("yaw") { $0.yaw }
    package static let pitch = FaceCurve("pitch") { $0.pitch }
    package static let roll = FaceCurve("roll") { $0.roll }
    package static let mouth = FaceCurve("mouth") { $0.mouthOpening }
    package static let lids = FaceCurve("lids") { $0.rightLid + $0.leftLid }
    package static let brows = FaceCurve("brows") { $0.rightBrow + $0.leftBrow }
    package static let gaze = FaceCurve("gaze_x") { $0.gaze.x }

    package static let all = [
        yaw, pitch, roll, mouth, lids, FaceCurve("lid_right") { $0.rightLid },
        FaceCurve("lid_left") { $0.leftLid }, brows, gaze, FaceCurve("gaze_y") { $0.gaze.y },
    ]
    /// Those by which a result's delay is found: what every model follows first.
    static let pacing = [yaw, pitch, roll, mouth, lids]

    /// The linear correlation of two curves, -1...1; 0 where one of them is level.
    package static func correlation(_ pairs: [(Double, Double)]) -> Double {
        let count = Double(max(pairs.count, 1))
        let middle = (
            pairs.reduce(0) { $0 + $1.0 } / count, pairs.reduce(0) { $0 + $1.1 } / count
        )
        let sums = pairs.reduce(into: SIMD3<Double>()) { sums, pair in
            let (a, b) = (pair.0 - middle.0, pair.1 - middle.1)
            sums += SIMD3(a * b, a * a, b * b)
        }
        return sums.x / max((sums.y * sums.z).squareRoot(), 1e-12)
    }
}
