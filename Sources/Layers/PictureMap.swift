import Glibc
import Kernels
import Tensors

/// Where a place of one picture lies in another: turned, scaled and moved.
///
/// Places count pixels from the corner, so that the first pixel's centre is (0.5, 0.5).
package struct PictureMap: Sendable, Equatable {
    /// x' = xx · x + xy · y + x0, and y' likewise.
    package var xx, xy, x0, yx, yy, y0: Float

    /// Every place is itself.
    package static let identity = PictureMap(xx: 1, xy: 0, x0: 0, yx: 0, yy: 1, y0: 0)

    package init(xx: Float, xy: Float, x0: Float, yx: Float, yy: Float, y0: Float) {
        (self.xx, self.xy, self.x0, self.yx, self.yy, self.y0) = (xx, xy, x0, yx, yy, y0)
    }

    /// The map in a tensor of two rows, as node face-crop sends it: x' = row 0 · (x, y, 1), y' = row 1 · (x, y, 1).
    package init(_ rows: Tensor<Float>) {
        let m = rows.array
        self.init(xx: m[0], xy: m[1], x0: m[2], yx: m[3], yy: m[4], y0: m[5])
    }

    /// A point of a mesh, whose z is in the unit of x and y.
    package func callAsFunction(_ point: SIMD3<Float>) -> SIMD3<Float> {
        let place = self(SIMD2(point.x, point.y))
        return SIMD3(place.x, place.y, point.z * scale)
    }

    /// From a square of `size` pixels to a square box in another picture.
    ///
    /// - Parameters:
    ///   - center: the box's, in the other picture.
    ///   - side: the box's, in the other picture's pixels.
    ///   - radians: by how much the box is turned clockwise, as one sees it.
    package init(square size: Int, to center: SIMD2<Float>, side: Float, radians: Float = 0) {
        let scale = side / Float(size), half = Float(size) / 2
        let (c, s) = (scale * cos(radians), scale * sin(radians))
        self.init(
            xx: c, xy: -s, x0: center.x - half * (c - s), yx: s, yy: c,
            y0: center.y - half * (s + c))
    }

    package func callAsFunction(_ place: SIMD2<Float>) -> SIMD2<Float> {
        SIMD2(xx * place.x + xy * place.y + x0, yx * place.x + yy * place.y + y0)
    }

    /// Pixels of the other picture along a side of one of this.
    package var scale: Float { (xx * yy - xy * yx).magnitude.squareRoot() }

    /// The way back.
    package var inverse: PictureMap {
        let d = xx * yy - xy * yx
        return PictureMap(
            xx: yy / d, xy: -xy / d, x0: (xy * y0 - yy * x0) / d, yx: -yx / d, yy: xx / d,
            y0: (yx * x0 - xx * y0) / d)
    }

    var kernel: picture_affine {
        picture_affine(xx: xx, xy: xy, x: x0, yx: yx, yy: yy, y: y0)
    }
}

// Pictures: bytes, `[1, height, width, 3]`.
extension Tensor<UInt8> {
    /// Writes into a picture what this one has at the mapped places; outside of this one its nearest
    /// pixel counts.
    ///
    /// What is shrunk by two or more is averaged first, by a whole factor.
    package func sample(_ map: PictureMap, into result: Tensor) {
        let (rows, columns) = (result.shape[1], result.shape[2])
        let factor = Swift.min(Int(map.scale), shape[1], shape[2])
        guard factor >= 2 else {
            var kernel = map.kernel
            return picture_sample(
                pointer, Int32(shape[2]), Int32(shape[1]), &kernel, result.pointer, Int32(columns),
                Int32(rows))
        }
        let (small, left, top) = shrunk(by: factor, around: map, rows: rows, columns: columns)
        let share = 1 / Float(factor)
        let inner = PictureMap(
            xx: map.xx * share, xy: map.xy * share, x0: (map.x0 - Float(left)) * share,
            yx: map.yx * share, yy: map.yy * share, y0: (map.y0 - Float(top)) * share)
        var kernel = inner.kernel
        picture_sample(
            small.pointer, Int32(small.shape[2]), Int32(small.shape[1]), &kernel, result.pointer,
            Int32(columns), Int32(rows))
    }

    /// The part that a map leads to, and two pixels more, at a whole part of its size; and where it
    /// begins. Columns and rows that do not fill a last cell are left out.
    private func shrunk(
        by factor: Int, around map: PictureMap, rows: Int, columns: Int
    ) -> (Tensor, left: Int, top: Int) {
        let corners = [(0, 0), (columns, 0), (0, rows), (columns, rows)].map {
            map(SIMD2(Float($0.0), Float($0.1)))
        }
        func range(_ values: [Float], _ extent: Int) -> (first: Int, count: Int) {
            let margin = Float(3 * factor), cells = Swift.max(extent / factor, 1)
            let first = Int((values.min()! - margin) / Float(factor)).clamped(to: 0...cells - 1)
            let last = Int((values.max()! + margin) / Float(factor)).clamped(to: first...cells - 1)
            return (first, last - first + 1)
        }
        let across = range(corners.map(\.x), shape[2]), down = range(corners.map(\.y), shape[1])
        let small = Tensor(pooled: [1, down.count, across.count, 3])
        picture_shrink(
            pointer + (down.first * shape[2] + across.first) * 3 * factor, shape[2] * 3,
            Int32(factor),
            small.pointer, Int32(across.count), Int32(down.count))
        return (small, across.first * factor, down.first * factor)
    }

    /// Lays a square patch over this picture, whose pixels are changed.
    ///
    /// - Parameters:
    ///   - map: from the patch to this picture.
    ///   - feather: pixels of the patch over which it fades in from its edges.
    package func paste(_ patch: Tensor, _ map: PictureMap, feather: Float) {
        let side = patch.shape[1]
        precondition(patch.shape == [1, side, side, 3], "a patch is square, not \(patch.shape)")
        let corners = [(0, 0), (side, 0), (0, side), (side, side)].map {
            map(SIMD2(Float($0.0), Float($0.1)))
        }
        func range(_ values: [Float], _ extent: Int) -> (Int32, Int32) {
            let all = Float(0)...Float(extent)
            return (
                Int32(values.min()!.rounded(.down).clamped(to: all)),
                Int32(values.max()!.rounded(.up).clamped(to: all))
            )
        }
        let (left, right) = range(corners.map(\.x), shape[2])
        let (top, bottom) = range(corners.map(\.y), shape[1])
        var kernel = map.inverse.kernel
        picture_paste(
            patch.pointer, Int32(side), &kernel, feather, pointer, Int32(shape[2]), left, top,
            right, bottom)
    }
}

extension Comparable {
    fileprivate func clamped(to range: ClosedRange<Self>) -> Self {
        min(max(self, range.lowerBound), range.upperBound)
    }
}
