import Tensors
import Testing

@testable import Marks

struct FrameMarksTests {
    private static let second: Int64 = 1_000_000_000

    @Test func `another process makes the same pictures from any frame on`() {
        let options = MarkOptions().forRun("run/film")
        let (first, second) = (FrameMarks(options), FrameMarks(options))
        let picture = SamplePicture.photo(width: 256, height: 192)

        _ = first.apply(to: picture, at: 0)
        for time in [2 * Self.second, 4 * Self.second, 31 * Self.second] {
            #expect(
                first.apply(to: picture, at: time).array
                    == second.apply(to: picture, at: time).array)
        }
    }

    @Test func `the node's frame stays as it is`() {
        let picture = SamplePicture.photo(width: 256, height: 192)
        let before = picture.array

        _ = FrameMarks(MarkOptions()).apply(to: picture, at: 0)
        _ = FrameMarks(MarkOptions(payload: nil)).apply(to: picture, at: 0)

        #expect(picture.array == before)
    }

    @Test func `without marks it is the same frame`() {
        let picture = SamplePicture.flat(9)

        #expect(FrameMarks(.none).apply(to: picture, at: 0).array == picture.array)
    }

    @Test func `runs have marks of their own`() {
        func payload(_ owner: String) -> WatermarkPayload? { MarkOptions().forRun(owner).payload }

        #expect(payload("a/film") != payload("b/film"))
        #expect(payload("a/film") == payload("a/stream"))
        #expect(MarkOptions().forRun(nil) == MarkOptions())
        #expect(MarkOptions.none.forRun("a") == .none)
    }

    @Test func `a frame of another size is marked for its own size`() {
        let marks = FrameMarks(MarkOptions(sign: nil))
        _ = marks.apply(to: SamplePicture.photo(width: 256, height: 256), at: 0)
        let other = SamplePicture.photo(width: 320, height: 256)

        #expect(
            marks.apply(to: other, at: 0).array
                == FrameMarks(MarkOptions(sign: nil)).apply(to: other, at: 0).array)
    }
}
