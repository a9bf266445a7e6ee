/// Sound on its way to a loudspeaker, played as late as it is asked to be.
///
/// It knows when each sample was captured. What is played follows the delay that is wanted by playing up to
/// 0.5 % faster or slower, which nobody hears; a larger step is made at once, but only where both what is
/// left and what comes are silent, or where nothing is there to be played. Pure.
package struct DelayLine: Sendable {
    /// Samples a second, and channels of each.
    private let rate: Double
    private let channels: Int
    /// Samples that are held, interleaved; the first one's number, counted from the first of all.
    private var samples: [Int16] = []
    private var first = 0
    /// When sample 0 was captured, as the average of what its source says; nil before the first.
    private var zero: Double?
    /// Where the next sample to be played is, in samples from sample 0.
    private var position: Double?
    /// Samples that are held at most.
    private let limit: Int

    /// How much faster or slower it plays at most. A change of pitch is noticed from about 0.5 % on
    /// (Zwicker and Fastl, Psychoacoustics, 7.2).
    package static let slew = 0.005
    /// Nanoseconds beyond which it jumps, where it is silent. People notice sound that is 45 ms early
    /// (ITU-R BT.1359-1).
    package static let tolerance: Int64 = 30_000_000
    /// Magnitude of samples below which it is silent: -50 dB of full scale.
    private static let quiet = 104
    /// Seconds in which an error is to be made good, where slew allows it, and samples' times are averaged.
    private static let following = 1.0
    /// Seconds before and behind a place in which it has to be silent for a jump.
    private static let silence = 0.01

    /// How often it jumped.
    package private(set) var jumps = 0
    /// How much later what was played last is than it should be, nanoseconds.
    package private(set) var error: Int64 = 0

    /// - Parameter limit: nanoseconds of sound that are held at most, and the largest delay.
    package init(rate: Int, channels: Int, limit: Int64) {
        (self.rate, self.channels) = (Double(rate), channels)
        self.limit = Int(Double(limit) / 1e9 * Double(rate))
    }

    private var end: Int { first + samples.count / channels }

    /// Takes samples in.
    ///
    /// - Parameter captured: when the first of them was captured, nanoseconds.
    package mutating func add(_ new: [Int16], captured: Int64) {
        let time = Double(captured) / 1e9
        guard let zero else {
            self.zero = time
            samples = new
            return
        }
        let gap = time - (zero + Double(end) / rate)
        if abs(gap) > Double(Self.tolerance) / 1e9 {
            insert(gap, new)
        } else {
            // A source's clock is a little faster or slower than ours: its samples' times move with it.
            self.zero = zero + gap * Double(new.count / channels) / (Self.following * rate)
            samples += new
        }
        drop()
    }

    /// Samples that do not follow those before: silence between them, or what came twice left out.
    private mutating func insert(_ gap: Double, _ new: [Int16]) {
        let count = Int(gap * rate)
        if count > limit {
            // Nothing of what is held is of use any more.
            first = end + count
            samples = new
        } else if count > 0 {
            samples += [Int16](repeating: 0, count: count * channels) + new
        } else if -count <= samples.count / channels {
            samples.removeLast(-count * channels)
            samples += new
        } else {
            first = end + count
            samples = new
        }
    }

    private mutating func drop() {
        let extra = samples.count / channels - limit
        // In large pieces: each one moves all that stays.
        guard extra > limit / 8 else { return }
        samples.removeFirst(extra * channels)
        first += extra
    }

    /// The next samples to be played.
    ///
    /// - Parameters:
    ///   - count: of samples in each channel.
    ///   - now: when the first of them is heard, nanoseconds.
    ///   - delay: how long after its capture it should be, nanoseconds.
    package mutating func take(_ count: Int, at now: Int64, delay: Int64) -> [Int16] {
        guard let zero else { return [Int16](repeating: 0, count: count * channels) }
        let target = (Double(now - delay) / 1e9 - zero) * rate
        var position = self.position ?? target
        if abs(target - position) > Double(Self.tolerance) / 1e9 * rate,
            !holds(position) || isSilent(around: position) && isSilent(around: target)
        {
            position = target
            jumps += 1
        }
        let step = 1 + min(max((target - position) / (Self.following * rate), -Self.slew), Self.slew)
        var output = [Int16](repeating: 0, count: count * channels)
        for index in 0..<count {
            write(at: position, into: &output, index * channels)
            position += step
        }
        error = Int64((target + Double(count) - position) / rate * 1e9)
        self.position = position
        return output
    }

    private func holds(_ position: Double) -> Bool { position >= Double(first) && position < Double(end) }

    private func isSilent(around position: Double) -> Bool {
        let width = Int(Self.silence * rate), middle = Int(position)
        let (lower, upper) = (max(middle - width, first) - first, min(middle + width, end) - first)
        // What is not there is not heard.
        guard lower < upper else { return true }
        return samples[lower * channels..<upper * channels].allSatisfy {
            $0.magnitude < Self.quiet
        }
    }

    /// One sample of each channel between those that are held, by a cubic through four of them
    /// (Catmull and Rom).
    private func write(at position: Double, into output: inout [Int16], _ place: Int) {
        guard position > Double(first), position < Double(end) else { return }
        let whole = position.rounded(.down)
        let t = position - whole
        let index = Int(whole) - first
        guard index >= 1, index + 2 < samples.count / channels else { return }
        for channel in 0..<channels {
            let at = index * channels + channel
            let a = Double(samples[at - channels]), b = Double(samples[at])
            let c = Double(samples[at + channels]), d = Double(samples[at + 2 * channels])
            let value =
                b + 0.5 * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)))
            output[place + channel] = Int16(min(max(value, -32_768), 32_767).rounded())
        }
    }
}
