import Glibc
import Kernels

/// What is seen between the lips: the portrait's own mouth where it is open there, and one that is painted
/// where it is closed: upper teeth that hang from behind the upper lip, darkness, the tongue.
struct MouthInside {
    private(set) var sheet: WarpSheet
    private let isPainted: Bool

    private static let columns = 10, cell = 8
    /// Rows of cells of the painted one: three for the teeth, five for the rest.
    private static let paintedRows = 8, toothRows = 3, ownRows = 6

    init(_ shape: OpeningShape, mesh: [SIMD3<Float>], of picture: PortraitPixels) {
        isPainted = shape.isClosed
        let rows = isPainted ? Self.paintedRows : Self.ownRows
        let nodes = Array(
            repeating: warp_node(), count: (Self.columns + 1) * (rows + 1))
        let (columns, cell) = (Self.columns, Self.cell)
        let paint = Paint(skin: Self.skin(mesh, picture))
        let (upper, lower) = (
            MeshParts.mouth.upper[0].map { mesh[$0].flat },
            MeshParts.mouth.lower[0].map { mesh[$0].flat }
        )
        let isPainted = isPainted
        sheet = WarpSheet(
            columns: columns, rows: rows, cell: cell, left: 0, top: 0, nodes: nodes
        ) { x, y in
            let color: SIMD3<Float>
            if isPainted {
                color = paint(
                    across: (Float(x) + 0.5) / Float(columns * cell) * 2 - 1, down: Float(y) + 0.5)
            } else {
                let place = (Float(x) + 0.5) / Float(cell), i = min(Int(place), columns - 1)
                let part = place - Float(i), down = (Float(y) + 0.5) / Float(rows * cell)
                let top = upper[i] + (upper[i + 1] - upper[i]) * part
                let bottom = lower[i] + (lower[i + 1] - lower[i]) * part
                color = picture.color(at: top + (bottom - top) * down)
            }
            let bytes = color.clamped(lowerBound: SIMD3(), upperBound: SIMD3(repeating: 255))
            return SIMD4(UInt8(bytes.x), UInt8(bytes.y), UInt8(bytes.z), 255)
        }
    }

    /// - Parameters:
    ///   - upper: where the lips' inner edges are now, from the picture's left to its right.
    mutating func move(upper: [SIMD2<Float>], lower: [SIMD2<Float>]) {
        guard isPainted else {
            return sheet.move { i, j in
                upper[i] + (lower[i] - upper[i]) * (Float(j) / Float(Self.ownRows))
            }
        }
        let across = upper.last! - upper.first!, width = max(across.length, 1e-3)
        let down = SIMD2(-across.y, across.x) / width
        let deepest = zip(upper, lower).reduce(Float(0)) { max($0, (($1.1 - $1.0) * down).sum()) }
        // Teeth keep their length, what is below them is as long as the mouth is open; all begins behind
        // the upper lip and ends behind the lower one.
        let tooth = Self.toothLength * width, hidden = Self.hiddenLength * width
        let last = -hidden + Float(Self.toothRows * Self.cell) / 26 * (tooth + hidden)
        sheet.move { i, j in
            if j <= Self.toothRows {
                let length = -hidden + Float(j * Self.cell) / 26 * (tooth + hidden)
                return upper[i] + down * length
            }
            let open = max(((lower[i] - upper[i]) * down).sum(), 0)
            let end = max(0.55 * deepest + 0.45 * open + hidden, last + 0.02 * width)
            let part = Float(j - Self.toothRows) / Float(Self.paintedRows - Self.toothRows)
            return upper[i] + down * (last + (end - last) * part)
        }
    }

    /// How far upper teeth are seen when the mouth opens, and how far what is inside goes on behind a lip,
    /// in widths of the mouth.
    private static let toothLength: Float = 0.16, hiddenLength: Float = 0.05

    /// The skin's colour: of four places on the cheeks the one in the middle.
    private static func skin(
        _ mesh: [SIMD3<Float>], _ picture: PortraitPixels
    ) -> SIMD3<Float> {
        let colors = [50, 280, 205, 425].map { picture.color(at: mesh[$0].flat) }
            .sorted { $0.sum() < $1.sum() }
        return (colors[1] + colors[2]) / 2
    }

    /// Colours of a painted mouth, in the light of the portrait.
    private struct Paint {
        let teeth, dark, tongue: SIMD3<Float>

        init(skin: SIMD3<Float>) {
            let brightest = max(skin.max(), 1), light = min(max(brightest / 235, 0.3), 1)
            let tint = SIMD3<Float>(repeating: 0.8) + 0.2 * skin / brightest
            teeth = SIMD3(238, 230, 220) * tint * light
            dark = SIMD3(42, 16, 14) * light
            tongue = SIMD3(128, 56, 50) * light
        }

        /// - Parameters:
        ///   - across: -1 at the left corner, 1 at the right one.
        ///   - down: 0...64 from behind the upper lip to behind the lower one; teeth end at 26.
        func callAsFunction(across u: Float, down v: Float) -> SIMD3<Float> {
            let end = 25 - 9 * u * u - (u.magnitude < 0.7 ? 1.2 * cos(u * 2 * .pi * 3.1) : 0)
            let row = smoothStep((v - 5) / 3) * (1 - smoothStep((v - end + 1.5) / 3))
            let number = pow(u.magnitude, 1.25) * 4.1, to = number - number.rounded()
            let gap = 1 - 0.12 * exp(-(to / 0.06) * (to / 0.06))
            let light = (0.8 + 0.2 * smoothStep((v - 6) / 13))
                * (0.35 + 0.65 * max(1 - 0.85 * u * u, 0))
            let behind = dark + (teeth * (gap * light) - dark) * row
            return behind
                + (tongue - behind) * (0.7 * smoothStep((v - 42) / 18) * (1 - u * u))
        }
    }
}
