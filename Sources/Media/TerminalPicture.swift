import Tensors

/// Draws a frame in a terminal that knows 24-bit colours: each character is two pixels above each other, an
/// upper half block in one colour on a ground of the other. Pure.
package struct TerminalPicture {
    /// Columns and rows of characters.
    package let columns: Int, rows: Int

    /// The largest picture of a frame's proportions that goes into so many columns and rows.
    package init(frame: [Int], columns: Int, rows: Int) {
        let (height, width) = (max(frame[1], 1), max(frame[2], 1))
        let scale = min(Double(columns) / Double(width), Double(2 * rows) / Double(height))
        self.columns = max(min(Int(Double(width) * scale), columns), 1)
        self.rows = max(min(Int((Double(height) * scale / 2).rounded()), rows), 1)
    }

    /// The first frame of `[n, h, w, 3]` RGB as text: at the top left of the screen, after which the cursor is
    /// where it was.
    package func text(_ frame: Tensor<UInt8>) -> String {
        let (height, width) = (frame.shape[1], frame.shape[2])
        var text = "\u{1b}7"
        for row in 0..<rows {
            text += "\u{1b}[\(row + 1);1H"
            for column in 0..<columns {
                let x = (2 * column + 1) * width / (2 * columns)
                let (top, bottom) = (4 * row + 1, 4 * row + 3)
                let above = pixel(frame, x, top * height / (4 * rows), width)
                let below = pixel(frame, x, bottom * height / (4 * rows), width)
                text += "\u{1b}[38;2;\(above)m\u{1b}[48;2;\(below)m▀"
            }
            text += "\u{1b}[0m"
        }
        return text + "\u{1b}8"
    }

    private func pixel(_ frame: Tensor<UInt8>, _ x: Int, _ y: Int, _ width: Int) -> String {
        let at = frame.pointer + 3 * (y * width + x)
        return "\(at[0]);\(at[1]);\(at[2])"
    }
}
