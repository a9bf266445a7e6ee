import Foundation
import Media
import Tensors
import Testing

@Suite struct FilmComparisonTests {
    private let folder = TestFolder()

    private func picture(_ value: UInt8, width: Int = 16, named name: String) throws -> String {
        try ImageWriter.write(
            Tensor<UInt8>(repeating: value, shape: [1, 8, width, 3]), to: folder.file(name))
        return folder.file(name)
    }

    @Test func `a difference of one in every byte is 48 dB`() throws {
        let found = try FilmComparison(picture(7, named: "a.png"), picture(8, named: "b.png"))

        #expect(found.squaredErrors == [1])
        #expect(abs(found.decibels - 48.1308) < 1e-4)
        #expect(found.worst?.frame == 0)
        #expect(found.longer == nil)
    }

    @Test func `a picture is identical to itself`() throws {
        let path = try picture(7, named: "a.png")

        let found = try FilmComparison(path, path)

        #expect(found.squaredErrors == [0])
        #expect(found.decibels == .infinity)
    }

    @Test func `the sum is right where pieces of it would not fit 32 bits`() {
        let shape = [1, 300, 301, 3]
        let black = Tensor<UInt8>(repeating: 0, shape: shape)
        let white = Tensor<UInt8>(repeating: 255, shape: shape)

        #expect(FilmComparison.squaredError(black, white) == 65025)
    }

    @Test func `pictures of different sizes cannot be compared`() throws {
        let (one, two) = (
            try picture(7, named: "a.png"), try picture(7, width: 24, named: "b.png")
        )

        let error = #expect(throws: FilmComparison.SizesDiffer.self) {
            try FilmComparison(one, two)
        }
        #expect(
            error?.description == "\(one) has pictures of 16x8 and \(two) of 24x8: only pictures "
                + "of one size can be compared")
    }

    @Test func `films are compared up to the end of the shorter one, or to a limit`() throws {
        for (name, frames) in [("short.mp4", 3), ("long.mp4", 5)] {
            let writer = try VideoWriter(path: folder.file(name))
            for index in 0..<frames {
                try writer.write(
                    Sample.frame(red: UInt8(40 * index)),
                    presentation: Int64(index) * 40 * Sample.millisecond,
                    duration: 40 * Sample.millisecond)
            }
            try writer.finish()
        }

        let whole = try FilmComparison(folder.file("short.mp4"), folder.file("long.mp4"))
        let limited = try FilmComparison(
            folder.file("short.mp4"), folder.file("long.mp4"), limit: 2)

        #expect(whole.squaredErrors.count == 3)
        #expect(whole.longer == folder.file("long.mp4"))
        #expect(whole.decibels > 35)
        #expect(limited.squaredErrors.count == 2)
        #expect(limited.longer == nil)
    }

    @Test func `a file that is neither film nor picture is named`() throws {
        let text = folder.write("hello", "a.txt")

        #expect(throws: MediaError.self) { try FilmComparison(text, text) }
    }
}
