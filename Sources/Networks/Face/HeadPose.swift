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

    /// The pose with the least squares between the stable points of a mesh and those of a head at rest.
    ///
    /// nil where the points lie in one place or are no numbers.
    ///
    /// - Parameter points: the mesh's (``FacePoints``), in a unit that is the same along x, y and z.
    package init?(of points: [SIMD3<Float>]) {
        let fit = PointFit(from: Self.stable.map(\.rest), to: Self.stable.map { points[$0.index] })
        let scale = fit.agreement / fit.spreads.from
        guard scale > 1e-12 else { return nil }
        self.init(
            rotation: fit.rotation, scale: Float(scale),
            origin: SIMD3<Float>(fit.middles.to - fit.rotation.turn(fit.middles.from) * scale))
    }

    /// Points that jaw, lips, lids and brows do not move, and where they are at rest: of people from
    /// Training/portrait/faces, by Training/canonical_face.py, which says how.
    package static let stable: [(index: Int, rest: SIMD3<Float>)] = table.flatMap { entry in
        let (right, left, rest) = entry, other = SIMD3(-rest.x, rest.y, rest.z)
        return right == left ? [(right, rest)] : [(right, rest), (left, other)]
    }

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
