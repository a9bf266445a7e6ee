import Testing

@testable import Evaluation

@Suite struct FollowingDelayTests {
    @Test(arguments: [0, 7, 23, -4])
    func `a result that is late by some frames is found to be`(frames: Int) throws {
        let result = MadeFaces.film("result.mp4", late: Double(frames) * 0.04)

        let delay = FollowingDelay(result, after: MadeFaces.film())

        #expect(delay.best?.frames == frames)
        #expect(try #require(delay.best).correlation > 0.99)
        #expect(delay.nanoseconds == Int64(frames) * 40_000_000)
    }

    @Test func `films of other rates are compared by time`() throws {
        let result = MadeFaces.film("result.mp4", late: 0.28)

        let delay = FollowingDelay(result, after: MadeFaces.film(rate: 30))

        #expect(delay.best?.frames == 7)
    }

    @Test
    func
        `a result that moves a third as far, and with a face missing now and then, is late all the same`()
    {
        let result = MadeFaces.film("result.mp4", late: 0.28, share: 0.33) {
            $0 % 10 == 3 ? nil : $1
        }

        #expect(FollowingDelay(result, after: MadeFaces.film()).best?.frames == 7)
    }

    @Test(arguments: [7, 8, 9] as [UInt64])
    func `films that have nothing to do with each other have no delay`(seed: UInt64) {
        let delay = FollowingDelay(MadeFaces.film(seed: seed), after: MadeFaces.film())

        #expect(delay.best == nil && delay.frames == 0)
    }

    @Test func `a still picture has no delay`() {
        let delay = FollowingDelay(MadeFaces.film(share: 0), after: MadeFaces.film())

        #expect(delay.best == nil)
    }

    @Test func `partners are the frames that are shown at the nearest times`() {
        let pairing = FramePairing(
            [0, 40, 80, 120, 160], with: [0, 33, 67, 100], delay: 40, tolerance: 20)

        #expect(
            pairing.pairs == [
                .init(result: 1, other: 0), .init(result: 2, other: 1), .init(result: 3, other: 2),
                .init(result: 4, other: 3),
            ])
        #expect(FramePairing([0, 40], with: [], delay: 0, tolerance: 20).pairs.isEmpty)
    }
}
