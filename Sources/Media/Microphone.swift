/// Takes sound from a microphone of this machine (ALSA or PulseAudio), or from one of FFmpeg's test sources
/// at a microphone's pace.
///
/// A device that is not there, or was unplugged, is tried again every second. A microphone belongs to one
/// thread.
package final class Microphone {
    /// Samples a second of what comes out, in two channels.
    package let rate: Int
    private let name: String
    private let decoder: SoundDecoder
    private var device: MicrophoneDevice?
    /// Why there is none, and when it is tried again.
    private var loss: (reason: String, nextTry: Int64)?
    private var warnings: [String] = []
    private var clock: SampleClock

    /// Nanoseconds between two tries of a device, and for which its user is kept waiting at a time.
    private static let retry: Int64 = 1_000_000_000, pause: Int64 = 100_000_000

    /// - Parameters:
    ///   - device: an ALSA device, such as `default` or `hw:1`; `pulse` or `pulse:SOURCE`; or a test source,
    ///     such as `lavfi:sine=frequency=440`.
    ///   - rate: samples a second.
    package init(device: String, rate: Int = 48_000) {
        (name, self.rate) = (device, rate)
        decoder = SoundDecoder(rate: rate, name: device)
        clock = SampleClock(rate: rate, channels: SoundDecoder.channels)
    }

    /// What it does now, in words.
    package var state: String {
        loss.map { "no sound from \(name): \($0.reason)" } ?? "listening to \(name)"
    }

    /// What a person should know, since the last call.
    package func takeWarnings() -> [String] {
        defer { warnings = [] }
        return warnings
    }

    /// Waits for the next samples: uncompressed, and when the first of them was captured, nanoseconds of the
    /// monotonic clock. Nil while there is no device: to be asked again.
    package func next() -> (packet: AudioPacket, captured: Int64)? {
        if device == nil {
            let nextTry = loss?.nextTry ?? 0, now = MonotonicClock.now
            guard now >= nextTry else {
                MonotonicClock.sleep(until: min(nextTry, now + Self.pause))
                return nil
            }
            open()
        }
        guard let device else { return nil }
        do throws(MediaError) {
            let (packet, captured) = try device.next()
            let samples = try decoder.samples(of: packet)
            guard !samples.isEmpty else { return nil }
            let (first, block) = clock.number(samples, captured: captured)
            let numbered = AudioPacket(
                samples: block, sampleRate: rate, channels: SoundDecoder.channels, first: first)
            return (numbered, captured)
        } catch {
            lose(error)
            return nil
        }
    }

    private func open() {
        do throws(MediaError) {
            device = try MicrophoneDevice(name, rate: rate)
            if loss != nil { warnings.append("microphone \(name): it is there again") }
            loss = nil
        } catch { lose(error) }
    }

    private func lose(_ error: MediaError) {
        device = nil
        let reason = if case .soundDevice(_, let reason, let advice) = error { "\(reason): \(advice)" } else { "\(error)" }
        if loss == nil {
            warnings.append("microphone \(name): \(reason); it is tried again")
        }
        loss = (reason, MonotonicClock.now + Self.retry)
    }
}
