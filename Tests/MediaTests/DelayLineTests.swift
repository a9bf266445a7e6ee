import Foundation
import Media
import Testing

/// Sound that is played late: where it is, how fast it follows, and where it jumps.
@Suite struct DelayLineTests {
    private static let rate = 48_000, ms: Int64 = 1_000_000

    /// A tone of 500 Hz in two channels, silent in every other half second where that is wanted.
    private func tone(_ first: Int, _ count: Int, pauses: Bool = false) -> [Int16] {
        (first..<first + count).flatMap { number -> [Int16] in
            let isPause = pauses && number % Self.rate >= Self.rate / 2
            let value = isPause ? 0 : 10_000 * sin(2 * .pi * 500 * Double(number) / Double(Self.rate))
            return [Int16(value.rounded()), Int16(value.rounded())]
        }
    }

    /// Plays for so many blocks of 10 ms; sound comes in as it is played.
    private func play(
        _ line: inout DelayLine, from block: Int, blocks: Int, delay: Int64, pauses: Bool = false,
        speed: Double = 1
    ) -> [Int16] {
        (block..<block + blocks).flatMap { number -> [Int16] in
            let time = Int64(number) * 10 * Self.ms
            line.add(
                tone(number * 480, 480, pauses: pauses), captured: Int64(Double(time) * speed))
            return line.take(480, at: time, delay: delay)
        }
    }

    @Test func `what is played is what was captured, a delay later`() {
        var line = DelayLine(rate: Self.rate, channels: 2, limit: 2_000 * Self.ms)

        let played = play(&line, from: 0, blocks: 100, delay: 200 * Self.ms)

        // 20 blocks of silence, then the tone from its beginning.
        #expect(played.prefix(20 * 960).allSatisfy { $0 == 0 })
        let (found, wanted) = (played[21 * 960..<100 * 960], tone(480, 79 * 480))
        #expect(zip(found, wanted).allSatisfy { abs(Int($0) - Int($1)) <= 1 })
        #expect(line.error == 0 && line.jumps == 0)
    }

    @Test func `a delay that grows is followed by half a percent at most, without a jump`() {
        var line = DelayLine(rate: Self.rate, channels: 2, limit: 2_000 * Self.ms)
        _ = play(&line, from: 0, blocks: 100, delay: 200 * Self.ms)

        var errors: [Int64] = []
        for second in 1...20 {
            let played = play(&line, from: 100 * second, blocks: 100, delay: 250 * Self.ms)
            errors.append(line.error)
            // No sample is further from the next than in a tone that is half a percent higher.
            let steps = zip(played, played.dropFirst(2)).map { abs(Int($0) - Int($1)) }
            #expect(steps.max()! <= Int(10_000 * 2 * .pi * 502.5 / Double(Self.rate)) + 2)
        }

        #expect(line.jumps == 0)
        // 50 ms at 5 ms in a second.
        #expect((-46 * Self.ms ... -44 * Self.ms).contains(errors[0]), "\(errors)")
        #expect((-26 * Self.ms ... -24 * Self.ms).contains(errors[4]), "\(errors)")
        #expect(errors[19].magnitude < UInt64(Self.ms), "\(errors)")
    }

    @Test func `where it is silent it jumps`() {
        var line = DelayLine(rate: Self.rate, channels: 2, limit: 2_000 * Self.ms)
        _ = play(&line, from: 0, blocks: 100, delay: 200 * Self.ms, pauses: true)

        _ = play(&line, from: 100, blocks: 100, delay: 300 * Self.ms, pauses: true)

        #expect(line.jumps == 1)
        #expect(line.error.magnitude < UInt64(Self.ms))
    }

    @Test func `where nothing is there to be played it jumps, also into sound that is never silent`() {
        var line = DelayLine(rate: Self.rate, channels: 2, limit: 2_000 * Self.ms)
        // Sound comes 50 ms after its capture: without a delay there is none yet.
        func play(_ block: Int, delay: Int64) -> [Int16] {
            let time = Int64(block) * 10 * Self.ms
            line.add(tone(block * 480, 480), captured: time - 50 * Self.ms)
            return line.take(480, at: time, delay: delay)
        }

        let early = (0..<100).flatMap { play($0, delay: 0) }
        let late = (100..<103).flatMap { play($0, delay: 200 * Self.ms) }

        #expect(early.allSatisfy { $0 == 0 })
        #expect(late.prefix(960).contains { $0.magnitude > 9_000 })
        #expect(line.jumps == 1)
        #expect(line.error.magnitude < UInt64(Self.ms))
    }

    @Test func `a source whose clock is fast is followed`() {
        var line = DelayLine(rate: Self.rate, channels: 2, limit: 2_000 * Self.ms)

        // 0.03 %: a cheap sound card. Without following, 18 ms in a minute.
        let played = play(&line, from: 0, blocks: 6000, delay: 200 * Self.ms, speed: 1.0003)

        #expect(line.jumps == 0)
        #expect(line.error.magnitude < UInt64(2 * Self.ms), "\(line.error)")
        #expect(played.suffix(960).contains { $0.magnitude > 9_000 })
    }

    @Test func `sound that is missing is silence, and what comes after is in its place`() {
        var line = DelayLine(rate: Self.rate, channels: 2, limit: 2_000 * Self.ms)
        line.add(tone(0, 4800), captured: 0)
        line.add(tone(9600, 4800), captured: 200 * Self.ms)

        let played = line.take(14_400, at: 0, delay: 0)

        let middle = played[4810 * 2..<9590 * 2]
        #expect(middle.allSatisfy { $0 == 0 })
        #expect(zip(played[9610 * 2..<14_000 * 2], tone(9610, 4390)).allSatisfy { abs(Int($0) - Int($1)) <= 1 })
    }

    @Test func `no more is held than the limit, and what is not there is silence`() {
        var line = DelayLine(rate: Self.rate, channels: 2, limit: 500 * Self.ms)
        for number in 0..<300 {
            line.add(tone(number * 480, 480), captured: Int64(number) * 10 * Self.ms)
        }

        #expect(line.take(480, at: 3_000 * Self.ms, delay: 2_900 * Self.ms).allSatisfy { $0 == 0 })
        var empty = DelayLine(rate: Self.rate, channels: 2, limit: 500 * Self.ms)
        #expect(empty.take(10, at: 0, delay: 0) == [Int16](repeating: 0, count: 20))
    }
}
