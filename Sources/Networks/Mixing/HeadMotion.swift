import Glibc

/// How a head is held, seen from another way of holding it: turned about its middle, moved and scaled.
package struct HeadMotion: Sendable, Equatable {
    /// The turn as a unit quaternion (x, y, z, w).
    package var turn = SIMD4<Double>(0, 0, 0, 1)
    /// Of the middle of the points.
    package var shift = SIMD3<Double>()
    /// Natural logarithm of the factor by which it is larger.
    package var growth = 0.0

    /// Held as before.
    package init() {}

    /// The motion that brings one set of points nearest to another, by least squares over points.
    ///
    /// The turn is the eigenvector of the largest eigenvalue of a symmetric 4 × 4 matrix (B. K. P. Horn,
    /// "Closed-form solution of absolute orientation using unit quaternions", 1987); the growth is the
    /// ratio of spreads.
    ///
    /// - Precondition: as many points in both, at least one.
    package init(from reference: [SIMD3<Float>], to points: [SIMD3<Float>]) {
        let (a, b) = (Self.middle(of: reference), Self.middle(of: points))
        var (xx, xy, xz) = (0.0, 0.0, 0.0), (yx, yy, yz) = (0.0, 0.0, 0.0)
        var (zx, zy, zz) = (0.0, 0.0, 0.0)
        var (spreadA, spreadB) = (0.0, 0.0)
        for (p, q) in zip(reference, points) {
            let (u, v) = (SIMD3<Double>(p) - a, SIMD3<Double>(q) - b)
            xx += u.x * v.x; xy += u.x * v.y; xz += u.x * v.z
            yx += u.y * v.x; yy += u.y * v.y; yz += u.y * v.z
            zx += u.z * v.x; zy += u.z * v.y; zz += u.z * v.z
            spreadA += (u * u).sum()
            spreadB += (v * v).sum()
        }
        shift = b - a
        guard spreadA > 0, spreadB > 0 else { return }
        growth = log(spreadB / spreadA) / 2
        let w = Self.largestEigenvector([
            [xx + yy + zz, yz - zy, zx - xz, xy - yx],
            [yz - zy, xx - yy - zz, xy + yx, zx + xz],
            [zx - xz, xy + yx, yy - xx - zz, yz + zy],
            [xy - yx, zx + xz, yz + zy, zz - xx - yy],
        ])
        turn = SIMD4(w[1], w[2], w[3], w[0])
        if turn.w < 0 { turn = -turn }
    }

    /// Jacobi's method: rotations in pairs of axes until nothing is left beside the diagonal.
    private static func largestEigenvector(_ matrix: [[Double]]) -> [Double] {
        var a = matrix
        var v = (0..<4).map { row in (0..<4).map { $0 == row ? 1.0 : 0.0 } }
        for _ in 0..<32 {
            var rest = 0.0
            for p in 0..<3 {
                for q in p + 1..<4 where a[p][q] != 0 {
                    rest += a[p][q] * a[p][q]
                    let angle = atan2(2 * a[p][q], a[q][q] - a[p][p]) / 2
                    let (s, c) = (sin(angle), cos(angle))
                    for k in 0..<4 {
                        let (kp, kq) = (a[k][p], a[k][q])
                        (a[k][p], a[k][q]) = (c * kp - s * kq, s * kp + c * kq)
                    }
                    for k in 0..<4 {
                        let (pk, qk) = (a[p][k], a[q][k])
                        (a[p][k], a[q][k]) = (c * pk - s * qk, s * pk + c * qk)
                        let (vp, vq) = (v[k][p], v[k][q])
                        (v[k][p], v[k][q]) = (c * vp - s * vq, s * vp + c * vq)
                    }
                }
            }
            let size = (0..<4).reduce(0.0) { $0 + a[$1][$1] * a[$1][$1] }
            if rest <= 1e-30 * size { break }
        }
        let best = (0..<4).max { a[$0][$0] < a[$1][$1] }!
        return (0..<4).map { v[$0][best] }
    }

    /// The mean of points.
    package static func middle(of points: [SIMD3<Float>]) -> SIMD3<Double> {
        points.reduce(SIMD3<Double>()) { $0 + SIMD3<Double>($1) } / Double(max(points.count, 1))
    }

    // MARK: On points

    /// Points that are held so, of points that are held as the reference was.
    ///
    /// - Parameter middle: of the reference; that of the points themselves if nil.
    package func callAsFunction(
        _ points: [SIMD3<Float>], about middle: SIMD3<Double>? = nil
    ) -> [SIMD3<Float>] {
        let middle = middle ?? Self.middle(of: points)
        return points.map { point in
            SIMD3<Float>(rotated(SIMD3<Double>(point) - middle) * exp(growth) + middle + shift)
        }
    }

    /// Points as they would be if they were held as the reference was: the way back.
    package func undone(
        _ points: [SIMD3<Float>], about middle: SIMD3<Double>
    ) -> [SIMD3<Float>] {
        let back = inverseTurn
        return points.map { point in
            let turned = back.rotated(SIMD3<Double>(point) - middle - shift)
            return SIMD3<Float>(turned * exp(-growth) + middle)
        }
    }

    private func rotated(_ v: SIMD3<Double>) -> SIMD3<Double> {
        let axis = SIMD3(turn.x, turn.y, turn.z)
        let t = Self.cross(axis, v) * 2
        return v + t * turn.w + Self.cross(axis, t)
    }

    private var inverseTurn: HeadMotion {
        var back = HeadMotion()
        back.turn = SIMD4(-turn.x, -turn.y, -turn.z, turn.w)
        return back
    }

    private static func cross(_ a: SIMD3<Double>, _ b: SIMD3<Double>) -> SIMD3<Double> {
        SIMD3(a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x)
    }

    // MARK: As parameters

    /// Axis times angle, in radians; shift; growth: what medians and filters work on.
    package var numbers: [Float] {
        let axis = SIMD3(turn.x, turn.y, turn.z)
        let sine = (axis * axis).sum().squareRoot()
        let angle = 2 * atan2(sine, turn.w)
        let vector = sine > 0 ? axis * (angle / sine) : SIMD3<Double>()
        return [vector.x, vector.y, vector.z, shift.x, shift.y, shift.z, growth].map { Float($0) }
    }

    /// - Precondition: seven numbers, as ``numbers`` has them.
    package init(numbers: [Float]) {
        let n = numbers.map { Double($0) }
        (shift, growth) = (SIMD3(n[3], n[4], n[5]), n[6])
        let vector = SIMD3(n[0], n[1], n[2])
        let angle = (vector * vector).sum().squareRoot()
        guard angle > 0 else { return }
        let axis = vector * (sin(angle / 2) / angle)
        turn = SIMD4(axis.x, axis.y, axis.z, cos(angle / 2))
    }

    /// This motion as it is seen from another one; undone by ``following(_:)``.
    package func since(_ other: HeadMotion) -> HeadMotion {
        var result = HeadMotion()
        result.turn = Self.product(turn, other.inverseTurn.turn)
        (result.shift, result.growth) = (shift - other.shift, growth - other.growth)
        return result
    }

    /// This motion on top of another one.
    package func following(_ other: HeadMotion) -> HeadMotion {
        var result = HeadMotion()
        result.turn = Self.product(turn, other.turn)
        (result.shift, result.growth) = (shift + other.shift, growth + other.growth)
        return result
    }

    /// As much of it: 0 is none, 2 is twice the angle and twice the way.
    package func scaled(by strength: Float) -> HeadMotion {
        HeadMotion(numbers: numbers.map { $0 * strength })
    }

    /// On the way to another motion: 0 is this one, 1 the other.
    package func blended(with other: HeadMotion, _ share: Float) -> HeadMotion {
        other.since(self).scaled(by: share).following(self)
    }

    private static func product(_ a: SIMD4<Double>, _ b: SIMD4<Double>) -> SIMD4<Double> {
        let (u, v) = (SIMD3(a.x, a.y, a.z), SIMD3(b.x, b.y, b.z))
        let vector = u * b.w + v * a.w + cross(u, v)
        let real = a.w * b.w - (u * v).sum()
        return real < 0
            ? SIMD4(-vector.x, -vector.y, -vector.z, -real) : SIMD4(vector.x, vector.y, vector.z, real)
    }
}
