import Glibc

extension Rotation: Equatable {
    package static let none = Rotation(rows: (SIMD3(1, 0, 0), SIMD3(0, 1, 0), SIMD3(0, 0, 1)))

    package static func == (a: Rotation, b: Rotation) -> Bool { a.rows == b.rows }

    /// First `b`, then `a`.
    package static func * (a: Rotation, b: Rotation) -> Rotation {
        Rotation(rows: (b.turnBack(a.rows.0), b.turnBack(a.rows.1), b.turnBack(a.rows.2)))
    }

    /// Where a point is led to.
    package func led(_ point: SIMD3<Float>) -> SIMD3<Float> {
        SIMD3<Float>(turn(SIMD3<Double>(point)))
    }

    package var inverse: Rotation {
        Rotation(
            rows: (
                SIMD3(rows.0.x, rows.1.x, rows.2.x), SIMD3(rows.0.y, rows.1.y, rows.2.y),
                SIMD3(rows.0.z, rows.1.z, rows.2.z)
            ))
    }

    /// The turn by the length of a vector, in radians, about its direction.
    package init(vector: SIMD3<Double>) {
        let angle = vector.length
        guard angle > 0 else {
            self = .none
            return
        }
        let axis = vector * (sin(angle / 2) / angle)
        self.init(quaternion: SIMD4(cos(angle / 2), axis.x, axis.y, axis.z))
    }

    /// The vector of ``init(vector:)``, of half a turn at most.
    package var vector: SIMD3<Double> {
        let axis = SIMD3(
            rows.2.y - rows.1.z, rows.0.z - rows.2.x, rows.1.x - rows.0.y) / 2
        let sine = axis.length, cosine = (rows.0.x + rows.1.y + rows.2.z - 1) / 2
        if sine > 1e-9 { return axis * (atan2(sine, cosine) / sine) }
        guard cosine < 0 else { return SIMD3() }
        // Half a turn: each row of the rotation and 1 is twice the axis times one of its coordinates.
        let axes = [
            rows.0 + SIMD3(1, 0, 0), rows.1 + SIMD3(0, 1, 0), rows.2 + SIMD3(0, 0, 1),
        ]
        let longest = axes.max { $0.length < $1.length }!
        return longest * (.pi / longest.length)
    }

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
