import Networks
import Tensors
import Testing

@Suite struct PortraitPictureTests {
    @Test(arguments: [(1, 1), (1, 9), (37, 5), (128, 128), (1, 30000)])
    func `a portrait of any size becomes what the networks want`(height: Int, width: Int) {
        let picture = SyntheticStream.image("odd", height: height, width: width, cells: 3)

        let portrait = PortraitPicture(picture.reshaped([1, height, width, 3]), .mini)

        #expect(portrait.square.shape == [1, 128, 128, 3])
        #expect(portrait.autoencoderInput.shape == [1, 128, 128, 3])
        #expect(portrait.extractorInput.shape == [1, 64, 64, 3])
        #expect(portrait.imageEncoderInput.shape == [1, 56, 56, 3])
        #expect(portrait.extractorInput.array.allSatisfy { (0...1).contains($0) })
    }

    @Test func `frames at twice the extractor's size are averaged two by two, bit for bit`() {
        let frame = SyntheticStream.image("frame", height: 128, width: 128, cells: 30)

        let input = DrivingFrames.extractorInput(frame.reshaped([1, 128, 128, 3]), size: 64)

        let values = frame.array.map { Float($0) / 255 * 2 - 1 }
        let at = { (y: Int, x: Int) in values[(y * 128 + x) * 3] }
        for (y, x) in [(0, 0), (31, 17), (63, 63)] {
            let sum =
                (at(2 * y, 2 * x) + at(2 * y, 2 * x + 1))
                + (at(2 * y + 1, 2 * x) + at(2 * y + 1, 2 * x + 1))
            #expect(input.array[(y * 64 + x) * 3] == sum / 4 / 2 + 0.5)
        }
    }
}
