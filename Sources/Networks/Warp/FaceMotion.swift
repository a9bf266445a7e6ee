/// What a driver's face does, relative to what it does when it does nothing.
struct FaceMotion: Equatable {
    /// By how much pitch, yaw and roll are larger, degrees. Angle by angle, so that a nod stays a nod whatever
    /// the neutral head's tilt is.
    var angles = SIMD3<Float>()
    /// How much larger the head has become.
    var scale: Float = 1
    /// How far the head's origin has moved in the picture, in units of head space.
    var shift = SIMD2<Float>()
    /// How far every point of the face has moved in head space; 478 of them.
    var expression: [SIMD3<Float>]
    /// From corner to corner of the neutral face's mouth, units of head space.
    var mouthWidth: Float = 0
    /// How far the lids are open, right and left, 1 being as in the neutral face.
    var lids = SIMD2<Float>(1, 1)
    /// How far the irises have moved, in half widths of the eye.
    var gaze = SIMD2<Float>()

    /// No motion at all.
    init() { expression = Array(repeating: SIMD3(), count: MeshParts.count) }

    /// Reads what was read of a mesh; what is here is overwritten.
    ///
    /// - Parameters:
    ///   - shape: the mesh in the head space of the reading.
    mutating func read(
        _ shape: [SIMD3<Float>], _ reading: FaceReading, against neutral: NeutralFace
    ) {
        guard let rest = neutral.pose else { return }
        let pose = reading.pose
        let read = SIMD3<Float>(pose.rotation.radians * (180 / .pi))
        angles = read - neutral.angles
        angles.z -= 360 * (angles.z / 360).rounded()
        scale = pose.scale / rest.scale
        shift = (pose.origin - rest.origin).flat / rest.scale
        let corners = FacePoints.mouthCorners
        mouthWidth = (neutral.shape[corners.0] - neutral.shape[corners.1]).flat.length
        lids = SIMD2(reading.rightLid, reading.leftLid) / pointwiseMax(neutral.lids, SIMD2(0.05, 0.05))
        gaze = reading.gaze - neutral.gaze
        for i in expression.indices { expression[i] = shape[i] - neutral.shape[i] }
    }
}

extension FaceMotion {
    /// All of it, for another process of the same node.
    var numbers: [Float] {
        ([angles] + expression).coordinates
            + [scale, shift.x, shift.y, mouthWidth, lids.x, lids.y, gaze.x, gaze.y]
    }

    init(numbers n: [Float]) {
        self.init()
        let points = 3 * (1 + expression.count)
        guard n.count == points + 8 else { return }
        angles = SIMD3(n[0], n[1], n[2])
        expression = Array(coordinates: n[3..<points])
        let rest = n[points...]
        scale = rest[points]
        mouthWidth = rest[points + 3]
        (shift, lids, gaze) = (
            SIMD2(rest[points + 1], rest[points + 2]), SIMD2(rest[points + 4], rest[points + 5]),
            SIMD2(rest[points + 6], rest[points + 7])
        )
    }
}
