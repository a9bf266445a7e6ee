import Glibc

/// The face that a driver makes when he does nothing, and how he holds his head then: what his motion is
/// measured against.
///
/// Found over his first frames. Of every coordinate of head space (``HeadPose``) it is the median; what is
/// below the nose is of the frame with the most closed mouth, since people speak while they are filmed; the
/// lids are as open as they are in six frames of ten at most, since people blink.
///
/// Pose and gaze begin as those of a head that looks straight ahead, since a first frame may show it turned
/// away, and reach the median by equal steps. Of the angles they reach it as far as the head kept still: a
/// camera that stands low is seen at once, but the middle of a head in motion is no neutral.
package struct NeutralFace: Equatable {
    /// The mesh in head space, 478 points; empty before the first frame.
    private(set) var shape: [SIMD3<Float>] = []
    /// Pitch, yaw and roll, degrees.
    private(set) var angles = SIMD3<Float>()
    private(set) var scale: Float = 1
    /// Where the top of the neck is, about which a head turns.
    private var neck = SIMD3<Float>()
    var pose: HeadPose? {
        guard !shape.isEmpty else { return nil }
        let rotation = Rotation(degrees: angles)
        return HeadPose(
            rotation: rotation, scale: scale, origin: neck - rotation.led(Self.neck) * scale)
    }
    /// How far the lids are open, right and left, and where the irises are, as ``FaceReading`` has it.
    private(set) var lids = SIMD2<Float>(1, 1)
    private(set) var gaze = SIMD2<Float>()

    /// Frames that are looked at, and how many have been.
    private let frames: Int
    private var seen = 0
    /// Of every number that has a median its values so far, sorted: the smallest of all of them, then the
    /// second ones and so on. First the shape's, then the pose's, the lids' and the gaze's.
    private var sorted: [Float] = []
    /// The shape whose mouth was the most closed one so far, and its opening.
    private var closed: [SIMD3<Float>] = []
    private var closedMouth = Float.infinity

    /// Angles, scale, neck, lids, gaze.
    private static let readings = 3 + 1 + 3 + 2 + 2
    /// The top of the neck in head space: a tenth of the face's height below the chin, and behind it.
    private static let neck = SIMD3<Float>(0, 1.2, 0.6)
    /// Degrees by which the angles of a head that keeps still spread about their median: at so much it is
    /// followed by half.
    private static let stillness: Float = 4

    /// - Parameters:
    ///   - frames: 1 takes the first frame as it is.
    package init(frames: Int) { self.frames = frames }

    package var isComplete: Bool { seen >= frames }

    /// Takes in the next frame, while that is still wanted.
    ///
    /// - Parameters:
    ///   - shape: the mesh in the head space of the reading.
    mutating func look(at shape: [SIMD3<Float>], _ reading: FaceReading) {
        guard !isComplete else { return }
        if seen == 0 { self.shape = shape }
        sorted += Array(repeating: 0, count: shape.count * 3 + Self.readings)
        if reading.mouthOpening < closedMouth { (closedMouth, closed) = (reading.mouthOpening, shape) }
        for (i, point) in shape.enumerated() {
            for axis in 0..<3 { self.shape[i][axis] = insert(point[axis], 3 * i + axis, half: 0.5) }
        }
        var row = 3 * shape.count
        func next(_ value: Float, half share: Float = 0.5) -> Float {
            defer { row += 1 }
            return insert(value, row, half: share)
        }
        let pose = reading.pose, part = Float(seen + 1) / Float(frames)
        let read = SIMD3<Float>(pose.rotation.radians * (180 / .pi))
        for axis in 0..<3 {
            let middle = next(read[axis])
            let spread = (value(in: row - 1, below: 0.84) - value(in: row - 1, below: 0.16)) / 2
            let unrest = spread / Self.stillness
            angles[axis] = middle * part / (1 + unrest * unrest)
        }
        scale = next(pose.scale)
        let place = pose(Self.neck)
        neck = SIMD3(next(place.x), next(place.y), next(place.z))
        lids = SIMD2(next(reading.rightLid, half: 0.6), next(reading.leftLid, half: 0.6))
        gaze = SIMD2(next(reading.gaze.x), next(reading.gaze.y)) * part
        let nose = self.shape[MeshParts.underNose].y
        for i in 0..<MeshParts.faceCount where self.shape[i].y > nose { self.shape[i] = closed[i] }
        seen += 1
        if isComplete { (sorted, closed) = ([], []) }
    }

    /// Sorts a number in among those of its row. Gives the one below which `share` of them lie.
    private mutating func insert(_ value: Float, _ row: Int, half share: Float) -> Float {
        let rows = shape.count * 3 + Self.readings
        sorted.withUnsafeMutableBufferPointer { sorted in
            var at = seen * rows + row
            while at >= rows, sorted[at - rows] > value {
                sorted[at] = sorted[at - rows]
                at -= rows
            }
            sorted[at] = value
        }
        return self.value(in: row, below: share)
    }

    /// The value of a row that `share` of those so far, the frame's own among them, lie below.
    private func value(in row: Int, below share: Float) -> Float {
        sorted[Int(Float(seen) * share) * (shape.count * 3 + Self.readings) + row]
    }
}

extension NeutralFace {
    /// All of it, for another process of the same node.
    package var numbers: [Float] {
        guard !shape.isEmpty else { return [] }
        return [Float(frames), Float(seen), closedMouth, lids.x, lids.y, gaze.x, gaze.y]
            + [angles.x, angles.y, angles.z, scale, neck.x, neck.y, neck.z]
            + shape.coordinates + closed.coordinates + sorted
    }

    /// - Parameters:
    ///   - numbers: of a face over other than `frames` frames, they say nothing: it is found anew.
    package init(frames: Int, numbers n: [Float]) {
        self.init(frames: frames)
        let first = 14, points = 3 * MeshParts.count
        guard n.count >= first + points, n[0] == Float(frames) else { return }
        (seen, closedMouth) = (Int(n[1]), n[2])
        (lids, gaze) = (SIMD2(n[3], n[4]), SIMD2(n[5], n[6]))
        (angles, scale, neck) = (SIMD3(n[7], n[8], n[9]), n[10], SIMD3(n[11], n[12], n[13]))
        shape = Array(coordinates: n[first..<first + points])
        guard !isComplete else { return }
        closed = Array(coordinates: n[first + points..<first + 2 * points])
        sorted = Array(n[(first + 2 * points)...])
    }
}
