import Glibc

/// The head behind a face in a picture: how deep every place lies, and how far it goes along when the head
/// turns. Places are pixels of the picture.
struct HeadShape {
    /// What the head turns about: the top of the neck.
    let pivot: SIMD3<Float>
    /// How the portrait itself holds its head.
    let pose: HeadPose
    /// The face's width and height, and which way its forehead lies.
    let width, height: Float
    let up, right: SIMD2<Float>

    private let mesh: [SIMD3<Float>]
    private let picture: SIMD2<Float>
    /// How far beyond the picture's upper, left and right edge the grid goes.
    private let margin: Float

    /// How steeply depth may change along a row or a column, pixels a pixel. A surface folds over in the
    /// picture where its slope is the cotangent of the angle that it is turned by: 1.3 at 37.5°, the most yaw
    /// there is. What folds all the same, as with yaw and pitch at once, ``WarpSheet/unfold()`` sees to.
    private static let steepest: Float = 1.25

    init(mesh: [SIMD3<Float>], pose: HeadPose, width: Int, height: Int, margin: Int) {
        (self.mesh, self.pose) = (mesh, pose)
        picture = SIMD2(Float(width), Float(height))
        self.margin = Float(margin)
        let top = mesh[MeshParts.forehead].flat, chin = mesh[MeshParts.chin].flat
        self.height = max((top - chin).length, 1)
        up = (top - chin) / self.height
        right = SIMD2(-up.y, up.x)
        let across = (mesh[MeshParts.leftEar] - mesh[MeshParts.rightEar]).flat
        // Of a face from the side the ears lie behind each other.
        self.width = max((across * right).sum().magnitude, 0.6 * self.height)
        let neck = chin - up * 0.1 * self.height
        pivot = SIMD3(neck.x, neck.y, pose.origin.z + 0.42 * self.width)
    }

    /// How far a place goes along with the head: 1 on the head and its hair, fading to 0 at the shoulders, in
    /// the background and at the picture's lower edge.
    func share(at place: SIMD2<Float>) -> Float {
        let middle = (mesh[MeshParts.forehead].flat + mesh[MeshParts.chin].flat) / 2
        let way = place - middle - up * 0.1 * height
        let distance = SIMD2(
            (way * right).sum() / (0.78 * width), (way * up).sum() / (0.8 * height)
        ).length
        let side = min(place.x, picture.x - place.x) + margin
        let pins = smoothStep(side / (0.16 * picture.x))
            * smoothStep((place.y + margin) / (0.16 * picture.y))
            * smoothStep((picture.y - place.y) / (0.22 * picture.y))
        return (1 - smoothStep((distance - 0.95) / 1.25)) * pins
    }

    /// How deep the nodes of a grid lie, row by row. Beyond the face it is as deep as at its outline.
    func depths(columns: Int, rows: Int, cell: Int) -> [Float] {
        let soft = (0.035 * width) * (0.035 * width)
        var depths: [Float] = []
        depths.reserveCapacity((columns + 1) * (rows + 1))
        for j in 0...rows {
            for i in 0...columns {
                let place = SIMD2(Float(i * cell), Float(j * cell)) - margin
                var (sum, weights) = (Float(0), Float(0))
                for point in mesh[..<MeshParts.faceCount] {
                    let way = point.flat - place, near = (way * way).sum() + soft
                    let weight = 1 / (near * near)
                    sum += weight * point.z
                    weights += weight
                }
                depths.append(sum / weights)
            }
        }
        let step = Self.steepest * Float(cell)
        let below = Self.limited(depths, columns + 1, step)
        let above = Self.limited(depths.map { -$0 }, columns + 1, step)
        return Self.softened(
            zip(below, above).map { ($0 - $1) / 2 }, columns + 1,
            passes: max(Int(0.02 * width / Float(cell) + 0.5), 1))
    }

    /// The largest numbers that are nowhere above these and change by at most `step` from one to the next in
    /// a row or a column.
    private static func limited(_ values: [Float], _ columns: Int, _ step: Float) -> [Float] {
        var values = values
        let last = values.count - 1
        for _ in 0..<2 {
            for i in 0...last {
                if i % columns > 0 { values[i] = min(values[i], values[i - 1] + step) }
                if i >= columns { values[i] = min(values[i], values[i - columns] + step) }
            }
            for i in (0...last).reversed() {
                if i % columns < columns - 1 { values[i] = min(values[i], values[i + 1] + step) }
                if i + columns <= last { values[i] = min(values[i], values[i + columns] + step) }
            }
        }
        return values
    }

    /// The mean with the neighbours (1, 2, 1 along rows and columns), some times.
    private static func softened(_ values: [Float], _ columns: Int, passes: Int) -> [Float] {
        var values = values
        for _ in 0..<passes {
            for stride in [1, columns] {
                let before = values
                for i in before.indices {
                    let isFirst = stride == 1 ? i % columns == 0 : i < columns
                    let isLast = stride == 1
                        ? i % columns == columns - 1 : i + columns >= before.count
                    let a = before[isFirst ? i : i - stride], b = before[isLast ? i : i + stride]
                    values[i] = (a + 2 * before[i] + b) / 4
                }
            }
        }
        return values
    }
}
