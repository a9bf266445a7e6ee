import Media
import NodeKit

/// Plays sound as late as the pictures are: for a virtual microphone beside a virtual camera, or a
/// loudspeaker.
package struct SoundDelayNode: Node {
    package static let audio = Port(
        "audio", UInt8.self, "bytes", meaning: "audio-packet", pace: .own, "what is played"
    ).droppingLive(beyond: 64)
    package static let frame = Port(
        "frame", UInt8.self, "1 h w 3", meaning: "rgb",
        "the pictures that it is played with; only how old they are is looked at")
    package static let device = Setting(
        "device", String.self, default: "default",
        "an ALSA device, such as default or hw:Loopback; pulse or pulse:SINK for PulseAudio and PipeWire; or "
            + "a file that ends in .wav")
    package static let offset = Setting(
        "offset", Double.self, type: .number(-5_000...5_000), default: 0, unit: "ms",
        "how much later still: what shows the pictures may take some time, too"
    ).live()
    package static let limit = Setting(
        "limit", Double.self, type: .number(0.1...60), default: 5, unit: "s", "the largest delay")

    package static let spec = NodeSpec(
        "sound-delay", "Plays sound as late as the pictures are.", inputs: [audio, frame],
        settings: [device, offset, limit], state: .unknown)

    /// Nanoseconds over which the age of pictures is looked at.
    private static let span: Int64 = 3_000_000_000

    private let decoder = SoundDecoder(rate: SoundPlayer.rate, name: Self.spec.kind)
    private let player: SoundPlayer
    private let reporter: NodeReporter
    private let limit: Int64
    private var offset: Int64
    private var ages = RecentMedian(over: Self.span)
    private var leftOut: AudioFormat?

    package init(settings: Settings) {
        limit = Int64(settings[Self.limit] * 1e9)
        offset = Self.offset(settings)
        let player = SoundPlayer(device: settings[Self.device], limit: limit)
        self.player = player
        reporter = settings.reporter
        reporter.describe { player.state }
    }

    private static func offset(_ settings: Settings) -> Int64 { Int64(settings[offset] * 1e6) }

    package mutating func update(settings: Settings) { offset = Self.offset(settings) }

    package mutating func process(_ inputs: Inputs, into outputs: inout Outputs) throws {
        if inputs[ifPresent: Self.frame] != nil {
            let now = MonotonicClock.now
            ages.add(now - inputs.stamp.captured, at: now)
        }
        if let packet = inputs[ifPresent: Self.audio] {
            try play(AudioPacket(decoding: packet), captured: inputs.stamp.captured, &outputs)
        }
        let delay = min(max((ages.value ?? 0) + offset, 0), limit)
        player.follow(delay)
        for warning in player.takeWarnings() { outputs.warn(warning) }
        let figures = player.figures
        reporter.set("sound_delay_ms", to: Double(delay) / 1e6)
        reporter.set("av_offset_ms", to: figures.error)
        if figures.jumps > 0 { reporter.set("sound_jumps", to: Double(figures.jumps)) }
    }

    private mutating func play(
        _ packet: AudioPacket, captured: Int64, _ outputs: inout Outputs
    ) {
        guard packet.format != leftOut else { return }
        do throws(MediaError) {
            player.add(try decoder.samples(of: packet), captured: captured)
        } catch {
            leftOut = packet.format
            outputs.warn("the sound is left out: \(error)")
        }
    }

    package mutating func finish(into outputs: inout Outputs) { player.finish() }
}
