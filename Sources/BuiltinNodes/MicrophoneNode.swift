import Media
import NodeKit

/// Sends the sound of a microphone of this machine.
package struct MicrophoneNode: Node {
    package static let audio = Port(
        "audio", UInt8.self, "bytes", meaning: "audio-packet", pace: .own,
        "uncompressed sound, two channels; nothing while there is no microphone")
    package static let device = Setting(
        "device", String.self, default: "default",
        "an ALSA device, such as default or hw:1; pulse or pulse:SOURCE for PulseAudio and PipeWire; or one "
            + "of FFmpeg's test sources: lavfi:sine=frequency=440")
    package static let rate = Setting(
        "rate", Int.self, type: .integer(8_000...192_000), default: 48_000, unit: "Hz", "of what is sent")

    package static let spec = NodeSpec(
        "microphone", "Sends the sound of a microphone.", outputs: [audio], settings: [device, rate],
        state: .saved
    ).ofTheMoment()

    private let microphone: Microphone
    private let reporter: NodeReporter
    private var packets: UInt64 = 0

    package init(settings: Settings) {
        microphone = Microphone(device: settings[Self.device], rate: settings[Self.rate])
        reporter = settings.reporter
    }

    package mutating func process(_ inputs: Inputs, into outputs: inout Outputs) {
        let piece = outputs.wait { microphone.next() }
        reporter.describe(microphone.state)
        for warning in microphone.takeWarnings() { outputs.warn(warning) }
        guard let (packet, captured) = piece else { return }
        outputs.send(
            packet.encoded(), on: Self.audio,
            stamp: Stamp(
                frame: packets, captured: captured, presentation: packet.presentationNanoseconds,
                duration: packet.durationNanoseconds))
        packets += 1
    }

    package func save() -> SavedState? { SavedState(number: Int(packets)) }
    package mutating func restore(_ state: [UInt8]) { packets = UInt64(SavedState.number(state)) }
}
