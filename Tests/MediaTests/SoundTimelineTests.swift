import Media
import Testing

@Suite struct SoundTimelineTests {
    /// Packets of 20 ms.
    private func packet(_ number: Int) -> AudioPacket {
        AudioPacket(
            samples: [Int16](repeating: 0, count: 960), sampleRate: 48_000, channels: 1,
            first: number * 960)
    }

    private static let ms: Int64 = 1_000_000

    @Test func `sound waits for the picture of its time`() {
        var line = SoundTimeline()
        for number in 0..<10 {
            line.add(packet(number), captured: 1000 * Self.ms + Int64(number) * 20 * Self.ms)
        }

        #expect(line.take(until: 999 * Self.ms).isEmpty)
        #expect(line.take(until: 1040 * Self.ms).count == 3)
        #expect(line.take(until: 1041 * Self.ms).isEmpty)
        #expect(line.take(until: 1200 * Self.ms).count == 7)
        #expect(line.isEmpty)
    }

    @Test
    func `what a source says of the capture jitters, and samples follow each other all the same`() {
        var line = SoundTimeline()
        let jitter: [Int64] = [0, 7, -6, 3, 12, -9, 5, 0, -4, 8]
        for number in 0..<50 {
            line.add(
                packet(number),
                captured: (5000 + Int64(number) * 20 + jitter[number % 10]) * Self.ms)
        }

        let times = line.take(until: .max).map(\.captured)

        #expect(zip(times, times.dropFirst()).allSatisfy { $1 - $0 == 20 * Self.ms })
        #expect(times[0] == 5000 * Self.ms)
        #expect(line.jumps == 0)
    }

    @Test func `a clock that is off for good is found anew, once`() {
        var line = SoundTimeline()
        for number in 0..<200 {
            let late: Int64 = number < 50 ? 0 : 300
            line.add(packet(number), captured: (Int64(number) * 20 + late) * Self.ms)
        }

        let last = line.take(until: .max).last!

        #expect(last.captured == (199 * 20 + 300) * Self.ms)
        #expect(line.jumps == 1)
    }

    @Test func `sound without pictures is held for ten seconds`() {
        var line = SoundTimeline()
        for number in 0..<600 { line.add(packet(number), captured: Int64(number) * 20 * Self.ms) }

        #expect(line.take(until: .max).count == 501)
        #expect(line.droppedCount == 99)
    }
}
