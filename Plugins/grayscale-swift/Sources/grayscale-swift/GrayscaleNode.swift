import NodeKit
import Tensors

/// Takes the colour out of frames.
struct GrayscaleNode: Node {
    static let input = Port("frame", UInt8.self, "n h w 3", meaning: "rgb", "any frame")
    static let output = Port("frame", UInt8.self, "n h w 3", meaning: "rgb", "the same in grey")
    static let strength = Setting(
        "strength", Double.self, type: .number(0...1), default: 1, "0 keeps the colours"
    ).live()

    static let spec = NodeSpec(
        "grayscale-swift", "Takes the colour out of frames, in Swift.", inputs: [input],
        outputs: [output], settings: [strength])

    private var strength: Float

    init(settings: Settings) { strength = Float(settings[Self.strength]) }

    mutating func update(settings: Settings) { strength = Float(settings[Self.strength]) }

    mutating func process(_ inputs: Inputs, into outputs: inout Outputs) {
        let frame = inputs[Self.input]
        let grey = outputs.tensor(for: Self.output, shape: frame.shape)
        withExtendedLifetime((frame, grey)) { mix(frame.buffer, into: grey.buffer) }
        outputs[Self.output] = grey
    }

    private func mix(
        _ source: UnsafeMutableBufferPointer<UInt8>, into target: UnsafeMutableBufferPointer<UInt8>
    ) {
        for pixel in stride(from: 0, to: source.count, by: 3) {
            // Luma of ITU-R BT.601: the weights of Y'.
            let red = 0.299 * Float(source[pixel])
            let luma = red + 0.587 * Float(source[pixel + 1]) + 0.114 * Float(source[pixel + 2])
            for index in pixel..<pixel + 3 {
                let own = Float(source[index])
                target[index] = UInt8(own + strength * (luma - own) + 0.5)
            }
        }
    }
}
