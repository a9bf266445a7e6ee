import Media
import NodeKit
import Tensors

/// Shows frames as a camera of this machine, which video calls and OBS can choose: through v4l2loopback.
package struct VirtualCameraNode: Node {
    package static let frame = Port(
        "frame", UInt8.self, "n h w 3", meaning: "rgb", "of several the first is shown")
    package static let device = Setting(
        "device", String.self, default: "/dev/video10",
        "of v4l2loopback, or a pipe that is there: it gets pictures in I420 behind each other")
    package static let width = Setting(
        "width", Int.self, type: .integer(2...8192), isOptional: true, unit: "px",
        "of the camera's pictures, to which frames are stretched; the frames' own without it")
    package static let height = Setting(
        "height", Int.self, type: .integer(2...8192), isOptional: true, unit: "px",
        "of the camera's pictures")
    package static let rate = Setting(
        "rate", Double.self, type: .number(1...120), default: 25, unit: "fps",
        "pictures a second, at an even pace: where none has come, the last is shown again")

    package static let spec = NodeSpec(
        "virtual-camera", "Shows frames as a camera of this machine.", inputs: [frame],
        settings: [device, width, height, rate] + MarkSettings.all, state: .none)

    private let camera: VirtualCamera
    private var pictures: MarkedPictures
    private let reporter: NodeReporter

    package init(settings: Settings) throws {
        var options = VirtualCamera.Options(device: settings[Self.device])
        (options.width, options.height) = (
            settings[ifSet: Self.width], settings[ifSet: Self.height]
        )
        options.rate = settings[Self.rate]
        camera = VirtualCamera(options)
        pictures = try MarkedPictures(settings: settings)
        reporter = settings.reporter
        // The thread that writes has news when no frame comes, too.
        reporter.describe { [camera] in camera.state }
    }

    package mutating func process(_ inputs: Inputs, into outputs: inout Outputs) {
        let picture = pictures.first(of: inputs[Self.frame], at: inputs.stamp, warning: &outputs)
        camera.show(picture, presentation: inputs.stamp.presentation)
        settle(&outputs)
    }

    package mutating func finish(into outputs: inout Outputs) {
        camera.finish()
        settle(&outputs)
    }

    private func settle(_ outputs: inout Outputs) {
        let counts = camera.counts
        reporter.set("fresh_pictures", to: Double(counts.fresh))
        reporter.set("repeated_pictures", to: Double(counts.repeated))
        reporter.set("skipped_pictures", to: Double(counts.dropped))
        for warning in camera.takeWarnings() { outputs.warn(warning) }
    }
}
