import Media
import Testing

@Suite struct FilmClockTests {
    private static let ms: Int64 = 1_000_000
    private static let frame: Int64 = 40_000_000

    /// Continuous times of pictures at these times of the file, all in milliseconds.
    private func times(_ file: [Int64], breaksOften: Bool = true) -> [Int64] {
        var clock = FilmClock(breaksOften: breaksOften)
        return file.map { time in
            time + clock.shift(ofPictures: time * Self.ms, lasting: Self.frame) / Self.ms
        }
    }

    @Test(
        arguments: [
            ("an even clock", [0, 40, 80], [0, 40, 80]),
            ("one that begins below 0", [-80, -40, 0, 40], [-80, -40, 0, 40]),
            ("one that begins anew", [1_000, 1_040, 0, 40], [1_000, 1_040, 1_080, 1_120]),
            (
                "one that begins anew twice", [0, 40, 80, 120, 0, 40, 80, 0],
                [0, 40, 80, 120, 160, 200, 240, 280]
            ),
            ("one that falls below 0", [500, 540, -200, -160], [500, 540, 580, 620]),
            ("one that jumps by hours", [0, 40, 7_200_000, 7_200_040], [0, 40, 80, 120]),
            (
                "one that wraps around 33 bits", [95_443_600, 95_443_640, 0, 40],
                [95_443_600, 95_443_640, 95_443_680, 95_443_720]
            ),
            (
                "one packet with a wrong time", [0, 40, 50_000_000, 120, 160],
                [0, 40, 80, 120, 160]
            ),
            ("a pause of some seconds", [0, 40, 6_000, 6_040], [0, 40, 6_000, 6_040]),
            ("a step back by a frame's rounding", [0, 40, 79, 120], [0, 40, 79, 120]),
        ] as [(String, [Int64], [Int64])])
    func `pictures go on where they were`(clock: String, file: [Int64], expected: [Int64]) {
        #expect(times(file) == expected, "\(clock)")
    }

    @Test func `outside of broadcasts a picture may stand for minutes`() {
        #expect(times([0, 40, 600_000], breaksOften: false) == [0, 40, 600_000])
        #expect(times([0, 40, 7_200_000], breaksOften: false) == [0, 40, 80])
    }

    @Test func `sound that begins anew before the pictures waits for their shift`() {
        var clock = FilmClock(breaksOften: true)
        for time: Int64 in [0, 40] {
            _ = clock.shift(ofPictures: time * Self.ms, lasting: Self.frame)
        }
        let before = clock.soundPart(at: 0, lasting: 100 * Self.ms)
        let after = clock.soundPart(at: -500 * Self.ms, lasting: 100 * Self.ms)

        #expect(clock.shift(ofSoundPart: before) == 0)
        #expect(clock.shift(ofSoundPart: after) == nil)
        #expect(clock.finalShift(ofSoundPart: after) == 600 * Self.ms)

        let shift = clock.shift(ofPictures: -500 * Self.ms, lasting: Self.frame)
        #expect(shift == 580 * Self.ms)
        #expect(clock.shift(ofSoundPart: after) == shift)
    }

    @Test func `sound that begins anew after the pictures has their shift`() {
        var clock = FilmClock(breaksOften: true)
        _ = clock.soundPart(at: 0, lasting: 100 * Self.ms)
        for time: Int64 in [0, 40] {
            _ = clock.shift(ofPictures: time * Self.ms, lasting: Self.frame)
        }
        let shift = clock.shift(ofPictures: -500 * Self.ms, lasting: Self.frame)

        let part = clock.soundPart(at: -500 * Self.ms, lasting: 100 * Self.ms)

        #expect(clock.shift(ofSoundPart: part) == shift)
    }

    @Test func `sound alone that begins anew is waited for no longer than a second`() {
        var clock = FilmClock(breaksOften: true)
        _ = clock.soundPart(at: 0, lasting: 100 * Self.ms)
        let part = clock.soundPart(at: -500 * Self.ms, lasting: 100 * Self.ms)

        var waited = 0
        for time in stride(from: Int64(0), to: 3_000, by: 40)
        where clock.shift(ofSoundPart: part) == nil {
            _ = clock.shift(ofPictures: time * Self.ms, lasting: Self.frame)
            waited += 1
        }

        #expect(clock.shift(ofSoundPart: part) == 600 * Self.ms)
        #expect((20...40).contains(waited))
    }
}
