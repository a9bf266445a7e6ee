import Tensors

/// What can be read off a face mesh: how the head is held, and what mouth, lids, eyes and brows do.
///
/// All but the pose is measured in head space (``HeadPose``), so that turning, moving or scaling the mesh
/// changes none of it. The figures in parentheses are those of the demo's film. Right and left are the
/// person's.
package struct FaceReading: Sendable, Equatable {
    package var pose: HeadPose

    /// Radians. Positive yaw turns the nose to the left in the picture, positive pitch turns it down,
    /// and positive roll turns the head clockwise as one sees it.
    package var yaw: Float { Float(pose.rotation.radians.y) }
    package var pitch: Float { Float(pose.rotation.radians.x) }
    package var roll: Float { Float(pose.rotation.radians.z) }

    /// The gap between the lips in units of head space (0...0.32).
    package var mouthOpening: Float
    /// From corner to corner of the mouth in units of head space (0.45...0.74).
    package var mouthWidth: Float
    /// Height of what is seen of an eye by its width: shut below 0.1, open from about 0.3 on.
    package var rightLid, leftLid: Float
    /// Where the irises are between the corners of their eyes, in half widths of an eye, mean of both: x
    /// to the right in the picture (-0.44...0.37), y down (-0.16...0.17). Of shut eyes it says nothing.
    package var gaze: SIMD2<Float>
    /// How far a brow is above the corners of its eye in units of head space (0.23...0.35).
    package var rightBrow, leftBrow: Float

    /// nil where these are not the 478 points of a face (``FacePoints``), or not ``areSound(_:)``.
    ///
    /// - Parameter points: in a unit that is the same along x, y and z: pixels, or parts of a square.
    package init?(_ points: [SIMD3<Float>]) {
        guard points.count == FaceMesh.pointCount, Self.areSound(points),
            let pose = HeadPose(of: points)
        else { return nil }
        self.pose = pose
        func point(_ index: Int) -> SIMD2<Float> {
            pose.inverse(points[index]).flat
        }
        func distance(_ a: Int, _ b: Int) -> Float {
            (point(b) - point(a)).length
        }
        func mean(_ indices: [Int]) -> SIMD2<Float> {
            indices.reduce(SIMD2(0, 0)) { $0 + point($1) } / Float(indices.count)
        }
        func lid(_ gaps: [(Int, Int)], _ corners: (Int, Int)) -> Float {
            let height = gaps.reduce(0) { $0 + distance($1.0, $1.1) } / Float(gaps.count)
            return height / max(distance(corners.0, corners.1), 1e-6)
        }
        func gaze(_ iris: Int, _ corners: (Int, Int)) -> SIMD2<Float> {
            let half = (point(corners.1) - point(corners.0)) / 2
            let off = point(iris) - point(corners.0) - half
            let square = max((half * half).sum(), 1e-12)
            return SIMD2((off * half).sum(), off.y * half.x - off.x * half.y) / square
        }
        func brow(_ brow: [Int], _ corners: (Int, Int)) -> Float {
            mean([corners.0, corners.1]).y - mean(brow).y
        }
        let mouth = FacePoints.mouthCorners
        let (right, left) = (FacePoints.rightEyeCorners, FacePoints.leftEyeCorners)
        mouthOpening =
            FacePoints.lipGaps.reduce(0) { $0 + point($1.1).y - point($1.0).y }
            / Float(FacePoints.lipGaps.count)
        mouthWidth = distance(mouth.0, mouth.1)
        rightLid = lid(FacePoints.rightLidGaps, right)
        leftLid = lid(FacePoints.leftLidGaps, left)
        self.gaze = (gaze(FacePoints.rightIris[0], right) + gaze(FacePoints.leftIris[0], left)) / 2
        rightBrow = brow(FacePoints.rightBrow, right)
        leftBrow = brow(FacePoints.leftBrow, left)
    }

    /// Whether all coordinates are numbers, and none is larger than any picture has.
    package static func areSound(_ points: [SIMD3<Float>]) -> Bool {
        points.allSatisfy {
            $0.x.magnitude < 1e4 && $0.y.magnitude < 1e4 && $0.z.magnitude < 1e4
        }
    }
}

extension Face {
    /// What its mesh says.
    package var reading: FaceReading? { FaceReading(points) }
}
