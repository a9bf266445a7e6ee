import Networks

/// A face that was found in a frame.
package struct SeenFace: Sendable {
    /// The mesh's 478 points in pixels of the frame.
    let points: [SIMD3<Float>]
    package let reading: FaceReading
    /// The same points in head space (``HeadPose``), where turning and moving the head changes nothing and
    /// the outer corners of the eyes are one unit apart. Seen from the front: the mesh's depth is a guess.
    let shape: [SIMD2<Float>]

    /// nil where the points are no face's.
    package init?(_ points: [SIMD3<Float>]) {
        guard let reading = FaceReading(points), reading.pose.scale > 1e-6 else { return nil }
        (self.points, self.reading) = (points, reading)
        shape = points.map { point in
            let place = reading.pose.inverse(point)
            return SIMD2(place.x, place.y)
        }
    }

    /// The angle between the directions of two heads, degrees.
    func angle(to other: SeenFace) -> Double {
        let turn = (reading.pose.rotation * other.reading.pose.rotation.inverse).vector
        return (turn * turn).sum().squareRoot() * 180 / .pi
    }

    /// Pitch, yaw and roll, degrees.
    var angles: SIMD3<Double> { reading.pose.rotation.radians * (180 / .pi) }

    /// A point in pixels of the frame.
    func place(_ index: Int) -> SIMD2<Float> { SIMD2(points[index].x, points[index].y) }
}

/// Points of the mesh by what is measured with them.
enum MeasuredPoints {
    /// What an expression moves: lips, the edges of the lids, brows.
    static let expression =
        FacePoints.lips + FacePoints.rightLids + FacePoints.leftLids + FacePoints.rightBrow
        + FacePoints.leftBrow
    /// What an expression hardly moves: nose, cheekbones, temples, corners of the eyes; and the jaw, which is
    /// looked at while the mouth is as in the portrait.
    static let identity = HeadPose.stable.map(\.index) + FacePoints.jaw
    /// What sets of key points have: jaw, brows, eyes, nose, lips.
    static let key =
        FacePoints.jaw + FacePoints.rightBrow + FacePoints.leftBrow + FacePoints.rightLids
        + FacePoints.leftLids + [168, 6, 197, 195, 5, 4, 1, 2] + FacePoints.outerLips
        + FacePoints.innerLips
}

extension [SIMD2<Float>] {
    /// The mean distance between the places that some points have in two lists.
    func distance(to other: [SIMD2<Float>], of indices: [Int]) -> Double {
        let sum = indices.reduce(Float(0)) { sum, index in
            let off = self[index] - other[index]
            return sum + (off * off).sum().squareRoot()
        }
        return Double(sum) / Double(Swift.max(indices.count, 1))
    }
}
