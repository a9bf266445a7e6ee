import Media
import NodeKit
import Tensors

/// Compresses frames and sound once, for any number of outputs.
///
/// Pictures and sound stand on one time line, that of their capture. A packet of sound goes out with the
/// first picture that was captured after it, so that its delay is the pictures' own, whatever the nodes
/// before this one do. When no picture has come for ``hold``, the last one goes out again, with the sound
/// that came: a server drops a stream that stands still.
package struct LiveEncoderNode: Node {
    package static let frame = Port(
        "frame", UInt8.self, "1 h w 3", meaning: "rgb", "frames in the order of time")
    package static let audio = Port(
        "audio", UInt8.self, "bytes", meaning: "audio-packet", pace: .own, isOptional: true,
        "sound: AAC stays as it is, all else becomes AAC"
    ).droppingLive(beyond: 64)
    package static let packet = Port(
        "packet", UInt8.self, "bytes", meaning: "film-packet",
        "a compressed picture and the sound of its time")
    package static let bitrate = Setting(
        "bitrate", Int.self, type: .integer(50...100_000), default: 2500, unit: "kbit/s",
        "of the pictures, on average over half a second")
    package static let preset = Setting(
        "preset", String.self, type: .choice(VideoWriterOptions.presets),
        default: LiveEncoder.Options().preset, "x264's trade of time for size")
    package static let keyframes = Setting(
        "keyframes", Double.self, type: .number(0.1...60),
        default: LiveEncoder.Options().keyframeInterval, unit: "s",
        "from one picture at which a viewer can begin to the next; services ask for 2")
    package static let encoder = Setting(
        "encoder", String.self, type: .choice(LiveEncoder.Library.allCases.map(\.rawValue)),
        default: LiveEncoder.Library.x264.rawValue, "what compresses: nvenc is an NVIDIA GPU")
    package static let hold = Setting(
        "hold", Double.self, type: .number(0.05...60), default: 0.5, unit: "s",
        "when no new picture has come for so long, the last one goes out again, with the sound")

    package static let spec = NodeSpec(
        "live-encoder", "Compresses frames and sound once, for any number of outputs.",
        inputs: [frame, audio], outputs: [packet],
        settings: [bitrate, preset, keyframes, encoder, hold] + MarkSettings.all, state: .saved)

    private let reporter: NodeReporter
    private var warning: String?
    private let hasSound: Bool
    private let hold: Int64
    private var options = LiveEncoder.Options()
    private var encoder: LiveEncoder?
    private let sound = LiveSound(name: "live-encoder")
    /// Packets that were sent, by whichever process.
    private var sequence: UInt64 = 0
    /// When the picture at 0 of the time line was captured.
    private var origin: Int64?
    /// The last picture that came, how old it was then, and how far the time line has come.
    private var last: Stamp?
    private var age: Int64 = 0
    private var end = Int64.min
    private var arrived: Int64 = 0
    /// When the last picture was repeated, and how often that was done.
    private var repeated: Int64 = 0
    private var repeats = 0
    /// Whether pictures came when last anything went out; nil before the first.
    private var isFlowing: Bool?
    /// Whether a consumer has come that cannot begin before the next key picture.
    private var wantsKey = false

    package init(settings: Settings) throws {
        reporter = settings.reporter
        hasSound = settings.connectedInputs.contains(Self.audio.name)
        hold = Int64(settings[Self.hold] * 1e9)
        options.bitrate = settings[Self.bitrate] * 1000
        options.preset = settings[Self.preset]
        options.keyframeInterval = settings[Self.keyframes]
        options.library = LiveEncoder.Library(rawValue: settings[Self.encoder]) ?? .x264
        options.threads = settings.cores
        options.labelsAIGenerated = settings[MarkSettings.label]
        options.marks = try MarkSettings.options(from: settings)
        warning = MarkSettings.warning(for: settings)
    }

    package mutating func process(_ inputs: Inputs, into outputs: inout Outputs) throws {
        if let warning {
            outputs.warn(warning)
            self.warning = nil
        }
        wantsKey = wantsKey || outputs.hasNewConsumer(of: Self.packet)
        if let packet = inputs[ifPresent: Self.audio] {
            try sound.add(AudioPacket(decoding: packet), captured: inputs.stamp.captured)
        }
        if let frame = inputs[ifPresent: Self.frame] {
            try send(frame, inputs.stamp, into: &outputs)
        } else {
            try repeatIfDue(into: &outputs)
        }
        if let due { outputs.wake(at: due) }
        for warning in sound.takeWarnings() { outputs.warn(warning) }
    }

    private mutating func send(
        _ frame: Tensor<UInt8>, _ stamp: Stamp, into outputs: inout Outputs
    ) throws {
        let origin = self.origin ?? stamp.captured
        self.origin = origin
        arrived = MonotonicClock.now
        age = arrived - stamp.captured
        let packet = try compressor().encode(
            frame, at: nextTime(for: stamp.captured - origin), for: stamp.duration, isKey: wantsKey)
        last = stamp
        if isFlowing != true { reporter.describe("compressing \(frame.shape[2])x\(frame.shape[1]) pictures") }
        isFlowing = true
        try send(packet, captured: stamp.captured, stamp, into: &outputs)
    }

    /// When the last picture is to go out again; nil before the first.
    private var due: Int64? { last.map { max(arrived + hold, repeated + interval(of: $0)) } }

    private func interval(of stamp: Stamp) -> Int64 { max(stamp.duration, 1_000_000_000 / 25) }

    /// The last picture goes out again when no other has come for so long, as often as pictures came.
    private mutating func repeatIfDue(into outputs: inout Outputs) throws {
        let now = MonotonicClock.now
        guard let last, let origin, let encoder, let due, now >= due else { return }
        repeated = now
        // As far behind the sources as pictures were when they last came.
        let captured = now - age
        guard captured - origin > end,
            let packet = try encoder.repeatLast(
                at: nextTime(for: captured - origin), for: interval(of: last), isKey: wantsKey)
        else { return }
        repeats += 1
        if isFlowing != false { describeStall() }
        isFlowing = false
        var stamp = last
        stamp.captured = captured
        try send(packet, captured: captured, stamp, into: &outputs)
    }

    private func describeStall() {
        let since = arrived
        reporter.describe {
            "no picture for \((MonotonicClock.now - since) / 1_000_000_000) s: the last one goes out again"
        }
    }

    private mutating func send(
        _ compressed: FilmPacket, captured: Int64, _ stamp: Stamp, into outputs: inout Outputs
    ) throws {
        if hasSound { try sound.fill(until: captured, at: MonotonicClock.now) }
        var packet = compressed
        packet.sequence = sequence
        packet.sounds = sound.take(until: captured, origin: origin ?? captured)
        if hasSound { packet.flags.insert(.hasSound) }
        sequence += 1
        if packet.isKey { wantsKey = false }
        outputs.send(packet.encoded(), on: Self.packet, stamp: stamp)
        report(packet)
    }

    /// Times only grow: a source that began anew may be behind the one before it.
    private mutating func nextTime(for time: Int64) -> Int64 {
        end = max(time, end == .min ? time : end + 1_000_000)
        return end
    }

    private func report(_ packet: FilmPacket) {
        if !packet.sounds.isEmpty {
            reporter.set("av_offset_ms", to: Double(sound.offset) / 1e6)
            reporter.set("sound_delay_ms", to: Double(age) / 1e6)
        }
        if repeats > 0 { reporter.set("repeated_pictures", to: Double(repeats)) }
        if sound.jumps > 0 { reporter.set("sound_jumps", to: Double(sound.jumps)) }
        if sound.droppedCount > 0 {
            reporter.set("dropped_sounds", to: Double(sound.droppedCount))
        }
    }

    private mutating func compressor() -> LiveEncoder {
        if let encoder { return encoder }
        let new = LiveEncoder(options, name: Self.spec.kind)
        encoder = new
        return new
    }

    package func save() -> SavedState? {
        var writer = StateWriter()
        writer.write(Int(options.stream))
        writer.write(Int(sequence))
        writer.write(origin != nil)
        writer.write(Int(origin ?? 0))
        writer.write(Int(end))
        writer.write(repeats)
        return SavedState(writer.bytes)
    }

    /// The time line and the numbers go on; the encoder is another one.
    package mutating func restore(_ state: [UInt8]) {
        var reader = StateReader(state)
        options.stream = UInt32(truncatingIfNeeded: reader.number()) &+ 1
        sequence = UInt64(reader.number())
        let isBegun = reader.flag(), origin = Int64(reader.number())
        self.origin = isBegun ? origin : nil
        end = Int64(reader.number())
        repeats = reader.number()
    }
}
