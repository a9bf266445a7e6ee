import Layers
import Networks
import NodeKit
import Tensors

/// Puts the animated face back into the whole portrait, so that a half-length photo stays one.
package struct PasteBackNode: Node {
    package static let face = Port(
        "face", UInt8.self, "1 a a 3", meaning: "rgb", "the animated crop, square")
    package static let picture = Port(
        "picture", UInt8.self, "1 p q 3", meaning: "rgb", pace: .last,
        "the portrait that the crop was cut from")
    package static let transform = Port(
        "transform", Float.self, "2 3", meaning: "affine", pace: .last,
        "from the crop to the portrait, as face-crop gives it")
    package static let frame = Port(
        "frame", UInt8.self, "1 h w 3", meaning: "rgb", "the whole portrait with the animated face")
    package static let feather = Setting(
        "feather", Double.self, type: .number(0...0.5), default: 0.12,
        "part of the crop's side over which its edge fades into the portrait")

    package static let spec = NodeSpec(
        "paste-back", "Puts the animated face back into the whole portrait.",
        inputs: [face, picture, transform], outputs: [frame], settings: [feather],
        state: .none)

    private let feather: Float

    package init(settings: Settings) throws { feather = Float(settings[Self.feather]) }

    package mutating func process(_ inputs: Inputs, into outputs: inout Outputs) throws {
        let face = inputs[Self.face], whole = inputs[Self.picture]
        let numbers = inputs[Self.transform].array
        guard face.shape[1] == face.shape[2] else {
            throw CannotPaste(
                reason: "the face is \(face.shape[2])x\(face.shape[1]), and a square one is needed")
        }
        guard numbers.allSatisfy({ $0.magnitude < 1e6 }),
            abs(numbers[0] * numbers[4] - numbers[1] * numbers[3]) >= 1
        else { throw CannotPaste(reason: "the transform \(numbers) leads to no place in a picture") }
        // The transform counts sides of the crop, and the map pixels of its animated picture.
        let share = 1 / Float(face.shape[2])
        let map = PictureMap(
            xx: numbers[0] * share, xy: numbers[1] * share, x0: numbers[2],
            yx: numbers[3] * share, yy: numbers[4] * share, y0: numbers[5])
        let frame = outputs.tensor(for: Self.frame, shape: whole.shape)
        frame.pointer.update(from: whole.pointer, count: whole.count)
        frame.paste(face, map, feather: Float(face.shape[2]) * feather)
        outputs[Self.frame] = frame
    }
}

/// Something that cannot be put back.
struct CannotPaste: Error, CustomStringConvertible {
    let reason: String
    var description: String { "paste-back: " + reason }
}
