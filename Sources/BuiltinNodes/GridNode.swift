import NodeKit
import Tensors

/// Sets up to eight pictures beside and below each other.
package struct GridNode: Node {
    /// The first one says how large all are.
    package static let pictures: [Port<UInt8>] = "abcdefgh".map { letter in
        Port(
            "\(letter)", UInt8.self, "1 \(letter)h \(letter)w 3", meaning: "rgb",
            isOptional: letter != "a",
            letter == "a" ? "the first picture of a frame" : "the next one of the same frame")
    }
    package static let still = Port(
        "picture", UInt8.self, "1 p q 3", meaning: "rgb", pace: .last, isOptional: true,
        "one that stays, such as the portrait: it stands before all others")
    package static let frame = Port(
        "frame", UInt8.self, "1 h w 3", meaning: "rgb", "all of them")
    package static let columns = Setting(
        "columns", Int.self, type: .integer(1...9), isOptional: true,
        "how many stand beside each other; without it all do")
    package static let width = Setting(
        "cell-width", Int.self, type: .integer(1...8_192), isOptional: true, unit: "px",
        "columns of each; without it those of the first picture")
    package static let height = Setting(
        "cell-height", Int.self, type: .integer(1...8_192), isOptional: true, unit: "px",
        "rows of each; without it those of the first picture")
    package static let fit = PictureFit.setting(default: .inside)

    package static let spec = NodeSpec(
        "grid", "Sets up to eight pictures of a frame beside and below each other.",
        inputs: pictures + [still], outputs: [frame],
        settings: [columns, width, height, fit], state: .none)

    private var settings: Settings

    package init(settings: Settings) { self.settings = settings }

    package mutating func update(settings: Settings) { self.settings = settings }

    package mutating func process(_ inputs: Inputs, into outputs: inout Outputs) {
        let first = inputs[Self.pictures[0]]
        let all = [inputs[ifPresent: Self.still]].compactMap(\.self)
            + Self.pictures.compactMap { inputs[ifPresent: $0] }
        let width = settings[ifSet: Self.width] ?? first.shape[2]
        let height = settings[ifSet: Self.height] ?? first.shape[1]
        let columns = min(settings[ifSet: Self.columns] ?? all.count, all.count)
        let rows = (all.count + columns - 1) / columns
        let fit = PictureFit(rawValue: settings[Self.fit]) ?? .inside
        let frame = outputs.tensor(
            for: Self.frame, shape: [1, rows * height, columns * width, 3])
        if rows * columns > all.count { frame.pointer.update(repeating: 0, count: frame.count) }
        let cell = Tensor<UInt8>(uninitialized: [1, height, width, 3])
        for (index, picture) in all.enumerated() {
            fit.fill(cell, with: picture)
            frame.lay(cell, x: index % columns * width, y: index / columns * height)
        }
        outputs[Self.frame] = frame
    }
}
