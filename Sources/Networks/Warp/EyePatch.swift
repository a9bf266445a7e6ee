import Kernels
import Tensors

/// An eye as it would be without its lids: what is seen where they open, and what moves when it looks
/// elsewhere.
///
/// What the lids hide is made up: of the iris by turning what is seen of it about its middle, of the white
/// by going on with what is nearest.
struct EyePatch {
    private(set) var sheet: WarpSheet
    private let nodes: [warp_node]
    /// Of every node how far it goes along with the iris, 1 in it.
    private let follows: [Float]
    private let along, up: SIMD2<Float>
    /// The eye's width, and the iris's radius, pixels.
    private let width, radius: Float

    /// nil for an eye that is closed in the portrait.
    init?(
        _ shape: OpeningShape, iris: SIMD2<Float>, radius: Float, depth: Float,
        of picture: PortraitPixels
    ) {
        let high = (shape.upper.map(\.y).max() ?? 0) - (shape.lower.map(\.y).min() ?? 0)
        guard high >= 4, radius >= 1.5 else { return nil }
        (along, up, width, self.radius) = (shape.along, shape.up, shape.width, radius)
        let cell = max(Int(shape.width / 24), 1), around = 0.4 * shape.width
        let edges = (shape.upper + shape.lower).map { shape.place(of: $0) }
        let (xs, ys) = (edges.map(\.x), edges.map(\.y))
        let left = Int(xs.min()! - around), top = Int(ys.min()! - around)
        let columns = (Int(xs.max()! + around) - left) / cell + 1
        let rows = (Int(ys.max()! + around) - top) / cell + 1
        var nodes: [warp_node] = [], follows: [Float] = []
        for j in 0...rows {
            for i in 0...columns {
                let place = SIMD2(Float(left + i * cell), Float(top + j * cell))
                nodes.append(warp_node(x: place.x, y: place.y, depth: depth, share: 1))
                follows.append(1 - smoothStep(((place - iris).length / radius - 1) / 1.5))
            }
        }
        (self.nodes, self.follows) = (nodes, follows)
        let patch = Self.colors(
            shape, iris, radius, picture, left, top, columns * cell, rows * cell)
        sheet = WarpSheet(
            columns: columns, rows: rows, cell: cell, left: left, top: top, nodes: nodes
        ) { x, y in
            let color = patch[y * columns * cell + x]
            return SIMD4(UInt8(color.x + 0.5), UInt8(color.y + 0.5), UInt8(color.z + 0.5), 255)
        }
    }

    /// Moves eye and head; the iris stays within what a neighbourhood of 2.5 radii can give way to.
    mutating func move(gaze: SIMD2<Float>, pose: inout warp_pose) {
        var way = (along * gaze.x - up * gaze.y) * (width / 2 * Self.gain)
        let length = way.length
        if length > 0 { way *= bent(length, beyond: 0.62 * radius, by: 0.26) / length }
        for i in nodes.indices {
            sheet.nodes[i].x = nodes[i].x + follows[i] * way.x
            sheet.nodes[i].y = nodes[i].y + follows[i] * way.y
        }
        sheet.move(heights: Self.still, layer: 0, pose: &pose)
        sheet.unfold()
    }

    /// The mesh reads less than the whole of an iris's movement; by how much more it goes is chosen, not
    /// measured.
    private static let gain: Float = 1.3
    private static let still = [SIMD8<Float>()]

    private static func colors(
        _ shape: OpeningShape, _ iris: SIMD2<Float>, _ radius: Float, _ picture: PortraitPixels,
        _ left: Int, _ top: Int, _ width: Int, _ height: Int
    ) -> [SIMD3<Float>] {
        /// Whether a place is seen between the lids, by at least a pixel.
        func isSeen(_ place: SIMD2<Float>, by distance: Float) -> Bool {
            let c = shape.coordinates(of: place)
            return shape.isBetweenCorners(c.x) && c.y < shape.upperEdge(at: c.x) - distance
                && c.y > shape.lowerEdge(at: c.x) + distance
        }
        /// The nearest place above or below that is seen.
        func nearest(_ place: SIMD2<Float>) -> SIMD2<Float> {
            var c = shape.coordinates(of: place)
            c.x = min(max(c.x, 0.08 * shape.width), 0.92 * shape.width)
            let (high, low) = (shape.upperEdge(at: c.x) - 1.5, shape.lowerEdge(at: c.x) + 1.5)
            c.y = high > low ? min(max(c.y, low), high) : (high + low) / 2
            return shape.place(of: c)
        }
        var colors: [SIMD3<Float>] = [], isMadeUp: [Bool] = []
        for y in 0..<height {
            for x in 0..<width {
                let place = SIMD2(Float(left + x) + 0.5, Float(top + y) + 0.5)
                if isSeen(place, by: 0) {
                    colors.append(picture.color(Int(place.x), Int(place.y)))
                    isMadeUp.append(false)
                    continue
                }
                let way = place - iris, white = picture.color(at: nearest(place))
                let share = smoothStep((1.12 - way.length / radius) / 0.15)
                var color = white
                if share > 0,
                    let turned = Self.turned(way, shape.up).first(where: { isSeen(iris + $0, by: 1) })
                {
                    color += (picture.color(at: iris + turned) - white) * share
                }
                colors.append(color)
                isMadeUp.append(true)
            }
        }
        return softened(colors, width, height, where: isMadeUp)
    }

    /// A way from the iris's middle: mirrored first, then turned to both sides.
    private static func turned(_ way: SIMD2<Float>, _ up: SIMD2<Float>) -> [SIMD2<Float>] {
        // cos and sin of 30°, 60°, 90°, 120°, 150°.
        let angles: [(Float, Float)] = [
            (0.866, 0.5), (0.5, 0.866), (0, 1), (-0.5, 0.866), (-0.866, 0.5),
        ]
        let height = (way * up).sum()
        var ways = [way - 2 * height * up, -way]
        for (c, s) in angles {
            ways.append(SIMD2(c * way.x - s * way.y, s * way.x + c * way.y))
            ways.append(SIMD2(c * way.x + s * way.y, c * way.y - s * way.x))
        }
        return ways
    }

    /// What was made up is the mean of its nine neighbours, twice.
    private static func softened(
        _ colors: [SIMD3<Float>], _ width: Int, _ height: Int, where isMadeUp: [Bool]
    ) -> [SIMD3<Float>] {
        var colors = colors
        for _ in 0..<2 {
            let before = colors
            for y in 1..<max(height - 1, 1) {
                for x in 1..<max(width - 1, 1) where isMadeUp[y * width + x] {
                    var sum = SIMD3<Float>()
                    for dy in -1...1 {
                        for dx in -1...1 { sum += before[(y + dy) * width + x + dx] }
                    }
                    colors[y * width + x] = sum / 9
                }
            }
        }
        return colors
    }
}
