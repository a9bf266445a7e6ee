import Glibc

extension Rotation {
    package static let none = Rotation(rows: (SIMD3(1, 0, 0), SIMD3(0, 1, 0), SIMD3(0, 0, 1)))

    /// First `b`, then `a`.
    package static func * (a: Rotation, b: Rotation) -> Rotation {
        let columns = (
            a.turn(SIMD3(b.rows.0.x, b.rows.1.x, b.rows.2.x)),
            a.turn(SIMD3(b.rows.0.y, b.rows.1.y, b.rows.2.y)),
            a.turn(SIMD3(b.rows.0.z, b.rows.1.z, b.rows.2.z))
        )
        return Rotation(
            rows: (
                SIMD3(columns.0.x, columns.1.x, columns.2.x),
                SIMD3(columns.0.y, columns.1.y, columns.2.y),
                SIMD3(columns.0.z, columns.1.z, columns.2.z)
            ))
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

    /// The turn by the length of a vector, in radians, about its direction (Rodrigues' formula).
    package init(vector: SIMD3<Double>) {
        let angle = (vector * vector).sum().squareRoot()
        guard angle > 1e-9 else {
            self = .none
            return
        }
        let a = vector / angle, c = cos(angle), s = sin(angle), d = 1 - c
        self.init(
            rows: (
                SIMD3(c + a.x * a.x * d, a.x * a.y * d - a.z * s, a.x * a.z * d + a.y * s),
                SIMD3(a.y * a.x * d + a.z * s, c + a.y * a.y * d, a.y * a.z * d - a.x * s),
                SIMD3(a.z * a.x * d - a.y * s, a.z * a.y * d + a.x * s, c + a.z * a.z * d)
            ))
    }

    /// The vector of ``init(vector:)``, of less than half a turn.
    package var vector: SIMD3<Double> {
        let axis = SIMD3(
            rows.2.y - rows.1.z, rows.0.z - rows.2.x, rows.1.x - rows.0.y) / 2
        let sine = (axis * axis).sum().squareRoot()
        let cosine = (rows.0.x + rows.1.y + rows.2.z - 1) / 2
        return sine > 1e-9 ? axis * (atan2(sine, cosine) / sine) : SIMD3()
    }
}
