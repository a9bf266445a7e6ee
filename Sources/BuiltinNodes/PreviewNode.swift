import Media
import NodeKit
import Tensors

/// Shows the newest frame to a person at this machine, and takes frames as fast as they come.
package struct PreviewNode: Node {
    package static let frame = Port(
        "frame", UInt8.self, "n h w 3", meaning: "rgb", "of several the first is shown")
    package static let place = Setting(
        "show-in", String.self, type: .choice(Preview.Place.allCases.map(\.rawValue)),
        default: Preview.Place.any.rawValue,
        "a window; the terminal, in blocks of 24-bit colour; or any of them: the terminal where there is "
            + "no screen")
    package static let terminal = Setting(
        "terminal", String.self, default: "/dev/tty",
        "where the terminal's picture goes: that of the run, or what 'tty' says in another")

    package static let spec = NodeSpec(
        "preview", "Shows frames in a window or a terminal.", inputs: [frame],
        settings: [place, terminal], state: .none)

    private let preview: Preview
    private let reporter: NodeReporter

    package init(settings: Settings) throws {
        preview = Preview(
            Preview.Place(rawValue: settings[Self.place]) ?? .any,
            terminal: settings[Self.terminal],
            title: "personalive")
        reporter = settings.reporter
        reporter.describe { [preview] in preview.state }
    }

    package mutating func process(_ inputs: Inputs, into outputs: inout Outputs) {
        preview.show(inputs[Self.frame])
        let counts = preview.counts
        reporter.set("shown_pictures", to: Double(counts.shown))
        reporter.set("skipped_pictures", to: Double(counts.skipped))
    }

    package mutating func finish(into outputs: inout Outputs) { preview.finish() }
}
