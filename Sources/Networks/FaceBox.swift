import Tensors

/// The part of a picture that shows the face, worked out from seven keypoints.
package struct FaceBox: Sendable, Equatable {
    /// First column and row inside, then first column and row outside.
    package let left, top, right, bottom: Int

    /// The box around a face in a square picture; it may be empty.
    ///
    /// - Parameters:
    ///   - points: the drawn points as columns and rows, `[1, 7, 2]`.
    ///   - size: rows and columns of the picture.
    package init(around points: Tensor<Int32>, size: Int) {
        let columns = stride(from: 0, to: points.count, by: 2).map { Float(points.buffer[$0]) }
        let rows = stride(from: 1, to: points.count, by: 2).map { Float(points.buffer[$0]) }
        let (cx, cy) = (Self.mean(columns), Self.mean(rows))
        // Twice the distance to the topmost point, widened so that chin and hair fit; a little
        // further to the right and bottom than to the left and top, as the networks were trained.
        let half = ((cy - (rows.min() ?? cy)) * 2) * 1.7 / 2
        let inside = { (x: Float) in Int(min(max(x, 0), Float(size - 1))) }
        left = inside(cx - half * 0.95)
        top = inside(cy - half * 0.95)
        right = inside(cx + half * 1.05)
        bottom = inside(cy + half * 1.05)
    }

    private static func mean(_ values: [Float]) -> Float {
        values.reduce(0, +) / Float(values.count)
    }

    /// Whether there is no pixel in it: all points on one row, or the face outside the picture.
    package var isEmpty: Bool { right <= left || bottom <= top }

    /// The face, cut from a picture `[1, size, size, 3]`: a copy. Nil when the box is empty.
    package func crop(_ picture: Tensor<UInt8>) -> Tensor<UInt8>? {
        isEmpty ? nil : picture.cropped(rows: top..<bottom, columns: left..<right)
    }
}
