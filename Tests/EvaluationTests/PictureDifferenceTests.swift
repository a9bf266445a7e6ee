import Evaluation
import Layers
import Tensors
import Testing

@Suite struct PictureDifferenceTests {
    private func picture(_ value: (Int, Int, Int) -> Int) -> Tensor<UInt8> {
        let (height, width) = (24, 40)
        var bytes: [UInt8] = []
        for y in 0..<height {
            for x in 0..<width {
                for c in 0..<3 { bytes.append(UInt8(value(y, x, c) % 256)) }
            }
        }
        return Tensor(bytes, shape: [1, height, width, 3])
    }

    // In double precision with numpy, from the formulas of the papers: SSIM in windows that lie in the picture.
    @Test func `two known pictures differ by what numpy says`() {
        let one = picture { 5 * $1 + 3 * $0 + 40 * $2 }
        let other = picture { 5 * $1 + 3 * $0 + 40 * $2 + $0 * $1 % 37 }

        let found = PictureDifference(one, other)

        #expect(abs(found.absolute - 0.11546160130718953) < 1e-12)
        #expect(abs(found.squared - 3682.7989583333333) < 1e-9)
        #expect(abs(found.similarity - 0.4439369472295723) < 1e-5)
    }

    @Test func `a picture is like itself`() {
        let one = picture { 5 * $1 + 3 * $0 + 40 * $2 }

        let found = PictureDifference(one, one)

        #expect(found.absolute == 0 && found.squared == 0)
        #expect(abs(found.similarity - 1) < 1e-6)
    }

    @Test func `of two flat pictures only the means count`() {
        // (2 · 100 · 120 + C1) / (100² + 120² + C1), C1 = 2.55².
        let found = PictureDifference(picture { _, _, _ in 100 }, picture { _, _, _ in 120 })

        #expect(abs(found.similarity - 24006.5025 / 24406.5025) < 1e-4)
    }

    @Test func `a picture without room for a window has no similarity`() {
        let small = Tensor<UInt8>(repeating: 7, shape: [1, 10, 40, 3])

        #expect(PictureDifference(small, small).similarity.isNaN)
        #expect(PictureDifference(small, small).absolute == 0)
    }

    @Test func `points that were turned, scaled and moved say how`() throws {
        let given = PictureMap(square: 64, to: SIMD2(70, 20), side: 130, radians: 0.4)
        let points: [SIMD2<Float>] = [SIMD2(3, 4), SIMD2(50, 8), SIMD2(20, 60)]

        let found = try #require(PictureMap(from: points, to: points.map { given($0) }))

        for (a, b) in [
            (found.xx, given.xx), (found.xy, given.xy), (found.x0, given.x0), (found.yx, given.yx),
            (found.yy, given.yy), (found.y0, given.y0),
        ] { #expect(abs(a - b) < 1e-3) }
        #expect(PictureMap(from: [SIMD2(1, 1), SIMD2(1, 1)], to: Array(points.prefix(2))) == nil)
    }
}
