import ExactKernels
import Glibc
import Kernels
import Tensors

/// Adds the invisible mark to pictures of one size.
///
/// It is the same in every frame and depends on nothing but the payload and the size: a process that
/// goes on for another makes the same pictures, and a codec has little to code anew.
package final class Watermark {
    package let width: Int, height: Int
    /// In 1/32 of its own spread.
    private let pattern: [Int8]
    private var scratch: [UInt16]

    /// 512 x 512 takes 4 ms, 1920 x 1080 30 ms.
    package init(
        _ payload: WatermarkPayload, width: Int, height: Int, key: WatermarkKey = .shared
    ) {
        (self.width, self.height) = (width, height)
        pattern = Self.pattern(payload, width: width, height: height, key: key)
        scratch = [UInt16](repeating: 0, count: watermark_scratch(Int32(width), Int32(height)))
    }

    /// The same picture `[1, h, w, 3]` with the mark.
    package func marked(_ frame: Tensor<UInt8>) -> Tensor<UInt8> {
        precondition(frame.shape == [1, height, width, 3])
        let marked = Tensor<UInt8>(uninitialized: frame.shape)
        watermark_add(
            frame.pointer, Int32(width), Int32(height), pattern, &scratch, marked.pointer)
        return marked
    }

    private static func pattern(
        _ payload: WatermarkPayload, width: Int, height: Int, key: WatermarkKey
    ) -> [Int8] {
        let columns = Int(WATERMARK_COLUMNS), rows = Int(WATERMARK_ROWS)
        let turn = 2 * Double.pi / WatermarkKey.period(width: width, height: height)
        var spectrum = [(re: Double, im: Double)](repeating: (0, 0), count: columns * rows)
        for (wave, phase) in zip(key.waves, key.phases(with: payload.code)) {
            spectrum[wave.u * rows + wave.v + 20] = (cos(phase), sin(phase))
        }
        // Times the waves down the picture, for each of those across.
        var re = [Float](repeating: 0, count: columns * height), im = re
        for y in 0..<height {
            let angle = turn * (Double(y) + 0.5 - Double(height) / 2)
            let waves = (-20...20).map { (cos(angle * Double($0)), sin(angle * Double($0))) }
            for u in 0..<columns {
                var sum = (re: 0.0, im: 0.0)
                for (v, wave) in waves.enumerated() {
                    let value = spectrum[u * rows + v]
                    sum.re += value.re * wave.0 - value.im * wave.1
                    sum.im += value.re * wave.1 + value.im * wave.0
                }
                (re[u * height + y], im[u * height + y]) = (Float(sum.re), Float(sum.im))
            }
        }
        var cosine = [Float](repeating: 0, count: columns * width), sine = cosine
        for u in 0..<columns {
            for x in 0..<width {
                let angle = turn * Double(u) * (Double(x) + 0.5 - Double(width) / 2)
                (cosine[u * width + x], sine[u * width + x]) = (
                    Float(cos(angle)), Float(sin(angle))
                )
            }
        }
        var waves = [Float](repeating: 0, count: width * height)
        exact_waves(re, im, cosine, sine, Int32(columns), Int32(width), Int32(height), &waves)
        // Waves of strength 1 add up to a spread of sqrt(count / 2).
        let scale = 32 / (Float(key.waves.count) / 2).squareRoot()
        return waves.map { Int8(max(-127, min(127, ($0 * scale).rounded()))) }
    }
}
