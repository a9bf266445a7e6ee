import Networks
import Tensors
import Testing

@Suite struct KeypointDrawingTests {
    /// 21 points far off the canvas, but for some.
    private func set(_ points: [Int: SIMD3<Float>]) -> [SIMD3<Float>] {
        (0..<21).map { points[$0] ?? SIMD3(9, 9, 0) }
    }

    @Test func `a disc has 49 pixels of its point's colour`() {
        let canvas = KeypointDrawing(size: 64)([set([12: .zero])])

        let blue = canvas.array.enumerated().filter { $0.element != 0 }
        #expect(blue.count == 49)
        #expect(blue.allSatisfy { $0.offset % 3 == 2 && $0.element == 1 })
    }

    /// What moves by a quarter of a pixel moves the disc by as much, and no point of it jumps.
    @Test func `a finer disc moves between pixels`() {
        func middle(_ x: Float) -> Float {
            let canvas = KeypointDrawing(size: 64, finer: 4)([set([12: SIMD3(x, 0, 0)])]).array
            let blue = (0..<64 * 64).map { canvas[$0 * 3 + 2] }
            return zip(blue, 0...).reduce(0) { $0 + $1.0 * Float($1.1 % 64) } / blue.reduce(0, +)
        }
        let quarters = (0..<5).map { middle(Float($0) / 4 / 32) }

        #expect(abs(quarters[0] - 31.625) < 0.01)
        #expect(zip(quarters, quarters.dropFirst()).allSatisfy { abs($1 - $0 - 0.25) < 0.01 })
    }

    @Test func `colours add up where discs overlap, to one at most`() {
        let canvas = KeypointDrawing(size: 64)([set([1: .zero, 3: .zero, 2: .zero])]).array

        let centre = (32 * 64 + 32) * 3
        #expect(Array(canvas[centre..<centre + 3]) == [1, 1, 0])
    }

    @Test func `positions are cut towards zero and may lie off the canvas`() {
        let drawing = KeypointDrawing(size: 512)
        let points = drawing.points([
            set([1: SIMD3(-1.003, 0.9999, 0), 2: SIMD3(.nan, .infinity, 0), 3: SIMD3(-2, 3e9, 0)])
        ]).array

        #expect(Array(points[0..<2]) == [0, 511])
        #expect(Array(points[2..<4]) == [-1_000_000, -1_000_000])
        #expect(Array(points[4..<6]) == [-256, 1_000_000])
    }

    @Test func `what is off the canvas draws nothing`() {
        let canvas = KeypointDrawing(size: 64)([set([4: SIMD3(.nan, 0, 0)])])

        #expect(canvas.array.allSatisfy { $0 == 0 })
    }
}
