/// What a driver's face does, relative to what it does when it does nothing.
struct FaceMotion: Equatable {
    /// How the head is turned, about its own origin.
    var turn = Rotation.none
    /// How much larger the head has become.
    var scale: Float = 1
    /// How far the head's origin has moved in the picture, in units of head space.
    var shift = SIMD2<Float>()
    /// How far every point of the face has moved in head space; 478 of them.
    var expression: [SIMD3<Float>]
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
        // Rounded to what another process can be told.
        let rows = (pose.rotation * rest.rotation.inverse).rows
        turn = Rotation(
            rows: (
                SIMD3(SIMD3<Float>(rows.0)), SIMD3(SIMD3<Float>(rows.1)), SIMD3(SIMD3<Float>(rows.2))
            ))
        scale = pose.scale / rest.scale
        shift = (pose.origin - rest.origin).flat / rest.scale
        lids = SIMD2(reading.rightLid, reading.leftLid) / pointwiseMax(neutral.lids, SIMD2(0.05, 0.05))
        gaze = reading.gaze - neutral.gaze
        for i in expression.indices { expression[i] = shape[i] - neutral.shape[i] }
    }
}

extension FaceMotion {
    /// All of it, for another process of the same node.
    var numbers: [Float] {
        let rows = [turn.rows.0, turn.rows.1, turn.rows.2].map { SIMD3<Float>($0) }
        return (rows + expression).coordinates
            + [scale, shift.x, shift.y, lids.x, lids.y, gaze.x, gaze.y]
    }

    init(numbers n: [Float]) {
        self.init()
        let points = 3 * (3 + expression.count)
        guard n.count == points + 7 else { return }
        let rows = [SIMD3<Float>](coordinates: n[..<9])
        turn = Rotation(rows: (SIMD3(rows[0]), SIMD3(rows[1]), SIMD3(rows[2])))
        expression = Array(coordinates: n[9..<points])
        let rest = n[points...]
        scale = rest[points]
        (shift, lids, gaze) = (
            SIMD2(rest[points + 1], rest[points + 2]), SIMD2(rest[points + 3], rest[points + 4]),
            SIMD2(rest[points + 5], rest[points + 6])
        )
    }
}
