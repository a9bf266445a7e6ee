import Tensors

/// The sign that people see: a short text in a corner, for three seconds at the beginning and for two
/// every thirty.
///
/// It depends on nothing but the frame and its time, so that a process that goes on for another makes the
/// same pictures.
package struct VisibleSign: Equatable, Sendable {
    package enum Corner: String, CaseIterable, Sendable {
        case topLeft = "top-left", topRight = "top-right"
        case bottomLeft = "bottom-left", bottomRight = "bottom-right"

        var isLeft: Bool { self == .topLeft || self == .bottomLeft }
        var isTop: Bool { self == .topLeft || self == .topRight }
    }

    package var text = "AI"
    package var corner = Corner.topRight

    package init() {}

    /// Longer texts would not fit into a narrow picture.
    package static let mostLetters = 24

    /// Letters of a text that a sign cannot show.
    package static func unknownLetters(in text: String) -> [Character] {
        text.filter { !SignFont.hasGlyph(for: $0) }
    }

    private static let second: Int64 = 1_000_000_000

    /// Whether a frame that is shown from this time on, nanoseconds from the film's start, has the sign.
    package static func isDue(at presentation: Int64) -> Bool {
        let time = max(presentation, 0)
        return time < 3 * second || time % (30 * second) < 2 * second
    }

    /// Draws the sign into the picture `[1, h, w, 3]`: white letters, and what is behind them made so dark
    /// that the contrast is 4.5 to 1 at least (WCAG 2.2, 1.4.3).
    package func draw(into frame: Tensor<UInt8>) {
        let (height, width) = (frame.shape[1], frame.shape[2])
        guard let layout = SignLayout(text, corner, width: width, height: height) else { return }
        let pixels = frame.pointer
        var bright = 0
        for y in layout.rows {
            for x in layout.columns {
                let pixel = pixels + 3 * (y * width + x)
                bright += (77 * Int(pixel[0]) + 150 * Int(pixel[1]) + 29 * Int(pixel[2])) >> 8
            }
        }
        let mean = bright / max(layout.rows.count * layout.columns.count, 1)
        // A grey of 118 has a relative luminance of 0.18. Half as bright again as the mean is allowed for.
        let share = min(218, 118 * 256 * 2 / max(3 * mean, 1))
        for y in layout.rows {
            for x in layout.columns {
                let pixel = pixels + 3 * (y * width + x)
                let isLetter = layout.isLetter(x, y)
                for c in 0..<3 {
                    pixel[c] = isLetter ? 240 : UInt8(min(118, (Int(pixel[c]) * share) >> 8))
                }
            }
        }
    }
}

/// Where a sign's letters and its plate are in a picture.
struct SignLayout {
    let columns: Range<Int>, rows: Range<Int>
    /// Pixels of a dot of a letter.
    private let dot: Double
    private let letters: [[UInt8]]

    /// Nil when the picture is too small for it.
    ///
    /// - Parameters:
    ///   - size: relative to the usual size, which is 1/170 of the shorter side for a dot.
    ///   - shift: of the plate, in dots.
    init?(
        _ text: String, _ corner: VisibleSign.Corner, width: Int, height: Int, size: Double = 1,
        shift: (x: Double, y: Double) = (0, 0)
    ) {
        letters = text.compactMap { SignFont.rows(of: $0) }
        guard !letters.isEmpty else { return nil }
        var dot = Double(min(width, height)) / 170 * size
        // Two dots around the text, one between letters, three to the picture's edge.
        let across = Double(letters.count * (SignFont.width + 1) - 1 + 4)
        let down = Double(SignFont.height + 4)
        // Below one pixel a dot could not be seen; a long text in a narrow picture needs small ones.
        dot = min(max(dot, 1), Double(width) / (across + 6))
        let (plateWidth, plateHeight) = (across * dot, down * dot)
        let left = corner.isLeft ? 3 * dot : Double(width) - 3 * dot - plateWidth
        let top = corner.isTop ? 3 * dot : Double(height) - 3 * dot - plateHeight
        let x = Int((left + shift.x * dot).rounded()), y = Int((top + shift.y * dot).rounded())
        guard x >= 0, y >= 0, x + Int(plateWidth) <= width, y + Int(plateHeight) <= height,
            Int(plateWidth) > 0, Int(plateHeight) > 0
        else { return nil }
        columns = x..<x + Int(plateWidth)
        rows = y..<y + Int(plateHeight)
        self.dot = dot
    }

    func isLetter(_ x: Int, _ y: Int) -> Bool {
        let column = Int((Double(x - columns.lowerBound) + 0.5) / dot - 2)
        let row = Int((Double(y - rows.lowerBound) + 0.5) / dot - 2)
        let isInside =
            Double(x - columns.lowerBound) + 0.5 > 2 * dot
            && Double(y - rows.lowerBound) + 0.5 > 2 * dot
        guard isInside, row < SignFont.height, column < letters.count * (SignFont.width + 1)
        else { return false }
        let (letter, part) = (column / (SignFont.width + 1), column % (SignFont.width + 1))
        return part < SignFont.width
            && letters[letter][row] >> UInt8(SignFont.width - 1 - part) & 1 == 1
    }
}
