import NodeKit
import Tensors

/// Cuts a rectangle out of pictures.
package struct CropNode: Node {
    package static let input = Port(
        "frame", UInt8.self, "1 h w 3", meaning: "rgb", "what comes in")
    package static let output = Port(
        "frame", UInt8.self, "1 height width 3", meaning: "rgb", "what is cut out")
    package static let width = Setting(
        "width", Int.self, type: .integer(1...16_384), unit: "px", "columns that are kept")
    package static let height = Setting(
        "height", Int.self, type: .integer(1...16_384), unit: "px", "rows that are kept")
    package static let left = Setting(
        "left", Int.self, type: .integer(0...16_384), isOptional: true, unit: "px",
        "the first column that is kept; without it the middle ones are"
    ).live()
    package static let top = Setting(
        "top", Int.self, type: .integer(0...16_384), isOptional: true, unit: "px",
        "the first row that is kept; without it the middle ones are"
    ).live()

    package static let spec = NodeSpec(
        "crop", "Cuts a rectangle out of pictures.", inputs: [input], outputs: [output],
        settings: [width, height, left, top], state: .none)

    private let width, height: Int
    private var left, top: Int?

    package init(settings: Settings) {
        (width, height) = (settings[Self.width], settings[Self.height])
        update(settings: settings)
    }

    package mutating func update(settings: Settings) {
        (left, top) = (settings[ifSet: Self.left], settings[ifSet: Self.top])
    }

    package mutating func process(_ inputs: Inputs, into outputs: inout Outputs) throws {
        let picture = inputs[Self.input]
        let (h, w) = (picture.shape[1], picture.shape[2])
        let (left, top) = (left ?? (w - width) / 2, top ?? (h - height) / 2)
        guard left >= 0, top >= 0, left + width <= w, top + height <= h else {
            throw Outside(
                description: "crop: frame \(inputs.stamp.frame) is \(w)x\(h), too small for "
                    + "\(width)x\(height) from column \(max(left, 0)) and row \(max(top, 0)) on")
        }
        let room = outputs.tensor(for: Self.output, shape: [1, height, width, 3])
        room.lay(picture, x: -left, y: -top)
        outputs[Self.output] = room
    }

    /// A rectangle that is not inside a picture.
    package struct Outside: Error, CustomStringConvertible { package let description: String }
}
