import Marks
import Media
import NodeKit
import Tensors

/// Sends the frames of a film, of several one after the other, or pictures from files, as they are shown, and
/// sound as it is stored.
package struct VideoFileNode: Node {
    package static let frame = Port(
        "frame", UInt8.self, "1 h w 3", meaning: "rgb", "frames, upright, in square pixels")
    package static let audio = Port(
        "audio", UInt8.self, "bytes", meaning: "audio-packet", pace: .own,
        "packets of the sound, undecoded")
    package static let path = Setting(
        "path", String.self, type: .inputMedia,
        "a film of any format that FFmpeg reads; an address, such as http://…; a folder of pictures; "
            + "or a pattern of their names, such as frames/%04d.png or frames/*.png; or one of several "
            + "films, such as takes/*.mp4, which are sent one after the other")
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

    private let settings: Settings
    /// Sent one after the other as one stream.
    private let films: [String]
    /// Of the films' names: a state says where they stand in the list.
    private let sum: Int
    private var reader: VideoReader
    /// Of all frames, and how the sound of all films is coded: those of the first.
    private let shape: [Int]
    private let sound: AudioFormat?
    private let isRealtime: Bool
    private let loops: Bool
    /// Our time of the stream's zero.
    private var began: Int64?
    private var packets: UInt64 = 0
    /// The film that is being sent, and the frame with which the first one began last.
    private var film = 0, round: UInt64 = 0
    /// Frames and packets taken from the film, since it began last.
    private var items = 0
    /// Whether it has been said that the film's sound is left out.
    private var isMute = false
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
        self.settings = settings
        films = VideoReader.films(settings[Self.path]) ?? [settings[Self.path]]
        let names = Array(films.joined(separator: "\n").utf8)
        sum = SHA256.bytes(of: names).prefix(7).reduce(0) { 256 * $0 + Int($1) }
        reader = try Self.open(films[0], settings, limit: settings[ifSet: Self.frames])
        (shape, sound) = (reader.shape, reader.audioFormat)
        isRealtime = settings[Self.realtime]
        loops = settings[Self.loop]
    }

    private static func open(_ film: String, _ settings: Settings, limit: Int?) throws -> VideoReader {
        try VideoReader(
            path: film, frameLimit: limit, rate: settings[Self.rate],
            timeout: Int64(settings[Self.timeout] * 1e9), threads: settings.cores)
    }

    /// Frames that may still come of a round, where they are limited.
    private func left(at frame: UInt64) -> Int? {
        settings[ifSet: Self.frames].map { max($0 - Int(frame - round), 0) }
    }

    /// Begins the next film, or the first one again; false when all is over.
    private mutating func advance() throws -> Bool {
        let isOver = film + 1 == films.count || left(at: end.frame) == 0
        guard !isOver || loops else { return false }
        (film, round) = isOver ? (0, end.frame) : (film + 1, round)
        (pass, items, isMute) = (end, 0, false)
        reader = try Self.open(films[film], settings, limit: left(at: pass.frame))
        return true
    }

    package mutating func process(_ inputs: Inputs, into outputs: inout Outputs) throws {
        if began == nil, !loops, films.count == 1, let frames = reader.estimatedFrames {
            outputs.expect(frames: frames)
        }
        items += 1
        switch try reader.next() {
        case .frame(let time):
            let room = outputs.tensor(for: Self.frame, shape: shape)
            try copyFrame(into: room)
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
            if film > 0 { join(&packet, into: &outputs) }
            guard !isMute else { break }
            outputs.send(packet.encoded(), on: Self.audio, stamp: stamp)
            packets += 1
        case nil:
            if try !advance() { outputs.finish() }
        }
        for warning in reader.takeWarnings() { outputs.warn(warning) }
    }

    /// Films of other sizes are set into the first one's.
    private func copyFrame(into room: Tensor<UInt8>) throws {
        guard reader.shape != shape else { return try reader.copyFrame(into: room) }
        let own = Tensor<UInt8>(uninitialized: reader.shape)
        try reader.copyFrame(into: own)
        PictureFit.inside.fill(room, with: own)
    }

    /// Makes a later film's packet one of the first film's sound; where it is coded otherwise, it is left out.
    private mutating func join(_ packet: inout AudioPacket, into outputs: inout Outputs) {
        let own = packet.format
        if let sound, own.codec == sound.codec, own.sampleRate == sound.sampleRate,
            own.layout == sound.layout, own.header == sound.header
        {
            packet.format = sound
        } else if !isMute {
            isMute = true
            outputs.warn(
                "\(reader.path): its sound (\(own.codec), \(own.layout), \(own.sampleRate) Hz) is left out: "
                    + "\(films[0]) has "
                    + (sound.map { "\($0.codec), \($0.layout), \($0.sampleRate) Hz" } ?? "none"))
        }
    }

    package func save() -> SavedState? {
        var writer = StateWriter()
        writer.write([items, Int(packets), Int(pass.frame), Int(pass.time), film, Int(round), sum])
        return SavedState(writer.bytes)
    }

    /// Goes through the film up to where an earlier process came.
    package mutating func restore(_ state: [UInt8]) throws {
        var reading = StateReader(state)
        let numbers = reading.numbers()
        (items, packets) = (numbers[0], UInt64(numbers[1]))
        pass = Place(frame: UInt64(numbers[2]), time: Int64(numbers[3]))
        end = pass
        (film, round) = (numbers[4], UInt64(numbers[5]))
        guard numbers[6] == sum else {
            throw MediaError.notMedia(
                path: settings[Self.path], found: "another list of films now (\(films.count))",
                needed: "the one with which the stream began")
        }
        if film > 0 || pass.frame > 0 {
            reader = try Self.open(films[film], settings, limit: left(at: pass.frame))
        }
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
