import Glibc

/// How a head is held in a picture: where the head's own space lies.
///
/// Head space: x to the right in a picture of a head that looks into the camera, y down, z away from
/// the viewer; the origin is the centroid of ``stable`` points, and the outer corners of the eyes
/// are one unit apart. The picture's space has the same directions, and any unit that is the same
/// along all three.
package struct HeadPose: Sendable, Equatable {
    package var rotation: Rotation
    /// A unit of head space in the picture's unit.
    package var scale: Float
    /// Where the origin of head space lies.
    package var origin: SIMD3<Float>

    package init(rotation: Rotation, scale: Float, origin: SIMD3<Float>) {
        (self.rotation, self.scale, self.origin) = (rotation, scale, origin)
    }

    /// Where a point of head space lies in the picture.
    package func callAsFunction(_ point: SIMD3<Float>) -> SIMD3<Float> {
        SIMD3<Float>(rotation.turn(SIMD3<Double>(point)) * Double(scale)) + origin
    }

    /// Where a point of the picture lies in head space.
    package func inverse(_ place: SIMD3<Float>) -> SIMD3<Float> {
        SIMD3<Float>(rotation.turnBack(SIMD3<Double>(place - origin)) / Double(scale))
    }

    /// The pose with the least squares between the stable points of a mesh and those of a head at rest
    /// (Horn, *Closed-form solution of absolute orientation using unit quaternions*, 1987).
    ///
    /// nil where the points lie in one place or are no numbers.
    ///
    /// - Parameter points: the mesh's (``FacePoints``), in a unit that is the same along x, y and z.
    package init?(of points: [SIMD3<Float>]) {
        let places = Self.stable.map { SIMD3<Double>(points[$0.index]) }
        let middle = places.reduce(.zero, +) / Double(places.count)
        var sums = [SIMD3<Double>](repeating: .zero, count: 3)
        var own = 0.0
        for (place, stable) in zip(places, Self.stable) {
            let off = place - middle, rest = SIMD3<Double>(stable.rest) - Self.centroid
            for axis in 0..<3 { sums[axis] += rest[axis] * off }
            own += (rest * rest).sum()
        }
        guard let (value, turn) = Self.largest(Self.quaternionMatrix(sums)), value > 1e-12 * own
        else { return nil }
        let rotation = Rotation(quaternion: turn), scale = value / own
        self.init(
            rotation: rotation, scale: Float(scale),
            origin: SIMD3<Float>(middle - rotation.turn(Self.centroid) * scale))
    }

    /// Horn's symmetric 4 × 4 matrix, whose largest eigenvalue's vector is the rotation's quaternion.
    ///
    /// - Parameter s: row i: the sum of coordinate i at rest times the point in the picture.
    private static func quaternionMatrix(_ s: [SIMD3<Double>]) -> [SIMD4<Double>] {
        let (x, y, z) = (s[0], s[1], s[2])
        let (a, b, c) = (y.z - z.y, z.x - x.z, x.y - y.x)
        let (d, e, f) = (x.y + y.x, z.x + x.z, y.z + z.y)
        return [
            SIMD4(x.x + y.y + z.z, a, b, c), SIMD4(a, x.x - y.y - z.z, d, e),
            SIMD4(b, d, y.y - x.x - z.z, f), SIMD4(c, e, f, z.z - x.x - y.y),
        ]
    }

    /// The largest eigenvalue of a symmetric matrix and its vector, by Jacobi's rotations; nil where an
    /// element is no number.
    private static func largest(
        _ matrix: [SIMD4<Double>]
    ) -> (value: Double, vector: SIMD4<Double>)? {
        var m = matrix
        guard m.allSatisfy({ ($0 * 0).sum() == 0 }) else { return nil }
        var vectors = (0..<4).map { i in
            var unit = SIMD4<Double>.zero
            unit[i] = 1
            return unit
        }
        // Each sweep squares what is left beside the diagonal; 4 × 4 need about five.
        for _ in 0..<12 {
            for p in 0..<3 {
                for q in p + 1..<4 where m[p][q] != 0 {
                    let theta = (m[q][q] - m[p][p]) / (2 * m[p][q])
                    let way = theta.magnitude + (theta * theta + 1).squareRoot()
                    let t = (theta < 0 ? -1 : 1) / way
                    let c = 1 / (t * t + 1).squareRoot(), s = t * c
                    // m = Jᵀ m J: columns, then rows; the vectors' rows turn likewise.
                    for i in 0..<4 {
                        let (a, b) = (m[i][p], m[i][q])
                        (m[i][p], m[i][q]) = (c * a - s * b, s * a + c * b)
                    }
                    (m[p], m[q]) = (c * m[p] - s * m[q], s * m[p] + c * m[q])
                    (vectors[p], vectors[q]) = (
                        c * vectors[p] - s * vectors[q], s * vectors[p] + c * vectors[q]
                    )
                }
            }
        }
        let best = (0..<4).max { m[$0][$0] < m[$1][$1] }!
        return (m[best][best], vectors[best])
    }

    /// Points that jaw, lips, lids and brows do not move, and where they are at rest: of people from
    /// Training/portrait/faces, by Training/canonical_face.py, which says how.
    package static let stable: [(index: Int, rest: SIMD3<Float>)] = table.flatMap { entry in
        let (right, left, rest) = entry, other = SIMD3(-rest.x, rest.y, rest.z)
        return right == left ? [(right, rest)] : [(right, rest), (left, other)]
    }

    /// What rounding has left of it.
    private static let centroid =
        stable.reduce(SIMD3<Double>.zero) { $0 + SIMD3<Double>($1.rest) } / Double(stable.count)

    /// The person's right point, the left one, and the place of the right one.
    private static let table: [(right: Int, left: Int, rest: SIMD3<Float>)] = [
        (168, 168, SIMD3(0.000, -0.161, -0.228)),
        (6, 6, SIMD3(0.000, -0.066, -0.273)),
        (197, 197, SIMD3(0.000, 0.007, -0.329)),
        (195, 195, SIMD3(0.000, 0.072, -0.388)),
        (5, 5, SIMD3(0.000, 0.142, -0.448)),
        (4, 4, SIMD3(0.000, 0.225, -0.474)),
        (1, 1, SIMD3(0.000, 0.286, -0.451)),
        (122, 351, SIMD3(-0.061, -0.051, -0.249)),
        (196, 419, SIMD3(-0.059, 0.019, -0.314)),
        (198, 420, SIMD3(-0.145, 0.149, -0.275)),
        (21, 251, SIMD3(-0.727, -0.340, 0.279)),
        (162, 389, SIMD3(-0.757, -0.228, 0.413)),
        (127, 356, SIMD3(-0.760, -0.091, 0.517)),
        (234, 454, SIMD3(-0.743, 0.042, 0.563)),
        (93, 323, SIMD3(-0.722, 0.179, 0.565)),
        (33, 263, SIMD3(-0.500, -0.097, -0.010)),
        (133, 362, SIMD3(-0.177, -0.070, -0.070)),
        (244, 464, SIMD3(-0.121, -0.062, -0.115)),
        (143, 372, SIMD3(-0.676, -0.069, 0.144)),
        (226, 446, SIMD3(-0.567, -0.088, 0.031)),
        (116, 345, SIMD3(-0.681, 0.052, 0.120)),
        (117, 346, SIMD3(-0.572, 0.069, -0.011)),
        (118, 347, SIMD3(-0.486, 0.094, -0.072)),
        (119, 348, SIMD3(-0.359, 0.089, -0.098)),
        (101, 330, SIMD3(-0.371, 0.149, -0.122)),
    ]
}

extension Rotation: Equatable {
    package static func == (a: Rotation, b: Rotation) -> Bool { a.rows == b.rows }

    /// - Parameter quaternion: of length 1, the real part first.
    init(quaternion: SIMD4<Double>) {
        let (w, x, y, z) = (quaternion.x, quaternion.y, quaternion.z, quaternion.w)
        self.init(
            rows: (
                SIMD3(1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)),
                SIMD3(2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)),
                SIMD3(2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y))
            ))
    }

    /// Pitch, yaw and roll, of which yaw is in -π/2...π/2.
    package var radians: SIMD3<Double> {
        SIMD3(
            atan2(rows.2.y, rows.2.z), asin(max(-1, min(1, -rows.2.x))), atan2(rows.1.x, rows.0.x))
    }
}
