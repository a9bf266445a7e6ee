import Glibc

/// A smooth movement of the plane that some points prescribe: a sum of bumps around them, each of compact
/// support (H. Wendland's C² function, Adv. Comput. Math. 4, 1995).
///
/// Points that contradict each other are not obeyed exactly, so noise of a mesh does not crumple a picture.
package struct SmoothField {
    /// How much smoothness counts against obedience. With 0.03 the lids' edges, which lie a few pixels beside
    /// points that stay, are obeyed to 94 %, and noise of the points comes through at 73 %.
    private static let ridge = 0.03

    let centers: [SIMD2<Float>]
    /// How far a point reaches, pixels.
    let reach: Float
    /// From what the centres shall do to the height of their bumps, row by row.
    private let solve: [Float]

    package init(centers: [SIMD2<Float>], reach: Float) {
        (self.centers, self.reach) = (centers, reach)
        let n = centers.count
        var matrix = [Double](repeating: 0, count: n * n)
        for i in 0..<n {
            for j in 0...i {
                let weight = Double(Self.bump((centers[i] - centers[j]).length / reach))
                matrix[i * n + j] = weight
                matrix[j * n + i] = weight
            }
            matrix[i * n + i] += Self.ridge
        }
        Self.invert(&matrix, n)
        solve = matrix.map(Float.init)
    }

    static func bump(_ distance: Float) -> Float {
        let t = 1 - min(distance, 1)
        return t * t * t * t * (4 * distance + 1)
    }

    /// Heights of the bumps for four movements at once: x and y of each.
    package func heights(for movements: [SIMD8<Float>], into heights: inout [SIMD8<Float>]) {
        let n = centers.count
        solve.withUnsafeBufferPointer { solve in
            movements.withUnsafeBufferPointer { movements in
                heights.withUnsafeMutableBufferPointer { heights in
                    for i in 0..<n {
                        var sum = SIMD8<Float>()
                        let row = solve.baseAddress! + i * n
                        for j in 0..<n { sum += row[j] * movements[j] }
                        heights[i] = sum
                    }
                }
            }
        }
    }

    /// How far a place moves in the first of the four movements.
    package func movement(of place: SIMD2<Float>, _ heights: [SIMD8<Float>]) -> SIMD2<Float> {
        zip(centers, heights).reduce(SIMD2()) { sum, bump in
            sum + Self.bump((bump.0 - place).length / reach) * SIMD2(bump.1[0], bump.1[1])
        }
    }

    /// Which bumps reach places, and how much.
    func weights(at places: [SIMD2<Float>]) -> Weights {
        var weights = Weights()
        for place in places {
            for (i, center) in centers.enumerated() {
                let way = center - place
                guard way.x.magnitude < reach, way.y.magnitude < reach else { continue }
                let weight = Self.bump(way.length / reach)
                // What is left out moves a place by less than a thousandth of the bump's height.
                if weight < 1e-3 { continue }
                weights.centers.append(UInt16(i))
                weights.values.append(weight)
            }
            weights.first.append(Int32(weights.values.count))
        }
        return weights
    }

    /// Of every place the bumps that reach it: those from `first` of it up to `first` of the next.
    struct Weights {
        var first: [Int32] = [0]
        var centers: [UInt16] = []
        var values: [Float] = []
    }

    /// The inverse of a symmetric positive matrix, by Gauss and Jordan, in place.
    private static func invert(_ matrix: inout [Double], _ n: Int) {
        matrix.withUnsafeMutableBufferPointer { m in
            for k in 0..<n {
                let pivot = 1 / m[k * n + k]
                m[k * n + k] = 1
                for j in 0..<n { m[k * n + j] *= pivot }
                for i in 0..<n where i != k {
                    let factor = m[i * n + k]
                    m[i * n + k] = 0
                    for j in 0..<n { m[i * n + j] -= factor * m[k * n + j] }
                }
            }
        }
    }
}
