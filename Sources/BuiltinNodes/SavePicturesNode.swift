import Media
import NodeKit
import Tensors

/// Writes frames as numbered pictures into a folder.
package struct SavePicturesNode: Node {
    package static let frame = Port(
        "frame", UInt8.self, "1 h w 3", meaning: "rgb", "frames in the order of time")
    package static let path = Setting(
        "path", String.self, type: .outputFile,
        "a folder, new or empty, written with '/' at its end: 000000.png in it is the first frame"
    ).ending(in: ["/"])

    package static let spec = NodeSpec(
        "save-pictures", "Writes frames as numbered pictures into a folder.", inputs: [frame],
        settings: [path] + MarkSettings.all, state: .saved)

    private let folder: PictureFolder
    private var warning: String?

    package init(settings: Settings) throws {
        folder = try PictureFolder(
            path: settings[Self.path], labelsAIGenerated: settings[MarkSettings.label],
            marks: try MarkSettings.options(from: settings), owner: settings.owner)
        warning = MarkSettings.warning(for: settings)
    }

    package mutating func process(_ inputs: Inputs, into outputs: inout Outputs) throws {
        if let warning {
            outputs.warn(warning)
            self.warning = nil
        }
        try folder.write(
            inputs[Self.frame], presentation: inputs.stamp.presentation,
            duration: inputs.stamp.duration)
        for warning in folder.takeWarnings() { outputs.warn(warning) }
    }

    package func save() -> SavedState? {
        folder.savePoint().map { SavedState($0.bytes, missingTicks: $0.missing) }
    }

    package mutating func restore(_ state: [UInt8]) throws { try folder.resume(from: state) }

    package mutating func finish(into outputs: inout Outputs) throws {
        _ = try folder.finish()
        for warning in folder.takeWarnings() { outputs.warn(warning) }
    }
}
