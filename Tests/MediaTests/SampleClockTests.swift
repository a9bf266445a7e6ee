import Foundation
import Media
import Testing

/// Samples of a device whose clock is not ours.
@Suite struct SampleClockTests {
    private static let ms = 1_000_000.0

    /// Blocks of 20 ms of a tone, from a card that is so much faster than the machine; its times jitter.
    private func play(_ clock: inout SampleClock, seconds: Int, speed: Double) -> [(captured: Double, first: Int, block: [Int16])] {
        (0..<50 * seconds).map { number in
            let jitter = Double(number * 7919 % 5 - 2) * Self.ms / 2
            let captured = Double(number) * 20 * Self.ms / speed + jitter
            let samples = (0..<960).flatMap { index -> [Int16] in
                let value = 10_000 * sin(2 * .pi * 500 * Double(number * 960 + index) / 48_000)
                return [Int16(value), Int16(value)]
            }
            let (first, block) = clock.number(samples, captured: Int64(captured))
            return (captured, first, block)
        }
    }

    @Test(arguments: [1, 1.0003, 0.9997])
    func `numbers follow the machine's clock, and leave no gap`(speed: Double) {
        var clock = SampleClock(rate: 48_000, channels: 2)

        let blocks = play(&clock, seconds: 120, speed: speed)

        for (block, next) in zip(blocks, blocks.dropFirst()) {
            #expect(next.first == block.first + block.block.count / 2)
        }
        // Without following, 36 ms in two minutes.
        let off = blocks.map { abs($0.captured / Self.ms - Double($0.first) / 48) }
        #expect(off.max()! < 6, "\(off.max()!)")
        let changed = blocks.filter { $0.block.count != 1920 }
        #expect(speed == 1 ? changed.isEmpty : changed.count > 1000)
        // No click: no step is larger than the tone's own.
        let samples = blocks.flatMap(\.block)
        let steps = zip(samples, samples.dropFirst(2)).map { abs(Int($0) - Int($1)) }
        #expect(steps.max()! < 1400, "\(steps.max()!)")
    }

    @Test func `samples that were lost leave a gap of their length`() {
        var clock = SampleClock(rate: 48_000, channels: 1)
        let block = [Int16](repeating: 1, count: 480)

        let firsts = [0, 10, 510, 520].map { clock.number(block, captured: $0 * 1_000_000).first }

        #expect(firsts == [0, 480, 24_480, 24_960])
    }
}
