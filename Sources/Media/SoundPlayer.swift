import Foundation

/// Plays sound on a device, or into a file, as late as it is asked to: in a thread of its own, evenly, and
/// with silence where there is nothing to be played.
///
/// A device that is not there is tried again; meanwhile nothing is heard, and the thread that gives sound
/// does not notice.
package final class SoundPlayer: @unchecked Sendable {
    // Unchecked because every stored variable is guarded by the condition, but for what only the playing
    // thread uses.

    /// Samples a second, in two channels.
    package static let rate = 48_000

    private let name: String
    private let condition = NSCondition()
    private var line: DelayLine
    private var delay: Int64 = 0
    private var loss: String?
    private var warnings: [String] = []
    private var isFinishing = false, isOver = false

    /// Samples that are played at a time: 10 ms. And nanoseconds that a device holds of them at first, so that
    /// it has some when this thread is late.
    private static let block = 480, reserve: Int64 = 40_000_000
    private static let retry: Int64 = 2_000_000_000
    /// Nanoseconds over which a device's latency is looked at: each figure is a few milliseconds wrong.
    private static let span: Int64 = 2_000_000_000

    /// - Parameters:
    ///   - device: an ALSA device, `pulse` or `pulse:SINK`, or a file that ends in `.wav`.
    ///   - limit: the largest delay, nanoseconds.
    package init(device: String, limit: Int64) {
        name = device
        line = DelayLine(rate: Self.rate, channels: SoundDecoder.channels, limit: limit)
        let thread = Thread { [self] in run() }
        thread.name = "sound"
        thread.start()
    }

    private func locked<Result>(_ body: () throws -> Result) rethrows -> Result {
        condition.lock()
        defer { condition.unlock() }
        return try body()
    }

    /// Takes samples in.
    package func add(_ samples: [Int16], captured: Int64) {
        locked { line.add(samples, captured: captured) }
    }

    /// From now on sound is played so long after its capture, nanoseconds.
    package func follow(_ delay: Int64) { locked { self.delay = delay } }

    /// What it does now, in words.
    package var state: String {
        locked { loss.map { "\(name) does not play: \($0)" } ?? "playing on \(name)" }
    }

    /// How far it is from the delay that is wanted, ms, and how often it jumped.
    package var figures: (error: Double, jumps: Int) {
        locked { (Double(line.error) / 1e6, line.jumps) }
    }

    /// What a person should know, since the last call.
    package func takeWarnings() -> [String] {
        locked {
            defer { warnings = [] }
            return warnings
        }
    }

    /// Ends what is played.
    package func finish() {
        locked {
            isFinishing = true
            let deadline = Date(timeIntervalSinceNow: 2)
            while !isOver, condition.wait(until: deadline) {}
        }
    }

    // MARK: The thread that plays

    private func run() {
        var output: SoundOutput?
        var nextTry: Int64 = 0, due = MonotonicClock.now
        var latencies = RecentMedian(over: Self.span)
        while !locked({ isFinishing }) {
            if output == nil, MonotonicClock.now >= nextTry {
                do throws(MediaError) {
                    output = try SoundOutput(name, rate: Self.rate)
                    let file = output?.file
                    locked {
                        if loss != nil { warnings.append("\(name) plays again") }
                        loss = nil
                        if let file, file != name {
                            warnings.append("\(name) is there already: writing \(file)")
                        }
                    }
                    due = MonotonicClock.now - (file == nil ? Self.reserve : 0)
                } catch { fail(error, &output, &nextTry) }
            }
            MonotonicClock.sleep(until: due)
            if let output { latencies.add(output.latency, at: due) }
            let heard = due + (latencies.value ?? 0)
            let samples = locked { line.take(Self.block, at: heard, delay: delay) }
            do throws(MediaError) { try output?.play(samples) } catch { fail(error, &output, &nextTry) }
            due += Int64(Self.block) * 1_000_000_000 / Int64(Self.rate)
            // A device's clock is a little slower than ours, or the machine slept.
            if MonotonicClock.now - due > 500_000_000 { due = MonotonicClock.now }
        }
        try? output?.finish()
        locked {
            isOver = true
            condition.broadcast()
        }
    }

    private func fail(_ error: MediaError, _ output: inout SoundOutput?, _ nextTry: inout Int64) {
        output = nil
        nextTry = MonotonicClock.now + Self.retry
        locked {
            if loss == nil { warnings.append("\(error); it is tried again") }
            loss = if case .soundDevice(_, let reason, let advice) = error { "\(reason): \(advice)" } else { "\(error)" }
        }
    }
}
