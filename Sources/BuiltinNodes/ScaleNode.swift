import NodeKit
import Tensors

/// Makes pictures another size.
package struct ScaleNode: Node {
    package static let input = Port(
        "frame", UInt8.self, "1 h w 3", meaning: "rgb", "what comes in")
    package static let output = Port(
        "frame", UInt8.self, "1 height width 3", meaning: "rgb", "the same at the size asked for")
    package static let width = Setting(
        "width", Int.self, type: .integer(1...16_384), isOptional: true, unit: "px",
        "columns; without it as many as the height and the picture's own proportions make")
    package static let height = Setting(
        "height", Int.self, type: .integer(1...16_384), isOptional: true, unit: "px",
        "rows; without it as many as the width and the picture's own proportions make")
    package static let fit = PictureFit.setting(default: .stretch)

    package static let spec = NodeSpec(
        "scale", "Makes pictures another size.", inputs: [input], outputs: [output],
        settings: [width, height, fit], state: .none)

    private let width, height: Int?
    private var fit: PictureFit

    package init(settings: Settings) throws {
        (width, height) = (settings[ifSet: Self.width], settings[ifSet: Self.height])
        fit = Self.fit(settings)
        guard width != nil || height != nil else { throw NoSize() }
    }

    private static func fit(_ settings: Settings) -> PictureFit {
        PictureFit(rawValue: settings[fit]) ?? .stretch
    }

    package mutating func update(settings: Settings) { fit = Self.fit(settings) }

    package mutating func process(_ inputs: Inputs, into outputs: inout Outputs) {
        let picture = inputs[Self.input]
        let (h, w) = (Double(picture.shape[1]), Double(picture.shape[2]))
        func side(_ length: Double) -> Int { max(1, Int(length.rounded())) }
        let height = self.height ?? side(h * Double(width!) / w)
        let width = self.width ?? side(w * Double(self.height!) / h)
        let room = outputs.tensor(for: Self.output, shape: [1, height, width, 3])
        fit.fill(room, with: picture)
        outputs[Self.output] = room
    }

    /// Neither width nor height was given.
    package struct NoSize: Error, CustomStringConvertible {
        package init() {}
        package let description = "scale: neither 'width' nor 'height' is given"
    }
}
