import Media
import NodeKit
import Tensors

/// Lays a picture on others: picture in picture, or a logo.
package struct OverlayNode: Node {
    package static let frame = Port(
        "frame", UInt8.self, "1 h w 3", meaning: "rgb", "the picture below")
    package static let inset = Port(
        "inset", UInt8.self, "1 a b 3", meaning: "rgb", isOptional: true,
        "the picture on top, of the same frame")
    package static let picture = Port(
        "picture", UInt8.self, "1 c d 3", meaning: "rgb", pace: .last, isOptional: true,
        "a picture on top that stays, such as the portrait, where there is no inset")
    package static let output = Port(
        "frame", UInt8.self, "1 h w 3", meaning: "rgb", "both")
    package static let logo = Setting(
        "logo", String.self, type: .inputFile, isOptional: true,
        "a picture file on top instead of both; its transparency counts")
    package static let corner = Setting(
        "place", String.self, type: .choice(Place.allCases.map(\.rawValue)),
        default: Place.bottomRight.rawValue, "where the picture on top lies").live()
    package static let part = Setting(
        "part", Double.self, type: .number(0.01...1), default: 0.3,
        "width of the picture on top, as a part of that below"
    ).live()
    package static let margin = Setting(
        "margin", Double.self, type: .number(0...0.5), default: 0.02,
        "how far it is from the edges, as a part of the width of that below"
    ).live()
    package static let opacity = Setting(
        "opacity", Double.self, type: .number(0...1), default: 1,
        "1 hides what is below, 0 shows nothing of the picture on top"
    ).live()

    package static let spec = NodeSpec(
        "overlay", "Lays a picture over pictures: picture in picture, or a logo.",
        inputs: [frame, inset, picture], outputs: [output],
        settings: [logo, corner, part, margin, opacity], state: .none)

    enum Place: String, CaseIterable {
        case topLeft = "top-left", topRight = "top-right"
        case bottomLeft = "bottom-left", bottomRight = "bottom-right"
        case center
    }

    private typealias Layer = (pixels: Tensor<UInt8>, opacity: Tensor<UInt8>)
    private let logo: Layer?
    /// The logo at the size at which it was laid last.
    private var scaledLogo: Layer?
    private var settings: Settings

    package init(settings: Settings) throws {
        self.settings = settings
        logo = try settings[ifSet: Self.logo].map { try ImageReader.readLayer($0) }
    }

    package mutating func update(settings: Settings) { self.settings = settings }

    package mutating func process(_ inputs: Inputs, into outputs: inout Outputs) {
        let frame = inputs[Self.frame]
        let room = outputs.tensor(for: Self.output, shape: frame.shape)
        room.pointer.update(from: frame.pointer, count: frame.count)
        let opacity = settings[Self.opacity]
        let given = inputs[ifPresent: Self.inset] ?? inputs[ifPresent: Self.picture]
        if let picture = logo?.pixels ?? given {
            let width = max(1, Int((Double(frame.shape[2]) * settings[Self.part]).rounded()))
            let height = max(
                1, Int((Double(picture.shape[1] * width) / Double(picture.shape[2])).rounded()))
            let (x, y) = corner(width, height, in: frame)
            let layer = logoLayer(height: height, width: width)
            room.lay(
                layer?.pixels ?? picture.scaled(height: height, width: width), x: x, y: y,
                opacity: opacity, mask: layer?.opacity)
        }
        outputs[Self.output] = room
    }

    private mutating func logoLayer(height: Int, width: Int) -> Layer? {
        if let logo, scaledLogo?.pixels.shape != [1, height, width, 3] {
            scaledLogo = (
                logo.pixels.scaled(height: height, width: width),
                logo.opacity.scaled(height: height, width: width)
            )
        }
        return scaledLogo
    }

    /// Where the upper left corner of the picture on top lies.
    private func corner(_ width: Int, _ height: Int, in frame: Tensor<UInt8>) -> (x: Int, y: Int) {
        let (w, h) = (frame.shape[2], frame.shape[1])
        let margin = Int((Double(w) * settings[Self.margin]).rounded())
        let place = Place(rawValue: settings[Self.corner]) ?? .bottomRight
        let (right, bottom) = (w - width - margin, h - height - margin)
        switch place {
        case .topLeft: return (margin, margin)
        case .topRight: return (right, margin)
        case .bottomLeft: return (margin, bottom)
        case .bottomRight: return (right, bottom)
        case .center: return ((w - width) / 2, (h - height) / 2)
        }
    }
}
