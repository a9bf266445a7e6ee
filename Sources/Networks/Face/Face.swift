import Glibc
import Tensors

/// A face that was found in a picture, in the picture's pixels.
package struct Face: Sendable, Equatable {
    /// The mesh's 478 points (``FacePoints``); z grows away from the viewer.
    package var points: [SIMD3<Float>]
    /// How sure the mesh is that this is a face, 0...1.
    package var certainty: Float

    package init(points: [SIMD3<Float>], certainty: Float) {
        (self.points, self.certainty) = (points, certainty)
    }

    /// A square with a middle, turned clockwise as one sees it.
    package struct Region: Sendable, Equatable {
        package var center: SIMD2<Float>
        package var side: Float
        package var radians: Float

        package init(center: SIMD2<Float>, side: Float, radians: Float = 0) {
            (self.center, self.side, self.radians) = (center, side, radians)
        }
    }

    /// The face from brows to chin and from ear to ear: what LivePortrait's landmarks span, whose
    /// `parse_rect_from_landmark` (src/utils/crop.py) measures likewise, along the line from the eyes
    /// to the mouth and across it.
    package var measure: Region {
        let outline = Self.outline.map { place($0) }
        let down = place(Self.mouth) - place(Self.eyes)
        let length = down.length
        let y = length > 1e-3 ? down / length : SIMD2(0, 1), x = SIMD2(y.y, -y.x)
        let across = outline.map { ($0 * x).sum() }, along = outline.map { ($0 * y).sum() }
        let (left, right) = (across.min()!, across.max()!),
            (top, bottom) = (along.min()!, along.max()!)
        return Region(
            center: x * ((left + right) / 2) + y * ((top + bottom) / 2),
            side: max(right - left, bottom - top), radians: atan2(x.y, x.x))
    }

    /// Where the mesh has to be looked for next: around all points, the eyes level.
    package var surroundings: Region {
        let low = points.reduce(points[0]) { pointwiseMin($0, $1) }
        let high = points.reduce(points[0]) { pointwiseMax($0, $1) }
        let eyes = place(Self.leftEye) - place(Self.rightEye)
        return Region(
            center: SIMD2(low.x + high.x, low.y + high.y) / 2,
            side: max(high.x - low.x, high.y - low.y) * FaceMesh.margin,
            radians: atan2(eyes.y, eyes.x))
    }

    /// The middle of some points.
    private func place(_ indices: [Int]) -> SIMD2<Float> {
        indices.reduce(SIMD2<Float>(0, 0)) { $0 + place($1) } / Float(indices.count)
    }

    private func place(_ index: Int) -> SIMD2<Float> { points[index].flat }

    private static let rightEye = [FacePoints.rightEyeCorners.0, FacePoints.rightEyeCorners.1]
    private static let leftEye = [FacePoints.leftEyeCorners.0, FacePoints.leftEyeCorners.1]
    private static let eyes = rightEye + leftEye
    private static let mouth = [FacePoints.mouthCorners.0, FacePoints.mouthCorners.1]
    private static let outline = FacePoints.jaw + FacePoints.rightBrow + FacePoints.leftBrow
}

extension Face.Region {
    /// Whether a smaller square has its middle in this one.
    package func holds(_ other: Self) -> Bool {
        let off = other.center - center, (c, s) = (cos(radians), sin(radians))
        let own = SIMD2(c * off.x + s * off.y, c * off.y - s * off.x)
        return other.side < side && max(own.x.magnitude, own.y.magnitude) <= side / 2
    }

    /// What two squares share of what they cover together, 0...1; turns do not count.
    func overlap(with other: Self) -> Float {
        let reach = (side + other.side) / 2
        let shared = pointwiseMax(
            pointwiseMin(
                SIMD2(repeating: reach)
                    - pointwiseMax(center - other.center, other.center - center),
                SIMD2(repeating: min(side, other.side))), SIMD2(0, 0))
        let both = shared.x * shared.y
        return both / max(side * side + other.side * other.side - both, 1e-6)
    }
}
