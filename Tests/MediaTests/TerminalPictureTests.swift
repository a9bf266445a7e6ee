import Media
import Testing

@Suite struct TerminalPictureTests {
    @Test func `two pixels are a character, and the cursor stays`() {
        let picture = TerminalPicture(frame: [1, 2, 2, 3], columns: 2, rows: 24)

        #expect([picture.columns, picture.rows] == [2, 1])
        // Red and green above, white and blue below, as Sample.corners has them.
        #expect(
            picture.text(Sample.corners(width: 2, height: 2))
                == "\u{1b}7\u{1b}[1;1H"
                + "\u{1b}[38;2;255;0;0m\u{1b}[48;2;255;255;255m▀"
                + "\u{1b}[38;2;0;255;0m\u{1b}[48;2;0;0;255m▀"
                + "\u{1b}[0m\u{1b}8")
    }

    @Test(arguments: [
        ([1, 512, 512, 3], 80, 23, 46, 23), ([1, 100, 400, 3], 80, 23, 80, 10),
        ([1, 400, 100, 3], 80, 23, 11, 23), ([1, 1, 1, 3], 1, 1, 1, 1),
    ])
    func `a picture keeps its proportions`(
        frame: [Int], columns: Int, rows: Int, width: Int, height: Int
    ) {
        let picture = TerminalPicture(frame: frame, columns: columns, rows: rows)

        #expect([picture.columns, picture.rows] == [width, height])
    }
}
