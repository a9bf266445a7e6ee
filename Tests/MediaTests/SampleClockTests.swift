import Foundation
import Media
import Testing

/// Samples of a device whose clock is not ours.
@Suite struct SampleClockTests {
    private static let ms = 1_000_000.0

    /// 20 ms of a tone of 500 Hz, which are ten of its periods.
    private static let tone = (0..<960).flatMap { index -> [Int16] in
        let value = Int16(10_000 * sin(2 * .pi * 500 * Double(index) / 48_000))
        return [value, value]
    }

    @Test(arguments: [1, 1.0003, 0.9997])
    func `numbers follow the machine's clock, and leave no gap`(speed: Double) {
        var clock = SampleClock(rate: 48_000, channels: 2)
        var (off, changed, step, gaps, next, last) = (0.0, 0, 0, 0, 0, Int16(0))

        // Two minutes; what the card says of its times jitters by a millisecond.
        for number in 0..<6000 {
            let jitter = Double(number * 7919 % 5 - 2) * Self.ms / 2
            let captured = Double(number) * 20 * Self.ms / speed + jitter
            let (first, block) = clock.number(Self.tone, captured: Int64(captured))
            off = max(off, abs(captured / Self.ms - Double(first) / 48))
            gaps += first == next ? 0 : 1
            next = first + block.count / 2
            changed += block.count == Self.tone.count ? 0 : 1
            for index in stride(from: 0, to: block.count, by: 2) {
                step = max(step, abs(Int(block[index]) - Int(last)))
                last = block[index]
            }
        }

        // Without following, 36 ms.
        #expect(off < 6)
        #expect(gaps == 0)
        #expect(speed == 1 ? changed == 0 : changed > 1000)
        // No click: no step is larger than the tone's own, 654.
        #expect(step < 700)
    }

    @Test func `samples that were lost leave a gap of their length`() {
        var clock = SampleClock(rate: 48_000, channels: 1)
        let block = [Int16](repeating: 1, count: 480)

        let firsts = [0, 10, 510, 520].map { clock.number(block, captured: $0 * 1_000_000).first }

        #expect(firsts == [0, 480, 24_480, 24_960])
    }
}
