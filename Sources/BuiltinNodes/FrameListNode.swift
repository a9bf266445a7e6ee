import NodeKit
import Tensors

/// Writes a line for each frame: its number, a hash of its pixels, and when it came.
package struct FrameListNode: Node {
    package static let frame = Port(
        "frame", UInt8.self, "1 h w 3", meaning: "rgb", "frames in the order of time")
    package static let path = Setting(
        "path", String.self, type: .outputFile,
        "a text file: number, hash of the pixels, monotonic nanoseconds")

    package static let spec = NodeSpec(
        "frame-list", "Writes a line for each frame, with a hash of its pixels.", inputs: [frame],
        settings: [path], state: .saved)

    private var list: FrameList

    package init(settings: Settings) throws { 
        list = try FrameList(path: settings[Self.path], owner: settings.owner)
    }

    package mutating func process(_ inputs: Inputs, into outputs: inout Outputs) throws {
        try list.add(inputs.stamp, UnsafeRawBufferPointer(inputs[Self.frame].buffer))
    }

    package func save() -> SavedState? { SavedState(number: list.size) }
    package mutating func restore(_ state: [UInt8]) throws {
        try list.resume(at: SavedState.number(state))
    }

    package mutating func finish(into outputs: inout Outputs) throws { try list.finish() }
}
