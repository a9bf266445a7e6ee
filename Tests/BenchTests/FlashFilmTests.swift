import Testing

@testable import personalive_bench

/// What FFmpeg's detectors print, as flashes and beeps.
@Suite struct FlashFilmTests {
    @Test func `each flash has its beep, and what ends with the film is none`() {
        let reading = FlashFilm.Reading(
            """
            [silencedetect @ 0x1] silence_start: 0.2
            [silencedetect @ 0x1] silence_end: 1.00069 | silence_duration: 0.8
            [blackdetect @ 0x2] black_start:0.2 black_end:1 black_duration:0.8
            [blackdetect @ 0x2] black_start:1.2 black_end:1.96 black_duration:0.8
            [silencedetect @ 0x1] silence_end: 2.02 | silence_duration: 0.8
            frame=  75 fps= 25 q=-0.0 Lsize=N/A time=00:00:02.60 bitrate=N/A speed=1x
            [blackdetect @ 0x2] black_start:2.2 black_end:2.56 black_duration:0.3
            [silencedetect @ 0x1] silence_end: 2.6 | silence_duration: 0.4

            """)

        #expect(reading.flashes == [1, 1.96])
        #expect(reading.beeps == [1.00069, 2.02])
        #expect(reading.offsets.map { ($0 * 10).rounded() / 10 } == [0.7, 60])
    }
}
