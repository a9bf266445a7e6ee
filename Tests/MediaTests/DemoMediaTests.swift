import Media
import Tensors
import Testing

@Suite struct DemoMediaTests {
    private let folder = TestFolder()

    @Test func `a portrait and a film with sound are written into a new folder`() throws {
        let paths = try DemoMedia.write(to: folder.file("a/b"), size: 32, frames: 12)

        let portrait = try ImageReader.read(paths.portrait)
        let film = try Contents(of: paths.driving)

        #expect(portrait.shape == [1, 32, 32, 3])
        #expect(film.frames.count == 12)
        #expect(film.sound.count > 15)
        #expect(film.durations.allSatisfy { $0 == 40 })
    }

    @Test func `the same frame is drawn twice the same, and another moment differently`() {
        let once = DemoMedia.drawFrame(0, size: 64)

        #expect(DemoMedia.drawFrame(0, size: 64).array == once.array)
        #expect(DemoMedia.drawFrame(30, size: 64).array != once.array)
    }

    @Test func `a face of skin stands before a wall`() {
        let picture = DemoMedia.drawPortrait(size: 64)

        func pixel(_ x: Int, _ y: Int) -> [Int] {
            (0..<3).map { Int(picture.pointer[(y * 64 + x) * 3 + $0]) }
        }
        let cheek = pixel(24, 36), wall = pixel(2, 2)
        #expect(cheek[0] > cheek[2] + 30, "\(cheek)")
        #expect(abs(wall[0] - wall[2]) < 20, "\(wall)")
    }
}
