import Tensors

/// A word that is set into a picture's lower left corner, so that people see how it was made.
package enum WordStamp {
    /// Letters of 5 × 7 dots, row by row from the top.
    private static let letters: [Character: [String]] = [
        "A": [" ### ", "#   #", "#   #", "#####", "#   #", "#   #", "#   #"],
        "P": ["#### ", "#   #", "#   #", "#### ", "#    ", "#    ", "#    "],
        "R": ["#### ", "#   #", "#   #", "#### ", "# #  ", "#  # ", "#   #"],
        "W": ["#   #", "#   #", "#   #", "# # #", "# # #", "## ##", "#   #"],
    ]

    /// Sets a word, white on a darkened ground, a thirtieth of the picture high.
    ///
    /// - Parameter picture: `[1, h, w, 3]`; a picture too small for the word is left as it is.
    package static func set(_ word: String, into picture: Tensor<UInt8>) {
        let (height, width) = (picture.shape[1], picture.shape[2])
        let dot = max(height / 210, 1), glyphs = word.map { letters[$0]! }
        let (wide, high) = ((6 * glyphs.count + 3) * dot, 11 * dot)
        let (left, top) = (2 * dot, height - high - 2 * dot)
        guard top >= 0, left + wide <= width else { return }
        for y in 0..<high {
            for x in 0..<wide {
                let (column, row) = (x / dot - 2, y / dot - 2)
                let isInk = (0..<7).contains(row) && column >= 0 && column % 6 < 5
                    && column / 6 < glyphs.count
                    && Array(glyphs[column / 6][row])[column % 6] == "#"
                let pixel = picture.pointer + ((top + y) * width + left + x) * 3
                for k in 0..<3 { pixel[k] = isInk ? 255 : pixel[k] / 3 }
            }
        }
    }
}
