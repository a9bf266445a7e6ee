import Foundation
import Media
import Tensors
import Testing

@Suite struct RGBConversionTests {
    private let folder = TestFolder()

    /// A film of one frame of raw 4:2:0 planes; `chroma` is Y4M's word for where chroma lies.
    private func read(
        _ planes: [UInt8], width: Int, height: Int, chroma: String
    ) throws -> Tensor<UInt8> {
        let header = "YUV4MPEG2 W\(width) H\(height) F25:1 Ip A1:1 C\(chroma)\nFRAME\n"
        let path = folder.write(Array(header.utf8) + planes, "a.y4m")
        return try #require(try Contents(of: path).pictures.first)
    }

    /// BT.601, limited range, chroma interpolated linearly: the plain loop.
    private func expected(
        _ planes: [UInt8], width: Int, height: Int, isCentred: Bool
    ) -> [Double] {
        let (w, h) = ((width + 1) / 2, (height + 1) / 2)
        func sample(_ plane: Int, _ x: Double, _ y: Double) -> Double {
            func at(_ i: Int, _ j: Int) -> Double {
                let place = min(max(j, 0), h - 1) * w + min(max(i, 0), w - 1)
                return Double(planes[width * height + plane * w * h + place])
            }
            let (i, j) = (Int(x.rounded(.down)), Int(y.rounded(.down)))
            let (a, b) = (x - Double(i), y - Double(j))
            let upper: Double = (1 - a) * at(i, j) + a * at(i + 1, j)
            let lower: Double = (1 - a) * at(i, j + 1) + a * at(i + 1, j + 1)
            return (1 - b) * upper + b * lower
        }
        var wanted: [Double] = []
        for y in 0..<height {
            for x in 0..<width {
                let across = Double(x) / 2 - (isCentred ? 0.25 : 0)
                let down = Double(y) / 2 - 0.25
                let luma: Double = (Double(planes[y * width + x]) - 16) * 255 / 219
                let u: Double = (sample(0, across, down) - 128) * 255 / 224
                let v: Double = (sample(1, across, down) - 128) * 255 / 224
                let green: Double = luma - 0.344136 * u - 0.714136 * v
                wanted += [luma + 1.402 * v, green, luma + 1.772 * u]
            }
        }
        return wanted.map { min(max($0, 0), 255) }
    }

    @Test(arguments: [("420mpeg2", false), ("420jpeg", true)])
    func `chroma is interpolated from where it lies`(chroma: String, isCentred: Bool) throws {
        for (width, height) in [(38, 6), (7, 5), (1, 1)] {
            let count = width * height + 2 * ((width + 1) / 2) * ((height + 1) / 2)
            let planes = (0..<count).map { UInt8(truncatingIfNeeded: 40 + ($0 &* 73) % 150) }

            let picture = try read(planes, width: width, height: height, chroma: chroma)

            let wanted = expected(planes, width: width, height: height, isCentred: isCentred)
            let worst = zip(picture.array, wanted).map { abs(Double($0) - $1) }.max() ?? 255
            // Half a step of rounding, and the matrix's own in 1/16384.
            #expect(worst < 0.55, "\(width)x\(height)")
        }
    }
}
