import Media
import NodeKit
import Tensors

/// Writes frames and sound into a film, or frames as pictures into a folder.
package struct VideoEncoderNode: Node {
    package static let frame = Port(
        "frame", UInt8.self, "1 h w 3", meaning: "rgb", "frames in the order of time")
    package static let audio = Port(
        "audio", UInt8.self, "bytes", meaning: "audio-packet", pace: .own, isOptional: true,
        "sound, copied where the film's container allows it")
    package static let path = Setting(
        "path", String.self, type: .outputFile,
        "the film, replaced when the new one is complete; its ending says what it is: .mp4, .mov, .mkv, "
            + ".webm, .gif, or '/' for a folder of PNGs"
    ).ending(in: FilmContainer.endings)
    package static let crf = Setting(
        "crf", Int.self, type: .integer(0...51), default: VideoWriterOptions().crf,
        "constant rate factor: 0 is lossless, 51 the worst")
    package static let preset = Setting(
        "preset", String.self, type: .choice(VideoWriterOptions.presets),
        default: VideoWriterOptions().preset, "x264's trade of time for size")
    package static let tune = Setting(
        "tune", String.self, type: .choice(VideoWriterOptions.tunes), isOptional: true,
        "what x264 is to look after; zerolatency keeps no frame back")

    package static let spec = NodeSpec(
        "video-encoder", "Writes frames and sound into a film, or frames into a folder.", inputs: [frame, audio],
        settings: [path, crf, preset, tune] + MarkSettings.all, state: .saved)

    private let writer: any FrameWriter
    private var warning: String?

    package init(settings: Settings) throws {
        var options = VideoWriterOptions()
        options.crf = settings[Self.crf]
        options.preset = settings[Self.preset]
        options.tune = settings[ifSet: Self.tune]
        options.threads = settings.cores
        options.labelsAIGenerated = settings[MarkSettings.label]
        options.marks = try MarkSettings.options(from: settings)
        warning = MarkSettings.warning(for: settings)
        writer = try makeFrameWriter(
            path: settings[Self.path], options: options, owner: settings.owner)
    }

    package mutating func process(_ inputs: Inputs, into outputs: inout Outputs) throws {
        if let warning {
            outputs.warn(warning)
            self.warning = nil
        }
        if let packet = inputs[ifPresent: Self.audio] {
            try writer.write(AudioPacket(decoding: packet))
        }
        if let frame = inputs[ifPresent: Self.frame] {
            try writer.write(
                frame, presentation: inputs.stamp.presentation, duration: inputs.stamp.duration)
        }
        for warning in writer.takeWarnings() { outputs.warn(warning) }
    }

    package func save() -> SavedState? {
        writer.savePoint().map { SavedState($0.bytes, missingTicks: $0.missing) }
    }

    package mutating func restore(_ state: [UInt8]) throws { try writer.resume(from: state) }

    package mutating func finish(into outputs: inout Outputs) throws {
        try writer.finish()
        for warning in writer.takeWarnings() { outputs.warn(warning) }
    }
}
