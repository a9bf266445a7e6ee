import Layers
import Tensors
import Testing

@Suite struct PictureResamplingTests {
    private let picture = SyntheticStream.image("resampling", height: 31, width: 23, cells: 9)
        .reshaped([1, 31, 23, 3])

    @Test(arguments: [ResamplingFilter.lanczos, .bicubic])
    func `one colour stays one colour`(filter: ResamplingFilter) {
        let grey = Tensor<UInt8>(repeating: 77, shape: [1, 9, 14, 3])

        let result = grey.resampled(height: 5, width: 40, filter)

        #expect(result.shape == [1, 5, 40, 3])
        #expect(result.array.allSatisfy { $0 == 77 })
    }

    @Test func `a picture at its own size stays as it is`() {
        #expect(picture.resampled(height: 31, width: 23, .lanczos).array == picture.array)
    }

    @Test(arguments: [(8, 40), (60, 60)]) func `a part of the result is that part of the whole`(
        height: Int, width: Int
    ) {
        let whole = picture.resampled(height: height, width: width, .bicubic)

        let part = picture.resampled(
            height: height, width: width, .bicubic, rows: 3..<7, columns: 10..<31)

        #expect(part.array == whole.cropped(rows: 3..<7, columns: 10..<31).array)
    }

    @Test func `cropping bytes and then converting equals converting and then cropping`() {
        let rows = 4..<9, columns = 2..<20

        let cropped = picture.cropped(rows: rows, columns: columns).floats(centred: true).array

        let all = picture.floats(centred: true).array
        let expected = rows.flatMap { y in
            columns.flatMap { x in (0..<3).map { all[(y * 23 + x) * 3 + $0] } }
        }
        #expect(cropped == expected)
    }

    @Test func `bytes reach both ends of their ranges`() {
        let ends = Tensor<UInt8>([0, 255, 51], shape: [1, 1, 1, 3])

        #expect(ends.floats(centred: true).array == [-1, 1, Float(51) / 255 * 2 - 1])
        #expect(ends.floats(centred: false).array == [0, 1, 0.2])
    }
}
