/// Numbers of points in the face mesh (``FaceMesh``), by what they lie on.
///
/// The second look's lists and their order are those of the operators Landmarks2TransformMatrix in
/// `face_landmark_with_attention.tflite`; the others are parts of them, or of MediaPipe's
/// `face_mesh_connections.py`. Left and right are the person's: his right eye is in the left half of a
/// picture of him.
package enum FacePoints {
    // Lips: rings from the right corner along the lower lip to the left one, then the upper lip from the
    // right to the left.

    /// Where the lips meet the skin.
    package static let outerLips = [
        61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 185, 40, 39, 37, 0, 267, 269, 270, 409,
    ]
    /// Where the lips meet each other.
    package static let innerLips = [
        78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 191, 80, 81, 82, 13, 312, 311, 310, 415,
    ]
    /// Points of the upper lip's inner edge with those of the lower lip's below them.
    package static let lipGaps = [(82, 87), (13, 14), (312, 317)]
    /// All four rings.
    package static let lips =
        outerLips + innerLips + [
            76, 77, 90, 180, 85, 16, 315, 404, 320, 307, 306, 184, 74, 73, 72, 11, 302, 303, 304,
            408, 62, 96, 89, 179, 86, 15, 316, 403, 319, 325, 292, 183, 42, 41, 38, 12, 268, 271,
            272, 407,
        ]
    /// The right one and the left one.
    package static let mouthCorners = (61, 291)

    // Eyes: the edges of the lids, rings around them, and the brow. Both lists go from the outer side to
    // the nose: what stands at some place of one is the mirror image of the other's.

    /// The edge of the lower lid from the outer corner to the inner one, then that of the upper lid from
    /// the outer side to the inner one.
    package static let rightLids = [
        33, 7, 163, 144, 145, 153, 154, 155, 133, 246, 161, 160, 159, 158, 157, 173,
    ]
    package static let leftLids = [
        263, 249, 390, 373, 374, 380, 381, 382, 362, 466, 388, 387, 386, 385, 384, 398,
    ]
    /// Points of the upper lids' edges with those of the lower lids' below them.
    package static let rightLidGaps = [(160, 144), (159, 145), (158, 153)]
    package static let leftLidGaps = [(387, 373), (386, 374), (385, 380)]
    package static let rightEye =
        rightLids + [
            130, 25, 110, 24, 23, 22, 26, 112, 243, 247, 30, 29, 27, 28, 56, 190, 226, 31, 228, 229,
            230, 231, 232, 233, 244, 113, 225, 224, 223, 222, 221, 189, 35, 124, 46, 53, 52, 65,
            143,
            111, 117, 118, 119, 120, 121, 128, 245, 156, 70, 63, 105, 66, 107, 55, 193,
        ]
    package static let leftEye =
        leftLids + [
            359, 255, 339, 254, 253, 252, 256, 341, 463, 467, 260, 259, 257, 258, 286, 414, 446,
            261,
            448, 449, 450, 451, 452, 453, 464, 342, 445, 444, 443, 442, 441, 413, 265, 353, 276,
            283,
            282, 295, 372, 340, 346, 347, 348, 349, 350, 357, 465, 383, 300, 293, 334, 296, 336,
            285,
            417,
        ]
    /// From left to right in the picture.
    package static let rightEyeCorners = (33, 133), leftEyeCorners = (362, 263)
    /// The upper edge, from the outer side to the nose.
    package static let rightBrow = [70, 63, 105, 66, 107], leftBrow = [300, 293, 334, 296, 336]

    /// The middle, then to the right, up, to the left and down in the picture.
    package static let rightIris = Array(468..<473), leftIris = Array(473..<478)

    /// From ear to ear along the chin, from the person's right.
    package static let jaw = [
        234, 93, 132, 58, 172, 136, 150, 149, 176, 148, 152, 377, 400, 378, 379, 365, 397, 288, 361,
        323, 454,
    ]
}
