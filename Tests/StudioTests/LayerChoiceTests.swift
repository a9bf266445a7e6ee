import Testing

@testable import Studio

/// Which video a page is sent.
@Suite struct LayerChoiceTests {
    private let start = ContinuousClock.now

    /// The layer after pictures at these seconds; those at `cuts` found the way behind.
    private func layer(
        _ layer: PictureLayer = .video, cuts: Set<Int>, until end: Int
    ) -> PictureLayer {
        var choice = LayerChoice(layer)
        for second in 0...end {
            choice.note(isCut: cuts.contains(second), at: start + .seconds(second))
        }
        return choice.layer
    }

    @Test func `one cut is a hiccup, and two close together are a slow way`() {
        #expect(layer(cuts: [], until: 9) == .video)
        #expect(layer(cuts: [3], until: 9) == .video)
        #expect(layer(cuts: [3, 8], until: 9) == .video)
        #expect(layer(cuts: [3, 5], until: 9) == .small)
    }

    @Test func `a way that has become quick gets the larger video again`() {
        #expect(layer(cuts: [3, 5], until: 20) == .small)
        #expect(layer(cuts: [3, 5], until: 21) == .video)
        #expect(layer(cuts: [3, 5, 10], until: 25) == .small, "the pause begins with the last cut")
        #expect(layer(cuts: [3, 5, 10], until: 26) == .video)
    }

    @Test func `each try that fails doubles the pause`() {
        // Tried again at 21, and cut at once.
        #expect(layer(cuts: [3, 5, 22], until: 22) == .small)
        #expect(layer(cuts: [3, 5, 22], until: 52) == .small)
        #expect(layer(cuts: [3, 5, 22], until: 53) == .video)
    }

    @Test func `a page that decodes no video gets none`() {
        #expect(layer(.jpeg, cuts: [1, 2, 3], until: 99) == .jpeg)
    }
}
