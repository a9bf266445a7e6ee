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
        "send each frame when it would be shown, instead of as fast as it is taken; its sound with it")
    package static let loop = Setting(
        "loop", Bool.self, default: false, "begin again at the end of the film, without end")

    package static let spec = NodeSpec(
        "video-file", "Sends the frames of a film, and its sound.", outputs: [frame, audio],
        settings: [path, frames, realtime, loop, rate, timeout], state: .saved)

    private let open: () throws -> VideoReader
    private var reader: VideoReader
    private let isRealtime: Bool
    private let loops: Bool
    /// Our time of the stream's zero.
    private var began: Int64?
    private var packets: UInt64 = 0
    /// Frames and packets taken from the film, since it began last.
    private var items = 0
    /// The frame and the time at which the film began last, and where what was sent so far ends.
    private var pass = Place(), end = Place()

    private struct Place {
        var frame: UInt64 = 0
        /// Nanoseconds from the start of the stream.
        var time: Int64 = 0
    }

    /// A film that is so far behind its clock, as after the machine slept, goes on from where it is,
    /// nanoseconds.
    private static let longestDelay: Int64 = 1_000_000_000

    package init(settings: Settings) throws {
        open = {
            try VideoReader(
                path: settings[Self.path], frameLimit: settings[ifSet: Self.frames],
                rate: settings[Self.rate], timeout: Int64(settings[Self.timeout] * 1e9),
                threads: settings.cores)
        }
        reader = try open()
        isRealtime = settings[Self.realtime]
        loops = settings[Self.loop]
    }

    package mutating func process(_ inputs: Inputs, into outputs: inout Outputs) throws {
        if began == nil, !loops, let frames = reader.estimatedFrames { outputs.expect(frames: frames) }
        items += 1
        switch try reader.next() {
        case .frame(let time):
            let room = outputs.tensor(for: Self.frame, shape: reader.shape)
            try reader.copyFrame(into: room)
            let stamp = stamp(
                pass.frame + UInt64(time.number), time.presentation, time.duration, &outputs)
            end.frame = stamp.frame + 1
            extend(to: stamp.presentation + stamp.duration)
            outputs.send(room, on: Self.frame, stamp: stamp)
        case .audio(var packet):
            let (time, duration) = (packet.presentationNanoseconds, packet.durationNanoseconds)
            packet.delay(by: pass.time)
            let stamp = stamp(packets, time, duration, &outputs)
            extend(to: stamp.presentation + duration)
            outputs.send(packet.encoded(), on: Self.audio, stamp: stamp)
            packets += 1
        case nil where loops:
            (pass, items) = (end, 0)
            reader = try open()
        case nil:
            outputs.finish()
        }
        for warning in reader.takeWarnings() { outputs.warn(warning) }
    }

    package func save() -> SavedState? {
        var writer = StateWriter()
        writer.write([items, Int(packets), Int(pass.frame), Int(pass.time)])
        return SavedState(writer.bytes)
    }

    /// Goes through the film up to where an earlier process came.
    package mutating func restore(_ state: [UInt8]) throws {
        var reading = StateReader(state)
        let numbers = reading.numbers()
        (items, packets) = (numbers[0], UInt64(numbers[1]))
        pass = Place(frame: UInt64(numbers[2]), time: Int64(numbers[3]))
        end = pass
        for _ in 0..<items {
            switch try reader.next() {
            case .frame(let time):
                let presentation = pass.time + time.presentation
                began = MonotonicClock.now - presentation
                end.frame = pass.frame + UInt64(time.number) + 1
                extend(to: presentation + time.duration)
            case .audio(let packet):
                extend(to: pass.time + packet.presentationNanoseconds + packet.durationNanoseconds)
            case nil: break
            }
        }
    }

    /// A film begins again when both its pictures and its sound are over.
    private mutating func extend(to time: Int64) { end.time = max(end.time, time) }

    /// Waits until an item is due, and says when it was captured. Of a film in real time that is when it
    /// was due, so that pictures and sound have one origin, however long each took to be read.
    private mutating func stamp(
        _ number: UInt64, _ time: Int64, _ duration: Int64, _ outputs: inout Outputs
    ) -> Stamp {
        let presentation = pass.time + time
        var start = began ?? MonotonicClock.now - presentation
        if isRealtime { outputs.wait { MonotonicClock.sleep(until: start + presentation) } }
        let now = MonotonicClock.now
        if isRealtime, now - start - presentation > Self.longestDelay { start = now - presentation }
        began = start
        return Stamp(
            frame: number, captured: isRealtime ? start + presentation : now,
            presentation: presentation, duration: duration)
    }
}
