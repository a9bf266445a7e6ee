import Testing

@testable import Wire

/// Which frames have ended in a node that sends nothing for them.
@Suite struct UnansweredFramesTests {
    /// One call of a node: for which frame, what it answered, and what has ended then.
    private struct Call {
        let frame: UInt64?
        let answered: [UInt64]
        let ended: [UInt64]
    }

    private func expect(_ calls: [Call], holdsFrames: Bool) {
        var frames = UnansweredFrames(holdsFrames: holdsFrames)
        for call in calls {
            #expect(frames.tick(call.frame, answered: call.answered) == call.ended, "\(call)")
        }
    }

    @Test func `a node that keeps nothing to itself ends what it does not answer at once`() {
        expect(
            [
                Call(frame: 0, answered: [0], ended: []),
                Call(frame: 1, answered: [], ended: [1]),
                Call(frame: 5, answered: [5], ended: []),
                Call(frame: nil, answered: [], ended: []),
            ], holdsFrames: false)
    }

    @Test
    func `a node with a window answers later, and what it has not answered at its end has ended`() {
        expect(
            [
                Call(frame: 0, answered: [], ended: []),
                Call(frame: 1, answered: [], ended: []),
                Call(frame: 2, answered: [0], ended: []),
                Call(frame: nil, answered: [1], ended: [2]),
            ], holdsFrames: true)
    }
}
