import Media
import NodeKit
import Tensors

/// Sends the frames of a camera of this machine or of the network.
package struct CameraNode: Node {
    package static let frame = Port(
        "frame", UInt8.self, "1 h w 3", meaning: "rgb", "frames as they are taken")
    package static let device = Setting(
        "device", String.self, default: "/dev/video0",
        "a v4l2 device; an address, such as rtsp://… or http://…; or one of FFmpeg's test sources: "
            + "lavfi:testsrc=size=640x480:rate=25")
    package static let mirror = Setting(
        "mirror", Bool.self, default: true,
        "exchange left and right, as people know themselves from mirrors; for test sources as well")
    package static let timeout = Setting(
        "timeout", Double.self, type: .number(0.1...3_600), default: 5, unit: "s",
        "an address that gives nothing for so long is connected to again")
    package static let reconnect = Setting(
        "reconnect", Double.self, type: .number(0...86_400), default: 60, unit: "s",
        "how long a lost address is tried again before that is an error")
    package static let width = Setting(
        "width", Int.self, type: .integer(1...16_384), isOptional: true, unit: "px",
        "asked of the driver, together with height")
    package static let height = Setting(
        "height", Int.self, type: .integer(1...16_384), isOptional: true, unit: "px",
        "asked of the driver, together with width")
    package static let rate = Setting(
        "rate", Double.self, type: .number(0.1...1_000), isOptional: true, unit: "fps",
        "asked of the driver")
    package static let frames = Setting(
        "frames", Int.self, type: .integer(1...Int(Int32.max)), isOptional: true,
        "stop after so many frames")

    package static let spec = NodeSpec(
        "camera", "Sends the frames of a camera.", outputs: [frame],
        settings: [device, mirror, width, height, rate, frames, timeout, reconnect], state: .saved
    ).ofTheMoment()

    private let camera: Camera
    private let limit: Int?
    private var taken = 0
    /// The last frame that was sent.
    private var last: Stamp?
    /// What the camera's own numbers and times lack to go on from those of an earlier process.
    private var shift: (frames: UInt64, time: Int64) = (0, 0)
    private var isResumed = false

    package init(settings: Settings) throws {
        camera = try Camera(
            device: settings[Self.device], width: settings[ifSet: Self.width],
            height: settings[ifSet: Self.height], rate: settings[ifSet: Self.rate],
            isMirrored: settings[Self.mirror],
            patience: Camera.Patience(
                timeout: Self.nanoseconds(settings[Self.timeout]),
                reconnection: Self.nanoseconds(settings[Self.reconnect])),
            threads: settings.cores)
        limit = settings[ifSet: Self.frames]
    }

    private static func nanoseconds(_ seconds: Double) -> Int64 { Int64(seconds * 1e9) }

    package mutating func process(_ inputs: Inputs, into outputs: inout Outputs) throws {
        guard taken < limit ?? .max else { return outputs.finish() }
        let event = try outputs.wait { try camera.next() }
        for warning in camera.takeWarnings() { outputs.warn(warning) }
        switch event {
        case .shot(let shot): try send(shot, into: &outputs)
        case .waiting: break
        case .ended: outputs.finish()
        }
    }

    private mutating func send(_ shot: Camera.Shot, into outputs: inout Outputs) throws {
        if isResumed { goOn(at: shot.stale.first ?? shot.frame) }
        for frame in shot.stale {
            outputs.drop(stamp(frame), because: "waited too long in the camera's queue")
        }
        let room = outputs.tensor(for: Self.frame, shape: camera.shape)
        try camera.copyFrame(into: room)
        last = stamp(shot.frame)
        outputs.send(room, on: Self.frame, stamp: stamp(shot.frame))
        taken += 1
        if let limit { outputs.expect(frames: limit) }
    }

    package func save() -> SavedState? {
        guard let last else { return nil }
        var writer = StateWriter()
        writer.write(taken)
        writer.write(last)
        return SavedState(writer.bytes)
    }

    package mutating func restore(_ state: [UInt8]) {
        var reader = StateReader(state)
        taken = reader.number()
        last = reader.stamp()
        isResumed = true
    }

    /// An earlier process's numbers go on without a gap, and its times with the one that there was.
    private mutating func goOn(at first: Camera.Frame) {
        isResumed = false
        guard let last else { return }
        let pause = first.captured - last.captured
        // Another machine has another clock.
        let isKnown = (last.duration...Self.longestPause).contains(pause)
        shift.frames = last.frame + 1 - UInt64(first.number)
        shift.time = last.presentation + (isKnown ? pause : last.duration) - first.presentation
    }

    /// A restart takes seconds; an hour is more than the longest wait for a machine.
    private static let longestPause: Int64 = 3_600_000_000_000

    private func stamp(_ frame: Camera.Frame) -> Stamp {
        Stamp(
            frame: UInt64(frame.number) + shift.frames, captured: frame.captured,
            presentation: frame.presentation + shift.time, duration: frame.duration)
    }
}
