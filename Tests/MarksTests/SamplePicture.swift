import Foundation
import Tensors

/// Pictures with smooth and busy parts, the same every time.
enum SamplePicture {
    /// Shades, edges and noise, as a photo has them.
    static func photo(width: Int = 512, height: Int = 512, seed: UInt64 = 1) -> Tensor<UInt8> {
        var noise = seed
        var pixels = [UInt8](repeating: 0, count: width * height * 3)
        for y in 0..<height {
            for x in 0..<width {
                noise = noise &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                let grain = Double(noise >> 60) - 7.5
                let (u, v) = (Double(x) / Double(width), Double(y) / Double(height))
                let isInside = hypot(u - 0.5, v - 0.45) < 0.28
                let isBusy = v > 0.75
                var level = 60 + 120 * u + 30 * sin(7 * v)
                if isInside { level = 190 - 80 * hypot(u - 0.4, v - 0.4) }
                if isBusy { level += 40 * sin(Double(x * x % 977) / 19 + Double(y) / 2) }
                for c in 0..<3 {
                    let value = level + grain * (isBusy ? 2 : 0.4) + Double(9 * c)
                    pixels[3 * (y * width + x) + c] = UInt8(max(0, min(255, value)))
                }
            }
        }
        return Tensor(pixels, shape: [1, height, width, 3])
    }

    static func flat(_ level: UInt8, width: Int = 256, height: Int = 256) -> Tensor<UInt8> {
        Tensor(repeating: level, shape: [1, height, width, 3])
    }

    static func cropped(
        _ picture: Tensor<UInt8>, x: Int, y: Int, width: Int, height: Int
    ) -> Tensor<UInt8> {
        let all = picture.array
        var pixels: [UInt8] = []
        for row in y..<y + height {
            let start = 3 * (row * picture.shape[2] + x)
            pixels += all[start..<start + 3 * width]
        }
        return Tensor(pixels, shape: [1, height, width, 3])
    }

    /// Bilinear.
    static func scaled(_ picture: Tensor<UInt8>, width: Int, height: Int) -> Tensor<UInt8> {
        let all = picture.array
        let (fromHeight, fromWidth) = (picture.shape[1], picture.shape[2])
        var pixels = [UInt8](repeating: 0, count: width * height * 3)
        for y in 0..<height {
            let v = max(0, (Double(y) + 0.5) * Double(fromHeight) / Double(height) - 0.5)
            let (top, down) = (Int(v), v - v.rounded(.down))
            let bottom = min(top + 1, fromHeight - 1)
            for x in 0..<width {
                let u = max(0, (Double(x) + 0.5) * Double(fromWidth) / Double(width) - 0.5)
                let (left, across) = (Int(u), u - u.rounded(.down))
                let right = min(left + 1, fromWidth - 1)
                for c in 0..<3 {
                    func at(_ x: Int, _ y: Int) -> Double {
                        Double(all[3 * (y * fromWidth + x) + c])
                    }
                    let upper = (1 - across) * at(left, top) + across * at(right, top)
                    let lower = (1 - across) * at(left, bottom) + across * at(right, bottom)
                    pixels[3 * (y * width + x) + c] = UInt8(
                        ((1 - down) * upper + down * lower).rounded())
                }
            }
        }
        return Tensor(pixels, shape: [1, height, width, 3])
    }

    static func decibels(_ a: Tensor<UInt8>, _ b: Tensor<UInt8>) -> Double {
        let sum = zip(a.array, b.array).reduce(0.0) { sum, pair in
            let difference = Double(pair.0) - Double(pair.1)
            return sum + difference * difference
        }
        return 10 * log10(255 * 255 * Double(a.count) / sum)
    }
}
