import Foundation
import Media
import NodeKit
import Tensors

/// Sends the frames of a browser's camera, and the sound of its microphone, which the studio's page sends to
/// the run.
///
/// Times are those of the capture in the browser, which the page reckons by this machine's clock.
///
/// Before the first browser it sends nothing and goes on waiting. When nothing comes any more it sends
/// the last picture again, a few times a second: frames that are held in windows get through, so that a
/// recording can be finished and the graph be changed while no camera is on. (An output that was taken
/// out with the camera off waited for its last frames for minutes.)
package struct BrowserCameraNode: Node {
    package static let frame = Port(
        "frame", UInt8.self, "1 height width 3", meaning: "rgb", "frames as the browser took them")
    package static let audio = Port(
        "audio", UInt8.self, "bytes", meaning: "audio-packet", pace: .own,
        "the sound of the browser's microphone, which the page sends when something takes it")
    package static let width = Setting(
        "width", Int.self, type: .integer(16...4096), default: 512, unit: "px",
        "the page cuts the camera's picture to this proportion and size")
    package static let height = Setting(
        "height", Int.self, type: .integer(16...4096), default: 512, unit: "px", "as 'width'")
    package static let rate = Setting(
        "rate", Double.self, type: .number(1...120), default: 25, unit: "fps",
        "asked of the browser")

    package static let idle = Setting(
        "idle", Double.self, type: .number(0...30), default: 5, unit: "fps",
        "how often the last picture is sent again while none comes; 0 for never")

    package static let spec = NodeSpec(
        "browser-camera", "Sends the frames and the sound of a browser, from the studio's page.",
        outputs: [frame, audio], settings: [width, height, rate, idle], state: .saved
    ).ofTheMoment()

    /// What the socket is called, in the run's folder.
    package static let socket = "camera.socket"

    private let shape: [Int]
    private let duration: Int64
    private let threads: Int
    private let path: String?
    private var link: BrowserLink?
    private var decoder: (codec: LiveMessage.Codec, decoder: ChunkDecoder)?
    private var needsKey = true
    /// The last picture, and how long after it another one is due while none comes.
    private var picture: Tensor<UInt8>?
    private let idlePeriod: Int64?
    private var sentAt: Int64 = 0
    private var isIdle = false
    /// The last frame that was sent.
    private var last: Stamp?
    /// Packets of sound that were sent.
    private var sounds: UInt64 = 0

    package init(settings: Settings) throws {
        shape = [1, settings[Self.height], settings[Self.width], 3]
        duration = Int64(1e9 / settings[Self.rate])
        threads = settings.cores
        idlePeriod = settings[Self.idle] > 0 ? Int64(1e9 / settings[Self.idle]) : nil
        // The owner is the node's place in the run's folder.
        path = settings.owner.map { ($0 as NSString).deletingLastPathComponent + "/" + Self.socket }
    }

    package mutating func process(_ inputs: Inputs, into outputs: inout Outputs) throws {
        guard let path else { return outputs.finish() }
        let link = try self.link ?? BrowserLink(path)
        self.link = link
        switch outputs.wait(for: { link.next(milliseconds: 100) }) {
        case .chunk(let message): take(message, from: link, into: &outputs)
        case .began, .left: (decoder, needsKey) = (nil, true)
        case nil: repeatPicture(into: &outputs)
        }
    }

    /// Nanoseconds without a picture after which nobody is believed to send.
    private static let silence: Int64 = 500_000_000

    private mutating func repeatPicture(into outputs: inout Outputs) {
        guard let picture, let last, let idlePeriod else { return }
        let now = MonotonicClock.now
        guard now - sentAt >= (isIdle ? idlePeriod : max(idlePeriod, Self.silence)) else { return }
        isIdle = true
        let room = outputs.tensor(for: Self.frame, shape: shape)
        room.pointer.update(from: picture.pointer, count: picture.count)
        send(room, next(after: last, captured: now), into: &outputs)
    }

    private mutating func send(_ frame: Tensor<UInt8>, _ stamp: Stamp, into outputs: inout Outputs) {
        (last, sentAt) = (stamp, MonotonicClock.now)
        outputs.send(frame, on: Self.frame, stamp: stamp)
    }

    private mutating func take(
        _ message: LiveMessage, from link: BrowserLink, into outputs: inout Outputs
    ) {
        if message.kind == .audioUp { return takeSound(message, into: &outputs) }
        guard message.kind == .videoUp, let codec = LiveMessage.Codec(rawValue: message.stream) else {
            return
        }
        guard message.isKey || !needsKey else { return link.tell(Self.wantsKey) }
        do {
            if message.isFirst || decoder?.codec != codec {
                decoder = (codec, try ChunkDecoder(codec, threads: threads))
            }
            let room = outputs.tensor(for: Self.frame, shape: shape)
            guard try decoder!.decoder.decode(message.chunk, into: room) else { return }
            (needsKey, isIdle) = (false, false)
            if idlePeriod != nil {
                picture = picture ?? Tensor(uninitialized: shape)
                picture!.pointer.update(from: room.pointer, count: room.count)
            }
            send(room, stamp(message), into: &outputs)
        } catch {
            // One chunk is damaged, or refers to one that was dropped: the next keyframe mends it.
            if !needsKey { outputs.warn("the browser's pictures wait for a keyframe: \(error)") }
            needsKey = true
            link.tell(Self.wantsKey)
        }
    }

    private mutating func takeSound(_ message: LiveMessage, into outputs: inout Outputs) {
        guard let packet = AudioPacket(message) else { return }
        outputs.send(
            packet.encoded(), on: Self.audio,
            stamp: Stamp(
                frame: sounds, captured: captureTime(of: message),
                presentation: packet.presentationNanoseconds, duration: packet.durationNanoseconds))
        sounds += 1
    }

    private static let wantsKey = #"{"key":true}"#

    private func stamp(_ message: LiveMessage) -> Stamp {
        let captured = captureTime(of: message)
        guard let last else {
            return Stamp(frame: 0, captured: captured, presentation: 0, duration: duration)
        }
        return next(after: last, captured: captured)
    }

    /// A page's clock is believed when it says something that can be.
    private func captureTime(of message: LiveMessage) -> Int64 {
        let now = MonotonicClock.now
        let said = message.captured.multipliedReportingOverflow(by: 1000)
        let isLikely = !said.overflow && (now - Self.oldest...now + Self.newest).contains(said.partialValue)
        return isLikely ? min(said.partialValue, now) : now
    }

    /// Times only grow, also where another browser goes on.
    private func next(after last: Stamp, captured: Int64) -> Stamp {
        let step = max(captured - last.captured, 1_000_000)
        return Stamp(
            frame: last.frame + 1, captured: max(captured, last.captured),
            presentation: last.presentation + step, duration: duration)
    }

    /// Nanoseconds that a captured time may lie before or after now.
    private static let (oldest, newest): (Int64, Int64) = (10_000_000_000, 200_000_000)

    package func save() -> SavedState? {
        guard let last else { return nil }
        var writer = StateWriter()
        writer.write(last)
        writer.write(Int(sounds))
        return SavedState(writer.bytes)
    }

    package mutating func restore(_ state: [UInt8]) {
        var reader = StateReader(state)
        last = reader.stamp()
        sounds = UInt64(reader.number())
    }
}
