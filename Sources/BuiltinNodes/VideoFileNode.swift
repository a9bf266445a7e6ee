import Media
import NodeKit
import Tensors

/// Sends the frames of a film, or pictures from files, as they are shown, and sound as it is stored.
package struct VideoFileNode: Node {
    package static let frame = Port(
        "frame", UInt8.self, "1 h w 3", meaning: "rgb", "frames, upright, in square pixels")
    package static let audio = Port(
        "audio", UInt8.self, "bytes", meaning: "audio-packet", pace: .own,
        "packets of the sound, undecoded")
    package static let path = Setting(
        "path", String.self, type: .inputMedia,
        "a film of any format that FFmpeg reads; an address, such as http://…; a folder of pictures; "
            + "or a pattern of their names, such as frames/%04d.png or frames/*.png")
    package static let rate = Setting(
        "rate", Double.self, type: .number(0.1...1_000), default: 25, unit: "fps",
        "of a folder or pattern of pictures; films have their own")
    package static let timeout = Setting(
        "timeout", Double.self, type: .number(0.1...3_600), default: 10, unit: "s",
        "an address that gives nothing for so long is an error")
    package static let frames = Setting(
        "frames", Int.self, type: .integer(1...Int(Int32.max)), isOptional: true,
        "stop after so many frames")
    package static let realtime = Setting(
        "realtime", Bool.self, default: false,
        "send each frame when it would be shown, instead of as fast as it is taken")

    package static let spec = NodeSpec(
        "video-file", "Sends the frames of a film, and its sound.", outputs: [frame, audio],
        settings: [path, frames, realtime, rate, timeout], state: .saved)

    private let reader: VideoReader
    private let isRealtime: Bool
    private var began: Int64?
    private var packets: UInt64 = 0
    /// Frames and packets taken from the film.
    private var items = 0

    package init(settings: Settings) throws {
        reader = try VideoReader(
            path: settings[Self.path], frameLimit: settings[ifSet: Self.frames],
            rate: settings[Self.rate], timeout: Int64(settings[Self.timeout] * 1e9),
            threads: settings.cores)
        isRealtime = settings[Self.realtime]
    }

    package mutating func process(_ inputs: Inputs, into outputs: inout Outputs) throws {
        if began == nil, let frames = reader.estimatedFrames { outputs.expect(frames: frames) }
        items += 1
        switch try reader.next() {
        case .frame(let time):
            let room = outputs.tensor(for: Self.frame, shape: reader.shape)
            try reader.copyFrame(into: room)
            wait(for: time.presentation, outputs: &outputs)
            outputs.send(
                room, on: Self.frame,
                stamp: stamp(UInt64(time.number), time.presentation, time.duration))
        case .audio(let packet):
            wait(for: packet.presentationNanoseconds, outputs: &outputs)
            outputs.send(
                packet.encoded(), on: Self.audio,
                stamp: stamp(
                    packets, packet.presentationNanoseconds, packet.durationNanoseconds))
            packets += 1
        case nil:
            outputs.finish()
        }
        for warning in reader.takeWarnings() { outputs.warn(warning) }
    }

    package func save() -> SavedState? { SavedState(number: items) }

    /// Goes through the film up to where an earlier process came.
    package mutating func restore(_ state: [UInt8]) throws {
        items = SavedState.number(state)
        for _ in 0..<items {
            switch try reader.next() {
            case .frame(let time): began = MonotonicClock.now - time.presentation
            case .audio: packets += 1
            case nil: break
            }
        }
    }

    private func stamp(_ number: UInt64, _ presentation: Int64, _ duration: Int64) -> Stamp {
        Stamp(
            frame: number, captured: MonotonicClock.now, presentation: presentation,
            duration: duration)
    }

    private mutating func wait(for presentation: Int64, outputs: inout Outputs) {
        let start = began ?? MonotonicClock.now - presentation
        began = start
        if isRealtime { outputs.wait { MonotonicClock.sleep(until: start + presentation) } }
    }
}
