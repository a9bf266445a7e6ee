import Networks
import NodeKit
import Tensors

/// Sets portrait, driver and result beside each other, so that one sees who follows whom.
package struct SideBySideNode: Node {
    package static let portrait = Port(
        "portrait", UInt8.self, "1 p q 3", meaning: "rgb", pace: .last, "who is animated")
    package static let driver = Port(
        "driver", UInt8.self, "1 a b 3", meaning: "rgb", "the frame that a result was made from")
    package static let result = Port(
        "result", UInt8.self, "1 c d 3", meaning: "rgb", "the animated portrait")
    package static let frame = Port(
        "frame", UInt8.self, "1 h w 3", meaning: "rgb",
        "the three or four in a row, of each the middle square")
    package static let warp = Port(
        "warp", UInt8.self, "1 e f 3", meaning: "rgb", isOptional: true,
        "the portrait as face-warp bends it, to compare with the result")
    package static let size = Setting(
        "size", Int.self, type: .integer(16...2048), default: 256, unit: "px",
        "rows and columns of each of them")

    package static let spec = NodeSpec(
        "side-by-side", "Sets portrait, driver and result beside each other.",
        inputs: [portrait, driver, result, warp], outputs: [frame], settings: [size], state: .none)

    private let side: Int

    package init(settings: Settings) throws { side = settings[Self.size] }

    package mutating func process(_ inputs: Inputs, into outputs: inout Outputs) {
        var pictures = [
            DrivingFrames.square(inputs[Self.portrait], size: side),
            DrivingFrames.square(inputs[Self.driver], size: side),
            DrivingFrames.square(inputs[Self.result], size: side),
        ]
        if let warp = inputs[ifPresent: Self.warp] {
            pictures.append(DrivingFrames.square(warp, size: side))
        }
        let frame = outputs.tensor(for: Self.frame, shape: [1, side, pictures.count * side, 3])
        for (column, picture) in pictures.enumerated() {
            frame.lay(picture, x: column * side, y: 0)
        }
        outputs[Self.frame] = frame
    }
}
