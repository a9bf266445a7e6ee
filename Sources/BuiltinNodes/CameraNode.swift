import Media
import NodeKit
import Tensors

/// Sends the frames of a camera.
package struct CameraNode: Node {
    package static let frame = Port(
        "frame", UInt8.self, "1 h w 3", meaning: "rgb", "frames as they are taken")
    package static let device = Setting(
        "device", String.self, default: "/dev/video0",
        "a v4l2 device, or one of FFmpeg's test sources: lavfi:testsrc=size=640x480:rate=25")
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
        settings: [device, width, height, rate, frames])

    private let camera: Camera
    private let limit: Int?
    private var taken = 0

    package init(settings: Settings) throws {
        camera = try Camera(
            device: settings[Self.device], width: settings[ifSet: Self.width],
            height: settings[ifSet: Self.height], rate: settings[ifSet: Self.rate],
            threads: settings.cores)
        limit = settings[ifSet: Self.frames]
    }

    package mutating func process(_ inputs: Inputs, into outputs: inout Outputs) throws {
        guard taken < limit ?? .max, let shot = try camera.next() else { return outputs.finish() }
        for frame in shot.stale {
            outputs.drop(Self.stamp(frame), because: "waited too long in the camera's queue")
        }
        let room = outputs.tensor(for: Self.frame, shape: camera.shape)
        try camera.copyFrame(into: room)
        outputs.send(room, on: Self.frame, stamp: Self.stamp(shot.frame))
        taken += 1
        if let limit { outputs.expect(frames: limit) }
    }

    private static func stamp(_ frame: Camera.Frame) -> Stamp {
        Stamp(
            frame: UInt64(frame.number), captured: frame.captured,
            presentation: frame.presentation, duration: frame.duration)
    }
}
