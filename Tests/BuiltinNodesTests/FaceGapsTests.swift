import BuiltinNodes
import Testing

@Suite struct FaceGapsTests {
    @Test func `gaps are said one by one, then counted`() {
        var gaps = FaceGaps(), said: [String] = []
        for frame in 0..<40 as Range<UInt64> {
            // A face that comes and goes.
            said += frame % 4 < 2 ? gaps.found(at: frame) : gaps.missed(frame, isHeld: true)
            gaps = FaceGaps(numbers: gaps.numbers)
        }
        said += gaps.end()

        #expect(said.count == 2 * 5 + 2)
        #expect(said[0] == "no face in frame 2: the last pose is held")
        #expect(said[1] == "the face is back at frame 4, after 2 frames without a face")
        #expect(said[9].hasSuffix("; further gaps are counted and said at the end"))
        #expect(
            said.suffix(2) == [
                "2 frames without a face at the end, from frame 38 on",
                "20 frames without a face in all, in 10 gaps",
            ])
    }

    @Test func `a stream without gaps has nothing to be said`() {
        var gaps = FaceGaps()

        #expect(gaps.found(at: 0).isEmpty && gaps.end().isEmpty)
    }
}
