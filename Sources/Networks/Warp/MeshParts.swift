/// What a warp needs to know of the mesh besides ``FacePoints``: openings column by column, the outline.
/// Numbers as in MediaPipe's face_mesh_connections.py. Left and right are the person's.
enum MeshParts {
    /// All points, and those of them that are no iris.
    static let count = FaceMesh.pointCount
    static let faceCount = FaceMesh.surfaceCount

    static let forehead = 10, chin = 152, rightEar = 234, leftEar = 454
    static let noseBack = [168, 6, 197, 195, 5, 4, 1, 9, 8]
    static let underNose = 2

    /// The face's outline, clockwise as one sees it, from the forehead on.
    static let outline = [
        10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152,
        148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
    ]

    /// An opening between two edges. Each list leads from the picture's left corner to its right one; the
    /// first of `upper` and `lower` are the edges, what follows are rings further out.
    struct Opening {
        let upper, lower: [[Int]]
        var corners: (Int, Int) { (upper[0].first!, upper[0].last!) }

        /// - Parameter rings: of ``FacePoints``, each along the lower edge with its corners, then along the
        ///   upper one without them; from the right corner if `isReversed`.
        fileprivate init(_ rings: [ArraySlice<Int>], isReversed: Bool = false) {
            let lower = rings.map { Array($0.prefix($0.count / 2 + 1)) }
            let upper = zip(rings, lower).map { ring, low in
                low.prefix(1) + ring.dropFirst(low.count) + low.suffix(1)
            }
            self.lower = isReversed ? lower.map { $0.reversed() } : lower
            self.upper = isReversed ? upper.map { $0.reversed() } : upper.map { Array($0) }
        }
    }

    static let mouth = Opening([20..<40, 60..<80, 40..<60, 0..<20].map { FacePoints.lips[$0] })
    /// The right eye and the left one.
    static let eyes = [
        Opening([FacePoints.rightEye[0..<16], FacePoints.rightEye[16..<32]]),
        Opening([FacePoints.leftEye[0..<16], FacePoints.leftEye[16..<32]], isReversed: true),
    ]
    /// The mouth, the right eye, the left eye.
    static let openings = [mouth] + eyes
    /// The middle of an iris, then four points of its rim.
    static let irises = [FacePoints.rightIris, FacePoints.leftIris]
}
