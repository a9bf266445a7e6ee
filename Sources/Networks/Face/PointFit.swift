/// The turn with the least squares between two sets of the same points, about their middles: the eigenvector
/// of the largest eigenvalue of a symmetric 4 × 4 matrix (B. K. P. Horn, *Closed-form solution of absolute
/// orientation using unit quaternions*, 1987).
package struct PointFit {
    /// Of both sets: the mean, and the sum of squared distances from it.
    private(set) var middles = (from: SIMD3<Double>(), to: SIMD3<Double>())
    private(set) var spreads = (from: 0.0, to: 0.0)
    /// The largest eigenvalue: times the second spread by the first, the scale with the least squares. No
    /// number where the points are none.
    private(set) var agreement = Double.nan
    private(set) var rotation = Rotation.none

    /// - Precondition: as many points in both, at least one.
    init(from reference: [SIMD3<Float>], to points: [SIMD3<Float>]) {
        middles = (Self.middle(of: reference), Self.middle(of: points))
        var sums = [SIMD3<Double>](repeating: .zero, count: 3)
        for (p, q) in zip(reference, points) {
            let u = SIMD3<Double>(p) - middles.from, v = SIMD3<Double>(q) - middles.to
            for axis in 0..<3 { sums[axis] += u[axis] * v }
            spreads.from += (u * u).sum()
            spreads.to += (v * v).sum()
        }
        guard let (value, quaternion) = Self.largest(Self.matrix(sums)) else { return }
        (agreement, rotation) = (value, Rotation(quaternion: quaternion))
    }

    /// The mean of points.
    package static func middle(of points: [SIMD3<Float>]) -> SIMD3<Double> {
        points.reduce(SIMD3<Double>()) { $0 + SIMD3<Double>($1) } / Double(max(points.count, 1))
    }

    /// - Parameter s: row i: the sum of coordinate i of the reference times the point.
    private static func matrix(_ s: [SIMD3<Double>]) -> [SIMD4<Double>] {
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
}
