/// Numbers a device's samples by when they were captured.
///
/// A sound card's clock may be 0.03 % faster or slower than the machine's, which is a second in an hour. So a
/// block is made one sample longer or shorter now and then, and the numbers follow the machine's clock. Where
/// samples were lost, the numbers leave a gap. Pure.
package struct SampleClock: Sendable {
    private let rate: Double
    private let channels: Int
    /// When the first sample was captured, nanoseconds, and the number of the next one.
    private var zero: Int64?
    private var next = 0
    /// How much later samples are captured than their numbers say, on average, nanoseconds.
    package private(set) var drift = 0.0

    /// A device's times are a few milliseconds wrong; where they are more than this from the number of
    /// samples that came, some were lost. Nanoseconds.
    private static let largestGap: Int64 = 30_000_000
    /// Drift that is left alone, nanoseconds: what a device says of its times moves by so much.
    private static let tolerance = 2_000_000.0
    /// Seconds over which the drift is averaged.
    private static let averaging = 2.0

    /// - Parameters:
    ///   - rate: samples a second.
    ///   - channels: of each sample, interleaved.
    package init(rate: Int, channels: Int) { (self.rate, self.channels) = (Double(rate), channels) }

    /// Numbers a block.
    ///
    /// - Parameter captured: when its first sample was captured, nanoseconds.
    /// - Returns: the number of its first sample, and the block, perhaps a sample longer or shorter.
    package mutating func number(_ block: [Int16], captured: Int64) -> (first: Int, block: [Int16]) {
        let zero = self.zero ?? captured
        self.zero = zero
        let gap = Double(captured - zero) - Double(next) / rate * 1e9
        if gap.magnitude > Double(Self.largestGap) {
            next = Int((Double(captured - zero) / 1e9 * rate).rounded())
            drift = 0
        } else {
            drift += (gap - drift) * min(Double(block.count / channels) / (Self.averaging * rate), 1)
        }
        let first = next
        let block = followed(block)
        next += block.count / channels
        return (first, block)
    }

    private mutating func followed(_ block: [Int16]) -> [Int16] {
        let count = block.count / channels
        guard drift.magnitude > Self.tolerance, count > 2 else { return block }
        let wanted = count + (drift > 0 ? 1 : -1)
        drift -= (drift > 0 ? 1e9 : -1e9) / rate
        return stretched(block, from: count, to: wanted)
    }

    /// A block with another number of samples, between the same first and last.
    private func stretched(_ block: [Int16], from count: Int, to wanted: Int) -> [Int16] {
        var result: [Int16] = []
        result.reserveCapacity(wanted * channels)
        for number in 0..<wanted {
            let place = Double(number) * Double(count - 1) / Double(wanted - 1)
            let index = min(Int(place), count - 2), share = place - Double(index)
            for channel in 0..<channels {
                let before = Double(block[index * channels + channel])
                let after = Double(block[(index + 1) * channels + channel])
                result.append(Int16((before + share * (after - before)).rounded()))
            }
        }
        return result
    }
}
