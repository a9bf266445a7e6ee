import Networks
import Tensors
import Testing

@Suite struct FaceBoxTests {
    private func box(_ points: [(Int32, Int32)], size: Int = 512) -> FaceBox {
        FaceBox(
            around: Tensor(points.flatMap { [$0.0, $0.1] }, shape: [1, points.count, 2]), size: size
        )
    }

    @Test func `a box reaches a little further right and down than left and up`() {
        // Mean (200, 200), topmost 100: a side of 340.
        let points: [(Int32, Int32)] = [(200, 100), (200, 300), (200, 200)]

        let box = box(points)

        #expect([box.left, box.top, box.right, box.bottom] == [38, 38, 378, 378])
        #expect(!box.isEmpty)
    }

    @Test func `points on one row make an empty box`() {
        #expect(box([(10, 50), (90, 50)]).isEmpty)
    }

    @Test func `a face outside the picture makes an empty box`() {
        let box = box([(900, 900), (900, 1000)])

        #expect(box.isEmpty)
        #expect(box.crop(Tensor(repeating: 0, shape: [1, 512, 512, 3])) == nil)
    }

    @Test func `a crop holds the rows and columns of its box`() throws {
        let picture = Tensor<UInt8>(
            (0..<16 * 16 * 3).map { UInt8($0 % 251) }, shape: [1, 16, 16, 3])
        let box = box([(8, 6), (8, 8)], size: 16)  // mean row 7, side 3.4: 5...8

        let crop = try #require(box.crop(picture))

        #expect(crop.shape == [1, box.bottom - box.top, box.right - box.left, 3])
        let first = (box.top * 16 + box.left) * 3
        #expect(crop.array[0] == picture.array[first])
        #expect(crop.array.last == picture.array[((box.bottom - 1) * 16 + box.right) * 3 - 1])
    }
}
