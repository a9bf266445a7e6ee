import Kernels

/// The grid over a portrait, from which sheets take their parts.
struct WarpGrid {
    let columns, rows, cell, margin: Int
    let head: HeadShape
    private let depths: [Float]

    init(columns: Int, rows: Int, cell: Int, margin: Int, head: HeadShape) {
        (self.columns, self.rows, self.cell, self.margin) = (columns, rows, cell, margin)
        self.head = head
        depths = head.depths(columns: columns, rows: rows, cell: cell)
    }

    /// The part that an upper sheet can cover.
    func sheet(
        around shape: OpeningShape, reach: Float, _ pixels: PortraitPixels, _ field: SmoothField,
        cover: (SIMD2<Float>) -> Float
    ) -> WarpSheet {
        let low = shape.lower.map(\.y).min()!, high = shape.upper.map(\.y).max()!
        let corners = [-reach / 2, shape.width + reach / 2].flatMap { s in
            [low, high + reach].map { shape.place(of: SIMD2(s, $0)) }
        }
        func range(_ values: [Float], _ count: Int) -> Range<Int> {
            // Some cells more than are drawn: what turns over is smoothed together with what lies around it.
            let first = (Int(values.min()!) + margin) / cell - 4
            let last = (Int(values.max()!) + margin) / cell + 5
            // Of a face beyond the picture one cell is left, at its edge.
            let lower = min(max(first, 0), count - 1)
            return lower..<max(min(last, count), lower + 1)
        }
        return sheet(
            range(corners.map(\.x), columns), range(corners.map(\.y), rows), pixels, field,
            cover: cover)
    }

    func sheet(
        _ across: Range<Int>, _ down: Range<Int>, _ pixels: PortraitPixels, _ field: SmoothField,
        cover: (SIMD2<Float>) -> Float
    ) -> WarpSheet {
        let left = across.lowerBound * cell - margin, top = down.lowerBound * cell - margin
        var nodes: [warp_node] = [], places: [SIMD2<Float>] = []
        for j in down.lowerBound...down.upperBound {
            for i in across.lowerBound...across.upperBound {
                let place = SIMD2(Float(i * cell - margin), Float(j * cell - margin))
                nodes.append(
                    warp_node(
                        x: place.x, y: place.y, depth: depths[j * (columns + 1) + i],
                        share: head.share(at: place)))
                places.append(place)
            }
        }
        return WarpSheet(
            columns: across.count, rows: down.count, cell: cell, left: left, top: top, nodes: nodes,
            weights: field.weights(at: places)
        ) { x, y in
            let rgb = pixels.bytes(left + x, top + y)
            let place = SIMD2(Float(left + x) + 0.5, Float(top + y) + 0.5)
            return SIMD4(rgb.x, rgb.y, rgb.z, UInt8(min(max(0, cover(place)), 1) * 255 + 0.5))
        }
    }
}
