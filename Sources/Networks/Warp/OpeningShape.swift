/// An eye's or the mouth's opening in a portrait: two edges between two corners.
///
/// Its own coordinates: `s` along the line from the picture's left corner to its right one, `t` upwards
/// from it, pixels.
struct OpeningShape {
    let corner: SIMD2<Float>
    let along, up: SIMD2<Float>
    let width: Float
    /// Edges as (s, t), sorted by s.
    let upper, lower: [SIMD2<Float>]
    /// Lips that lie on each other: both edges are the line between them.
    let isClosed: Bool

    init(_ opening: MeshParts.Opening, mesh: [SIMD3<Float>], isClosed: Bool) {
        let a = mesh[opening.corners.0].flat, b = mesh[opening.corners.1].flat
        let width = max((b - a).length, 1), along = (b - a) / width, up = SIMD2(along.y, -along.x)
        (corner, self.width, self.along, self.up) = (a, width, along, up)
        func edge(_ points: [Int]) -> [SIMD2<Float>] {
            points.map { i in
                let way = mesh[i].flat - a
                return SIMD2((way * along).sum(), (way * up).sum())
            }
        }
        var (upper, lower) = (edge(opening.upper[0]), edge(opening.lower[0]))
        if isClosed {
            upper = zip(upper, lower).map { ($0 + $1) / 2 }
            lower = upper
        }
        self.upper = Self.smoothed(upper.sorted { $0.x < $1.x })
        self.lower = Self.smoothed(lower.sorted { $0.x < $1.x })
        self.isClosed = isClosed
    }

    /// Eight places for every one, along Catmull and Rom's curve.
    private static func smoothed(_ points: [SIMD2<Float>]) -> [SIMD2<Float>] {
        var result: [SIMD2<Float>] = []
        for i in 0..<points.count - 1 {
            let a = points[max(i - 1, 0)], b = points[i], c = points[i + 1]
            let d = points[min(i + 2, points.count - 1)]
            for k in 0..<8 {
                let t = Float(k) / 8
                let third: SIMD2<Float> = (b - c) * 3 + d - a
                let second: SIMD2<Float> = a * 2 - b * 5 + c * 4 - d
                let slope: SIMD2<Float> = (third * t + second) * t + (c - a)
                result.append(b + slope * (t / 2))
            }
        }
        return result + [points.last!]
    }

    /// A place of the picture in the opening's coordinates.
    func coordinates(of place: SIMD2<Float>) -> SIMD2<Float> {
        let way = place - corner
        return SIMD2((way * along).sum(), (way * up).sum())
    }

    func place(of coordinates: SIMD2<Float>) -> SIMD2<Float> {
        corner + along * coordinates.x + up * coordinates.y
    }

    func isBetweenCorners(_ s: Float) -> Bool { s > 0 && s < width }

    func upperEdge(at s: Float) -> Float { Self.height(of: upper, at: s) }
    func lowerEdge(at s: Float) -> Float { Self.height(of: lower, at: s) }

    /// An edge goes on straight beyond its corners.
    private static func height(of edge: [SIMD2<Float>], at s: Float) -> Float {
        guard s > edge[0].x else { return edge[0].y }
        guard let next = edge.firstIndex(where: { $0.x >= s }) else { return edge.last!.y }
        let a = edge[next - 1], b = edge[next]
        return b.x > a.x ? a.y + (b.y - a.y) * (s - a.x) / (b.x - a.x) : a.y
    }

    /// How much of a pixel belongs to the sheet above the opening, 0...1. It ends at the upper edge and
    /// fades `reach` pixels away from the opening.
    func upperCover(_ c: SIMD2<Float>, reach: Float) -> Float {
        let above = c.y - upperEdge(at: c.x)
        guard above > -0.5, above < reach else { return 0 }
        return min(above + 0.5, 1) * fade(c, above: above, reach: reach)
    }

    private func fade(_ c: SIMD2<Float>, above: Float, reach: Float) -> Float {
        (1 - smoothStep(((c.x - width / 2).magnitude - width / 2) / (0.5 * reach)))
            * (1 - smoothStep((above - 0.6 * reach) / (0.4 * reach)))
    }

    /// How much of a pixel belongs to the sheet below the opening, which is the rest of the picture: none
    /// of the opening and of what the upper sheet hides.
    func lowerCover(_ c: SIMD2<Float>, reach: Float) -> Float {
        guard isBetweenCorners(c.x) else { return 1 }
        let above = c.y - upperEdge(at: c.x)
        if above > 0.5 * reach { return 1 }
        // Closed lips overlap by a pixel: no gap is seen before they part.
        let edge = isClosed ? lowerEdge(at: c.x) + 1 : lowerEdge(at: c.x)
        return 1 - min(max(c.y - edge + 0.5, 0), 1)
    }
}
