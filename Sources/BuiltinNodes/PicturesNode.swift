import NodeKit

/// Sends pictures from files, one after the other at an even rate: a folder of them, or a pattern of names.
///
/// It is `video-file` without what only films have.
package struct PicturesNode: Node {
    package static let frame = VideoFileNode.frame
    package static let path = Setting(
        "path", String.self, type: .inputMedia,
        "a folder of pictures in natural order, or a pattern of their names, such as frames/%04d.png or "
            + "frames/*.jpg; all are scaled to the first one's size")
    package static let loop = Setting(
        "loop", Bool.self, default: false, "begin again after the last one, without end")

    package static let spec = NodeSpec(
        "pictures", "Sends pictures from files, one after the other.", outputs: [frame],
        settings: [path, VideoFileNode.rate, VideoFileNode.realtime, loop, VideoFileNode.frames],
        state: .saved)

    private var files: VideoFileNode

    package init(settings: Settings) throws { files = try VideoFileNode(settings: settings) }

    package mutating func process(_ inputs: Inputs, into outputs: inout Outputs) throws {
        try files.process(inputs, into: &outputs)
    }

    package func save() -> SavedState? { files.save() }
    package mutating func restore(_ state: [UInt8]) throws { try files.restore(state) }
}
