import Media
import NodeKit

/// Writes sound into a file of its own.
package struct AudioEncoderNode: Node {
    package static let audio = Port(
        "audio", UInt8.self, "bytes", meaning: "audio-packet", pace: .own,
        "sound, copied where the file's form allows it")
    package static let path = Setting(
        "path", String.self, type: .outputFile,
        "the file, replaced when the new one is complete; its ending says what it is: .m4a, .mka or .weba"
    ).ending(in: SoundWriter.endings)

    package static let spec = NodeSpec(
        "audio-encoder", "Writes sound into a file of its own.", inputs: [audio], settings: [path],
        // Nothing is saved before the end, so that after a crash all of it comes again.
        state: .saved)

    private let writer: SoundWriter

    package init(settings: Settings) throws {
        writer = try SoundWriter(path: settings[Self.path], owner: settings.owner)
    }

    package mutating func process(_ inputs: Inputs, into outputs: inout Outputs) throws {
        guard let packet = inputs[ifPresent: Self.audio] else { return }
        try writer.write(AudioPacket(decoding: packet))
        for warning in writer.takeWarnings() { outputs.warn(warning) }
    }

    package mutating func finish(into outputs: inout Outputs) throws { try writer.finish() }
}
