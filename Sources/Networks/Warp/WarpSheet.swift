import Kernels

/// A part of a picture on a grid whose nodes can be moved: what a warp is drawn from.
struct WarpSheet {
    let columns, rows, cell: Int
    /// Where the grid's first node lies in the picture.
    let left, top: Int
    /// Red, green, blue and cover; one row of pixels after the other.
    private let pixels: [UInt8]
    /// How each cell is drawn: hidden, opaque or blended.
    private let kinds: [UInt8]
    var nodes: [warp_node]
    /// Which bumps of a field move the nodes.
    private let weights: SmoothField.Weights
    /// Where the nodes have gone: x and y of each.
    private(set) var places: [Float]
    private var scratch: [Float]

    /// Cells are smoothed until they keep this share of their area, at most ``mostSweeps`` times: the least
    /// that was measured afterwards is 0.005. Below 0 they would turn over.
    static let leastArea: Float = 0.05
    private static let mostSweeps: Int32 = 80

    /// - Parameters:
    ///   - color: of a pixel, by its place in the grid: column and row.
    init(
        columns: Int, rows: Int, cell: Int, left: Int, top: Int, nodes: [warp_node],
        weights: SmoothField.Weights? = nil, color: (Int, Int) -> SIMD4<UInt8>
    ) {
        (self.columns, self.rows, self.cell) = (columns, rows, cell)
        (self.left, self.top) = (left, top)
        self.nodes = nodes
        let count = (columns + 1) * (rows + 1)
        precondition(nodes.count == count, "\(nodes.count) nodes for \(columns) × \(rows) cells")
        self.weights = weights
            ?? SmoothField.Weights(first: Array(repeating: 0, count: count + 1))
        places = Array(repeating: 0, count: 2 * count)
        scratch = Array(repeating: 0, count: 3 * count)
        let (width, height) = (columns * cell, rows * cell)
        var pixels = [UInt8](repeating: 0, count: width * height * 4)
        for y in 0..<height {
            for x in 0..<width {
                let value = color(x, y)
                for k in 0..<4 { pixels[(y * width + x) * 4 + k] = value[k] }
            }
        }
        self.pixels = pixels
        kinds = Self.kinds(pixels, columns, rows, cell)
    }

    private static func kinds(
        _ pixels: [UInt8], _ columns: Int, _ rows: Int, _ cell: Int
    ) -> [UInt8] {
        let (width, height) = (columns * cell, rows * cell)
        var kinds: [UInt8] = []
        for j in 0..<rows {
            for i in 0..<columns {
                // The cubic looks two pixels beyond the cell.
                var (least, most) = (UInt8(255), UInt8(0))
                for y in max(j * cell - 2, 0)..<min((j + 1) * cell + 2, height) {
                    for x in max(i * cell - 2, 0)..<min((i + 1) * cell + 2, width) {
                        let cover = pixels[(y * width + x) * 4 + 3]
                        (least, most) = (min(least, cover), max(most, cover))
                    }
                }
                let kind = most == 0 ? WARP_HIDDEN : least == 255 ? WARP_OPAQUE : WARP_BLENDED
                kinds.append(UInt8(kind))
            }
        }
        return kinds
    }

    /// Moves the nodes by a field and along with the head.
    ///
    /// - Parameters:
    ///   - layer: which of the four movements of `heights`.
    mutating func move(heights: [SIMD8<Float>], layer: Int, pose: inout warp_pose) {
        heights.withUnsafeBytes { heights in
            let first = heights.baseAddress!.assumingMemoryBound(to: Float.self) + 2 * layer
            warp_places(
                nodes, Int32(nodes.count), weights.first, weights.centers, weights.values, first, 8,
                &pose, &places)
        }
    }

    /// Puts the nodes where they shall be: x and y of each.
    mutating func move(to place: (_ column: Int, _ row: Int) -> SIMD2<Float>) {
        for j in 0...rows {
            for i in 0...columns {
                let p = place(i, j), at = 2 * (j * (columns + 1) + i)
                (places[at], places[at + 1]) = (p.x, p.y)
            }
        }
    }

    /// Smooths where cells lost nearly all of their area, so that none turns over. Where that is not enough,
    /// the whole sheet moves less.
    mutating func unfold() {
        // Swift lends no part of a value that is itself in use.
        var (moved, room) = ([Float](), [Float]())
        swap(&moved, &places)
        swap(&room, &scratch)
        withKernel { _ = warp_smooth(&$0, Self.leastArea, Self.mostSweeps, &room, &moved) }
        swap(&moved, &places)
        swap(&room, &scratch)
        var steps = 0
        while steps < 20, leastShare <= 0 {
            steps += 1
            for (i, node) in nodes.enumerated() {
                places[2 * i] = node.x + 0.85 * (places[2 * i] - node.x)
                places[2 * i + 1] = node.y + 0.85 * (places[2 * i + 1] - node.y)
            }
        }
    }

    /// The smallest share of its area that a half of a drawn cell kept; below 0, one turned over.
    var leastShare: Float { withKernel { warp_least(&$0, places) } }

    /// - Parameters:
    ///   - picture: packed RGB.
    func draw(into picture: UnsafeMutablePointer<UInt8>, width: Int, height: Int) {
        withKernel { warp_draw(&$0, places, picture, Int32(width), Int32(height)) }
    }

    private func withKernel<Result>(_ body: (inout warp_sheet) -> Result) -> Result {
        pixels.withUnsafeBufferPointer { pixels in
            kinds.withUnsafeBufferPointer { kinds in
                var sheet = warp_sheet(
                    pixels: pixels.baseAddress, width: Int32(columns * cell),
                    height: Int32(rows * cell), columns: Int32(columns), rows: Int32(rows),
                    cell: Int32(cell), left: Int32(left), top: Int32(top), draw: kinds.baseAddress)
                return body(&sheet)
            }
        }
    }
}
