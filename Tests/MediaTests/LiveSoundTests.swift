import Media
import Testing

/// Sound of a live stream: one form for all of it, each packet at the time of its capture.
@Suite struct LiveSoundTests {
    private static let ms: Int64 = 1_000_000

    /// Gives uncompressed sound in packets of 20 ms.
    ///
    /// - Parameter begin: when it was captured, and what its source says of that, ms.
    private func give(
        _ sound: LiveSound, from begin: (captured: Int64, own: Int64), packets: Int, rate: Int = 48_000,
        channels: Int = 2
    ) throws {
        let count = rate / 50
        for number in 0..<packets {
            let samples = (0..<count * channels).map { Int16(($0 * 37) % 2000) }
            try sound.add(
                AudioPacket(
                    samples: samples, sampleRate: rate, channels: channels,
                    first: Int(begin.own) * rate / 1000 + number * count),
                captured: (begin.captured + Int64(number) * 20) * Self.ms)
        }
    }

    @Test func `sound after a gap is not early by the gap`() throws {
        let sound = LiveSound(name: "test")

        try give(sound, from: (0, 0), packets: 50)
        try give(sound, from: (2_000, 2_000), packets: 50)

        let times = sound.take(until: .max, origin: 0).map { $0.presentationNanoseconds / Self.ms }
        // The encoder still holds the last three packets or four.
        #expect(times.count > 80)
        #expect(times.allSatisfy { !(1_010..<1_970).contains($0) }, "\(times)")
        #expect((2_900...3_000).contains(times.last!), "\(times)")
    }

    @Test func `another source's sound goes on in the form of the first`() throws {
        let sound = LiveSound(name: "test")

        try give(sound, from: (0, 0), packets: 50)
        try give(sound, from: (1_000, 77_000), packets: 50, rate: 44_100, channels: 1)
        try give(sound, from: (2_000, 0), packets: 50, rate: 16_000, channels: 2)

        let packets = sound.take(until: .max, origin: 0)
        let times = packets.map { $0.presentationNanoseconds / Self.ms }
        #expect(Set(packets.map(\.format.codec)) == ["aac"])
        #expect(packets.allSatisfy { $0.format == packets[0].format })
        #expect(packets[0].format.sampleRate == 48_000 && packets[0].format.layout == "stereo")
        // No gap is longer than what an encoder takes to begin.
        #expect(zip(times, times.dropFirst()).allSatisfy { $1 - $0 <= 64 }, "\(times)")
        #expect((2_900...3_000).contains(times.last!), "\(times)")
    }

    @Test func `while nothing comes there is silence, and none beside sound that comes`() throws {
        let sound = LiveSound(name: "test")
        let now = MonotonicClock.now
        try give(sound, from: (0, 0), packets: 10)

        try sound.fill(until: 1_000 * Self.ms, at: now + 500 * Self.ms)
        let early = sound.take(until: .max, origin: 0).count
        try sound.fill(until: 2_000 * Self.ms, at: now + 1_500 * Self.ms)
        try sound.fill(until: 2_040 * Self.ms, at: now + 1_540 * Self.ms)

        // Sound is back, whose source counts from its own start.
        try give(sound, from: (2_050, 0), packets: 25)

        let times = sound.take(until: 2_600 * Self.ms, origin: 0).map { $0.presentationNanoseconds / Self.ms }
        #expect(early <= 10)
        #expect(times.first! < 300 && times.last! > 2_450, "\(times)")
        #expect(zip(times, times.dropFirst()).allSatisfy { $1 - $0 <= 64 }, "\(times)")
    }
}
