import Media
import NodeKit

/// Sends the sound of a file, with or without pictures in it.
package struct AudioFileNode: Node {
    package static let audio = VideoFileNode.audio
    package static let path = Setting(
        "path", String.self, type: .inputFile,
        "a file with sound of any format that FFmpeg reads: a recording, music, or a film")
    package static let realtime = Setting(
        "realtime", Bool.self, default: false,
        "send each packet when it would be heard, instead of as fast as it is taken")

    package static let spec = NodeSpec(
        "audio-file", "Sends the sound of a file, undecoded.", outputs: [audio],
        settings: [path, realtime], state: .saved)

    private let reader: SoundReader
    private let isRealtime: Bool
    private var sent: UInt64 = 0
    private var began: Int64?

    package init(settings: Settings) throws {
        reader = try SoundReader(path: settings[Self.path])
        isRealtime = settings[Self.realtime]
    }

    package mutating func process(_ inputs: Inputs, into outputs: inout Outputs) throws {
        guard let packet = reader.next() else {
            for warning in reader.takeWarnings() { outputs.warn(warning) }
            return outputs.finish()
        }
        let time = packet.presentationNanoseconds
        let start = began ?? MonotonicClock.now - time
        began = start
        if isRealtime { outputs.wait { MonotonicClock.sleep(until: start + time) } }
        let stamp = Stamp(
            frame: sent, captured: isRealtime ? start + time : MonotonicClock.now,
            presentation: time, duration: packet.durationNanoseconds)
        outputs.send(packet.encoded(), on: Self.audio, stamp: stamp)
        sent += 1
    }

    package func save() -> SavedState? { SavedState(number: Int(sent)) }

    /// Reads up to where an earlier process came.
    package mutating func restore(_ state: [UInt8]) {
        sent = UInt64(SavedState.number(state))
        for _ in 0..<sent { _ = reader.next() }
    }
}
