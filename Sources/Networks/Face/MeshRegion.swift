import Glibc
import Layers
import Tensors

/// A part of the face that the mesh looks at once more: the lips, or an eye with its iris.
///
/// The mesh's points say where the part is. What the trunk found there is turned until the part lies
/// level, brought to 16 × 16 cells, and goes through layers of its own (Attention Mesh, arXiv
/// 2006.10962, whose spatial transformer this is).
struct MeshRegion {
    /// Points of the mesh that are around the part.
    private let points: [Int]
    /// A line between two of them is level in what is looked at.
    private let line: (Int, Int)
    private let blocks: [MeshLayers.Block]
    private let heads: [Head]

    private struct Head {
        let blocks: [MeshLayers.Block]
        let narrowing: MeshLayers.Rectified
        let last: MeshLayers.Block
        let answer: Convolution

        func callAsFunction(_ x: Tensor<Float>) -> Tensor<Float> {
            answer(last(narrowing(blocks.reduce(x) { $1($0) })))
        }
    }

    /// Cells in a row of what is looked at, and what answers count along it: four for each cell, as
    /// the picture has four pixels for each cell of the trunk's map.
    private static let cells = 16, side = 64
    /// Sides of what is looked at by sides of the box around the points: `scale_x` and `scale_y` of
    /// the operators Landmarks2TransformMatrix in the file.
    private static let margin: Float = 1.5

    /// - Parameters:
    ///   - layers: those of the file, of which the next ones are the region's.
    ///   - answers: its last layers, and how many points each answers with.
    init(
        from layers: inout MeshLayers, around points: [Int], level line: (Int, Int),
        answers: KeyValuePairs<String, Int>
    ) throws(CheckpointError) {
        (self.points, self.line) = (points, line)
        blocks = try layers.blocks(
            FaceMesh.featureWidth, widths: [32, 32, 64, 64, 64, 128], halving: [2, 5])
        var heads: [Head] = []
        for (name, count) in answers {
            let own = try layers.blocks(128, widths: [128, 128, 128, 128, 128], halving: [2])
            let (narrowing, last) = try layers.head(128)
            heads.append(
                Head(
                    blocks: own, narrowing: narrowing, last: last,
                    answer: try layers.answer(name, 2 * count, kernel: 2)))
        }
        self.heads = heads
    }

    /// Points `[count, 2]` in pixels of the mesh's picture, for each of the answers.
    ///
    /// - Parameters:
    ///   - features: `[1, 48, 48, 32]` of the trunk.
    ///   - mesh: `[468, 3]` in pixels of the picture.
    func callAsFunction(_ features: Tensor<Float>, _ mesh: Tensor<Float>) -> [Tensor<Float>] {
        let map = place(in: mesh)
        var inner = map
        // Cells and the trunk's map are both four times as coarse.
        (inner.x0, inner.y0) = (map.x0 / 4, map.y0 / 4)
        let looked = blocks.reduce(
            features.sampled(inner, height: Self.cells, width: Self.cells)
        ) { $1($0) }
        return heads.map { head in
            let answer = head(looked)
            let count = answer.count / 2
            let placed = Tensor<Float>(uninitialized: [count, 2])
            for index in 0..<count {
                let place = map(SIMD2(answer.buffer[2 * index], answer.buffer[2 * index + 1]))
                (placed.pointer[2 * index], placed.pointer[2 * index + 1]) = (place.x, place.y)
            }
            return placed
        }
    }

    /// From a square of 64 units to the picture: the box around the points whose upper side is
    /// parallel to the line, and half as large again.
    private func place(in mesh: Tensor<Float>) -> PictureMap {
        func point(_ index: Int) -> SIMD2<Float> {
            SIMD2(mesh.buffer[3 * index], mesh.buffer[3 * index + 1])
        }
        let along = point(line.1) - point(line.0)
        let radians = atan2(along.y, along.x), (c, s) = (cos(radians), sin(radians))
        var low = SIMD2<Float>(repeating: .infinity), high = -low
        for index in points {
            let p = point(index), level = SIMD2(c * p.x + s * p.y, c * p.y - s * p.x)
            (low, high) = (pointwiseMin(low, level), pointwiseMax(high, level))
        }
        let middle = (low + high) / 2, scale = Self.margin * (high - low) / Float(Self.side)
        let corner = middle - scale * Float(Self.side) / 2
        return PictureMap(
            xx: c * scale.x, xy: -s * scale.y, x0: c * corner.x - s * corner.y, yx: s * scale.x,
            yy: c * scale.y, y0: s * corner.x + c * corner.y)
    }
}
