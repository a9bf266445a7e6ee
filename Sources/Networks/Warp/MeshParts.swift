/// What a warp needs to know of the mesh besides ``FacePoints``: openings column by column, the outline.
/// Numbers as in MediaPipe's face_mesh_connections.py. Left and right are the person's.
enum MeshParts {
    /// All points, and those of them that are no iris.
    static let count = FaceMesh.pointCount
    static let faceCount = count - FacePoints.rightIris.count - FacePoints.leftIris.count

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
    }

    static let mouth = Opening(
        upper: [
            [78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308],
            [62, 183, 42, 41, 38, 12, 268, 271, 272, 407, 292],
            [76, 184, 74, 73, 72, 11, 302, 303, 304, 408, 306],
            [61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291],
        ],
        lower: [
            [78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308],
            [62, 96, 89, 179, 86, 15, 316, 403, 319, 325, 292],
            [76, 77, 90, 180, 85, 16, 315, 404, 320, 307, 306],
            [61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291],
        ])
    /// The right eye and the left one.
    static let eyes = [
        Opening(
            upper: [
                [33, 246, 161, 160, 159, 158, 157, 173, 133],
                [130, 247, 30, 29, 27, 28, 56, 190, 243],
            ],
            lower: [
                [33, 7, 163, 144, 145, 153, 154, 155, 133],
                [130, 25, 110, 24, 23, 22, 26, 112, 243],
            ]),
        Opening(
            upper: [
                [362, 398, 384, 385, 386, 387, 388, 466, 263],
                [463, 414, 286, 258, 257, 259, 260, 467, 359],
            ],
            lower: [
                [362, 382, 381, 380, 374, 373, 390, 249, 263],
                [463, 341, 256, 252, 253, 254, 339, 255, 359],
            ]),
    ]
    /// The mouth, the right eye, the left eye.
    static let openings = [mouth] + eyes
    /// The middle of an iris, then four points of its rim.
    static let irises = [FacePoints.rightIris, FacePoints.leftIris]
}
