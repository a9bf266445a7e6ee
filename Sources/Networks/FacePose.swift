import Tensors
import Glibc

/// Where a face is and how it is turned, as the motion extractor sees it in one picture.
///
/// The keypoints are those of the face at rest; pose and size are kept apart from them, so that one
/// person's face can be posed like another's. The convention is LivePortrait's (arXiv 2407.03168).
package struct FacePose: Sendable, Equatable {
    /// 21 points of the face at rest.
    package var keypoints: [SIMD3<Float>]
    /// Pitch, yaw and roll.
    package var degrees: SIMD3<Float>
    /// Of the face in the picture; z is not used.
    package var translation: SIMD3<Float>
    package var scale: Float

    package init(
        keypoints: [SIMD3<Float>], degrees: SIMD3<Float>, translation: SIMD3<Float>, scale: Float
    ) {
        self.keypoints = keypoints
        self.degrees = degrees
        self.translation = translation
        self.scale = scale
    }

    /// The keypoints where they are in the picture: turned, scaled and moved.
    package var posedKeypoints: [SIMD3<Float>] {
        let rotation = Rotation(degrees: degrees)
        let shift = SIMD3<Double>(Double(translation.x), Double(translation.y), 0)
        return keypoints.map { point in
            // In binary64, so that only the last rounding counts.
            let posed = rotation.turn(SIMD3<Double>(point)) * Double(scale) + shift
            return SIMD3<Float>(posed)
        }
    }

    /// The keypoints that are drawn for a driving frame: this face's identity, size and place, the
    /// driver's rotation, and half of the driver's way since the first frame.
    package func drawn(for driving: FacePose, since first: FacePose) -> [SIMD3<Float>] {
        var pose = self
        pose.degrees = driving.degrees
        pose.translation = (driving.translation - first.translation) * 0.5 + translation
        return pose.posedKeypoints
    }

    /// `count` sets of drawn keypoints that lead from this face's own pose towards the first driving
    /// frame, which itself is not among them; set 0 is this face exactly.
    package func gliding(to first: FacePose, count: Int) -> [[SIMD3<Float>]] {
        (0..<count).map { step in
            let alpha = Float(step) / Float(count)
            var pose = self
            pose.degrees = degrees * (1 - alpha) + first.degrees * alpha
            return pose.posedKeypoints
        }
    }
}

/// A rotation by pitch, yaw and roll: R = Rz · Ry · Rx, each right-handed.
package struct Rotation: Sendable {
    /// Rows of R.
    package let rows: (SIMD3<Double>, SIMD3<Double>, SIMD3<Double>)

    /// - Parameter degrees: pitch (about x), yaw (about y), roll (about z).
    package init(degrees: SIMD3<Float>) {
        let angles = SIMD3<Double>(degrees) / 180 * Double.pi
        let (sx, cx) = (sin(angles.x), cos(angles.x))
        let (sy, cy) = (sin(angles.y), cos(angles.y))
        let (sz, cz) = (sin(angles.z), cos(angles.z))
        rows = (
            SIMD3(cz * cy, cz * sy * sx - sz * cx, cz * sy * cx + sz * sx),
            SIMD3(sz * cy, sz * sy * sx + cz * cx, sz * sy * cx - cz * sx),
            SIMD3(-sy, cy * sx, cy * cx)
        )
    }

    init(rows: (SIMD3<Double>, SIMD3<Double>, SIMD3<Double>)) { self.rows = rows }

    /// The transpose of R times a column vector: the way back.
    func turnBack(_ point: SIMD3<Double>) -> SIMD3<Double> {
        rows.0 * point.x + rows.1 * point.y + rows.2 * point.z
    }

    /// R times a column vector.
    func turn(_ point: SIMD3<Double>) -> SIMD3<Double> {
        SIMD3(
            (rows.0 * point).sum(), (rows.1 * point).sum(), (rows.2 * point).sum())
    }
}

extension Tensor<Float> {
    /// Sets of keypoints as `[sets, points, 3]`.
    package init(keypoints sets: [[SIMD3<Float>]]) {
        self.init(
            sets.joined().flatMap { [$0.x, $0.y, $0.z] },
            shape: [sets.count, sets.first?.count ?? 0, 3])
    }

    /// The sets of keypoints in `[sets, points, 3]`.
    package var keypointSets: [[SIMD3<Float>]] {
        precondition(
            shape.count == 3 && shape[2] == 3, "keypoints are [n, points, 3], not \(shape)")
        return (0..<shape[0]).map { set in
            (0..<shape[1]).map { point in
                let at = (set * shape[1] + point) * 3
                return SIMD3(pointer[at], pointer[at + 1], pointer[at + 2])
            }
        }
    }
}
