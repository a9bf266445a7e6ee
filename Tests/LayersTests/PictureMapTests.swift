import Layers
import Tensors
import Testing

@Suite struct PictureMapTests {
    /// A picture whose red is its column and whose green is its row.
    private func ramp(_ height: Int, _ width: Int) -> Tensor<UInt8> {
        let picture = Tensor<UInt8>(uninitialized: [1, height, width, 3])
        for y in 0..<height {
            for x in 0..<width {
                let at = (y * width + x) * 3
                (picture.pointer[at], picture.pointer[at + 1], picture.pointer[at + 2]) =
                    (UInt8(x), UInt8(y), 77)
            }
        }
        return picture
    }

    private func sampled(
        _ picture: Tensor<UInt8>, _ map: PictureMap, _ height: Int, _ width: Int
    ) -> Tensor<UInt8> {
        let result = Tensor<UInt8>(repeating: 0, shape: [1, height, width, 3])
        picture.sample(map, into: result)
        return result
    }

    @Test(arguments: [(1, 1), (2, 3), (7, 5), (64, 40), (33, 250)])
    func `the identity gives back every pixel`(height: Int, width: Int) {
        let picture = ramp(height, width)

        #expect(sampled(picture, .identity, height, width).array == picture.array)
    }

    @Test func `a part is cut out where it is, and outside the nearest pixel counts`() {
        let part = sampled(
            ramp(20, 30), PictureMap(square: 8, to: SIMD2(26, 8), side: 8), 8, 8)

        #expect(part.array[0..<6] == [22, 4, 77, 23, 4, 77])
        // Columns 28 and 29, and then the last again and again.
        let last = (5..<8).map { part.array[$0 * 3] }
        #expect(last == [27, 28, 29])
        let beyond = sampled(ramp(20, 30), PictureMap(square: 4, to: SIMD2(40, 8), side: 4), 4, 4)
        #expect(beyond.array[0] == 29)
    }

    @Test func `turned by a right angle, rows become columns`() {
        let map = PictureMap(square: 16, to: SIMD2(8, 8), side: 16, radians: .pi / 2)
        let turned = sampled(ramp(16, 16), map, 16, 16)

        // What is to the right in the result is further down in the picture.
        let green = (0..<16).map { turned.array[$0 * 3 + 1] }
        let red = (0..<16).map { turned.array[$0 * 3] }
        #expect(green == Array(0..<16))
        #expect(red == [UInt8](repeating: 15, count: 16))
    }

    @Test(arguments: [1.7, 2, 3.4, 9.1] as [Float])
    func `a slope stays a slope when it is shrunk`(scale: Float) {
        let side = scale * 16
        let small = sampled(
            ramp(200, 250), PictureMap(square: 16, to: SIMD2(120, 100), side: side), 16, 16)

        for x in 0..<16 {
            let wanted = 120 + (Float(x) + 0.5 - 8) * scale - 0.5
            #expect(abs(Float(small.array[x * 3]) - wanted) <= 1, "column \(x)")
        }
    }

    @Test func `a map and its inverse lead back`() {
        let map = PictureMap(square: 192, to: SIMD2(310, 77), side: 93, radians: 0.4)
        for place in [SIMD2<Float>(0, 0), SIMD2(192, 5), SIMD2(44, 150)] {
            let back = map.inverse(map(place)) - place

            #expect(abs(back.x) < 1e-3 && abs(back.y) < 1e-3)
        }
        #expect(abs(map.scale - 93 / 192) < 1e-5)
    }

    @Test func `what was cut out goes back to its place`() {
        let picture = ramp(60, 90), map = PictureMap(square: 30, to: SIMD2(40, 30), side: 30)
        let patch = sampled(picture, map, 30, 30)
        let copy = Tensor<UInt8>(picture.array, shape: picture.shape)
        copy.paste(patch, map, feather: 6)

        #expect(copy.array == picture.array)
    }

    @Test func `a patch covers its middle, fades at its edge and leaves the rest`() {
        let picture = Tensor<UInt8>(repeating: 10, shape: [1, 50, 50, 3])
        picture.paste(
            Tensor<UInt8>(repeating: 210, shape: [1, 20, 20, 3]),
            PictureMap(square: 20, to: SIMD2(25, 25), side: 20), feather: 5)
        let row = (0..<50).map { picture.array[(25 * 50 + $0) * 3] }

        #expect(row[25] == 210)
        #expect(Set(row[..<15] + row[35...]) == [10])
        #expect(row[15] < row[16] && row[16] < row[17])
        #expect(row[17] < row[20])
    }

    @Test func `a patch may reach out of the picture, or lie beside it`() {
        for center in [SIMD2<Float>(0, 0), SIMD2(49, 25), SIMD2(-400, 3), SIMD2(900, 900)] {
            let picture = Tensor<UInt8>(repeating: 10, shape: [1, 50, 50, 3])
            picture.paste(
                Tensor<UInt8>(repeating: 210, shape: [1, 20, 20, 3]),
                PictureMap(square: 20, to: center, side: 30, radians: 1), feather: 5)
            let inside = center.x >= 0 && center.x < 50

            #expect(picture.array.contains { $0 > 100 } == inside)
        }
    }

    @Test func `slopes count below zero only, and channels are filled up with zeros`() {
        let x = Tensor<Float>([1, -2, -3, 4], shape: [2, 2])
        let slopes = Tensor<Float>([0.5, 0.25], shape: [2])

        #expect(x.rectified(slopes: slopes).array == [1, -0.5, -1.5, 4])
        #expect(x.widened(channels: 3).array == [1, -2, 0, -3, 4, 0])
    }
}
