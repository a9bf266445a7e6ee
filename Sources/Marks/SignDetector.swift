import Tensors

/// Looks for the visible sign in the frames in which ours have it.
///
/// It is found in films as they were made, or made larger or smaller as a whole; not in those from which
/// the corner was cut off.
package struct SignDetector {
    /// What is as similar as this is the sign: a correlation of 1 is the very same.
    private static let threshold = 0.75

    private let text: String
    private var sum: [Float] = []
    private var width = 0, height = 0
    private var frames = 0

    package init(text: String = VisibleSign().text) { self.text = text }

    /// Takes a frame `[1, h, w, 3]` with its time; those without a sign are left out.
    package mutating func add(_ frame: Tensor<UInt8>, at presentation: Int64) {
        guard VisibleSign.isDue(at: presentation), frames < 50 else { return }
        if frames == 0 {
            (height, width) = (frame.shape[1], frame.shape[2])
            sum = [Float](repeating: 0, count: width * height)
        }
        guard frame.shape == [1, height, width, 3] else { return }
        frames += 1
        let pixels = frame.pointer
        for index in sum.indices {
            let pixel = pixels + 3 * index
            sum[index] +=
                0.299 * Float(pixel[0]) + 0.587 * Float(pixel[1]) + 0.114 * Float(pixel[2])
        }
    }

    /// The corner with the sign and how similar it is, -1...1; the most similar one when none is found.
    package func finish() -> (corner: VisibleSign.Corner?, similarity: Double) {
        guard frames > 0 else { return (nil, 0) }
        var best = (corner: VisibleSign.Corner.topLeft, similarity: -1.0)
        for corner in VisibleSign.Corner.allCases {
            for size in stride(from: 0.88, through: 1.12, by: 0.03) {
                for y in stride(from: -1.0, through: 1, by: 0.5) {
                    for x in stride(from: -1.0, through: 1, by: 0.5) {
                        guard
                            let layout = SignLayout(
                                text, corner, width: width, height: height, size: size,
                                shift: (x, y))
                        else { continue }
                        let similarity = similarity(to: layout)
                        if similarity > best.similarity { best = (corner, similarity) }
                    }
                }
            }
        }
        return (best.similarity > Self.threshold ? best.corner : nil, best.similarity)
    }

    /// Correlation of luma with the letters over the plate.
    private func similarity(to layout: SignLayout) -> Double {
        var n = 0.0, a = 0.0, aa = 0.0, b = 0.0, ab = 0.0
        for y in layout.rows {
            for x in layout.columns {
                let value = Double(sum[y * width + x])
                n += 1
                a += value
                aa += value * value
                if layout.isLetter(x, y) {
                    b += 1
                    ab += value
                }
            }
        }
        let spread = ((aa - a * a / n) * (b - b * b / n)).squareRoot()
        return spread > 1e-3 * n ? (ab - a * b / n) / spread : 0
    }
}
