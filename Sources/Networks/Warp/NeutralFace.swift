/// The face that a driver makes when he does nothing, and how he holds his head then: what his motion is
/// measured against.
///
/// Found over his first frames. Of every coordinate of head space (``HeadPose``) and of the pose it is the
/// median; what is below the nose is of the frame with the most closed mouth, since people speak while they
/// are filmed; the lids are as open as they are in six frames of ten at most, since people blink.
package struct NeutralFace: Equatable {
    /// The mesh in head space, 478 points; empty before the first frame.
    private(set) var shape: [SIMD3<Float>] = []
    var pose: HeadPose? {
        shape.isEmpty ? nil : HeadPose(rotation: Rotation(vector: SIMD3(turn)), scale: scale, origin: origin)
    }
    /// The pose in numbers that another process can have to the bit: its rotation as a vector.
    private var turn = SIMD3<Float>(), scale: Float = 1, origin = SIMD3<Float>()
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

    /// Turn (a vector), scale, place, lids, gaze.
    private static let readings = 3 + 1 + 3 + 2 + 2

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
        let pose = reading.pose, way = SIMD3<Float>(pose.rotation.vector)
        turn = SIMD3(next(way.x), next(way.y), next(way.z))
        scale = next(pose.scale)
        origin = SIMD3(next(pose.origin.x), next(pose.origin.y), next(pose.origin.z))
        lids = SIMD2(next(reading.rightLid, half: 0.6), next(reading.leftLid, half: 0.6))
        gaze = SIMD2(next(reading.gaze.x), next(reading.gaze.y))
        let nose = self.shape[MeshParts.underNose].y
        for i in 0..<MeshParts.faceCount where self.shape[i].y > nose { self.shape[i] = closed[i] }
        seen += 1
        if isComplete { (sorted, closed) = ([], []) }
    }

    /// Sorts a number in among those of its row. Gives the one below which `share` of them lie.
    private mutating func insert(_ value: Float, _ row: Int, half share: Float) -> Float {
        let rows = shape.count * 3 + Self.readings
        return sorted.withUnsafeMutableBufferPointer { sorted in
            var at = seen * rows + row
            while at >= rows, sorted[at - rows] > value {
                sorted[at] = sorted[at - rows]
                at -= rows
            }
            sorted[at] = value
            return sorted[Int(Float(seen) * share) * rows + row]
        }
    }
}

extension NeutralFace {
    /// All of it, for another process of the same node.
    package var numbers: [Float] {
        guard !shape.isEmpty else { return [] }
        return [Float(frames), Float(seen), closedMouth, lids.x, lids.y, gaze.x, gaze.y]
            + [turn.x, turn.y, turn.z, scale, origin.x, origin.y, origin.z]
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
        (turn, scale, origin) = (SIMD3(n[7], n[8], n[9]), n[10], SIMD3(n[11], n[12], n[13]))
        shape = Array(coordinates: n[first..<first + points])
        guard !isComplete else { return }
        closed = Array(coordinates: n[first + points..<first + 2 * points])
        sorted = Array(n[(first + 2 * points)...])
    }
}
