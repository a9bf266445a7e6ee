import Media
import NodeKit
import Tensors

/// Writes a line of text into pictures.
package struct TextNode: Node {
    package static let input = Port(
        "frame", UInt8.self, "1 h w 3", meaning: "rgb", "what comes in")
    package static let output = Port(
        "frame", UInt8.self, "1 h w 3", meaning: "rgb", "the same with the text")
    package static let text = Setting(
        "text", String.self,
        "what is written, in any script that the font has; an empty one writes nothing"
    ).live()
    package static let place = Setting(
        "place", String.self, type: .choice(TextPainter.Place.allCases.map(\.rawValue)),
        default: TextPainter.Place.bottom.rawValue, "where it stands").live()
    package static let size = Setting(
        "size", Double.self, type: .number(0.01...1), default: 0.08,
        "height of its letters, as a part of the picture's height"
    ).live()
    package static let color = Setting(
        "color", String.self, default: "white", "a name that the Web knows, or #RRGGBB").live()
    package static let plate = Setting(
        "plate", Double.self, type: .number(0...1), default: 0.5,
        "how dark the ground behind it is: 0 leaves the picture as it is"
    ).live()
    package static let font = Setting(
        "font", String.self, default: "Sans", "a family that 'fc-list' names")

    package static let spec = NodeSpec(
        "text", "Writes a line of text into pictures.", inputs: [input], outputs: [output],
        settings: [text, place, size, color, plate, font], state: .none)

    private var settings: Settings
    private var painter: TextPainter?

    package init(settings: Settings) throws {
        self.settings = settings
        // A font or a colour that is not there shows before anything runs.
        _ = try TextPainter(Self.style(settings), width: 64, height: 64)
    }

    private static func style(_ settings: Settings) -> TextPainter.Style {
        TextPainter.Style(
            text: settings[text], font: settings[font], size: settings[size],
            place: TextPainter.Place(rawValue: settings[place]) ?? .bottom,
            color: settings[color], plate: settings[plate])
    }

    package mutating func update(settings: Settings) {
        self.settings = settings
        painter = nil
    }

    package mutating func process(_ inputs: Inputs, into outputs: inout Outputs) throws {
        let picture = inputs[Self.input]
        let (width, height) = (picture.shape[2], picture.shape[1])
        if painter?.width != width || painter?.height != height { painter = nil }
        if painter == nil {
            do { painter = try TextPainter(Self.style(settings), width: width, height: height) } catch {
                outputs.warn("\(error): nothing is written")
                painter = try TextPainter(.nothing, width: width, height: height)
            }
        }
        let room = outputs.tensor(for: Self.output, shape: picture.shape)
        try painter!.paint(picture, into: room)
        outputs[Self.output] = room
    }
}
