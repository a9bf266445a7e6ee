import Marks
import NodeKit
import Tensors

/// The pictures of a sink that compresses none itself, with the marks that its settings ask for.
struct MarkedPictures {
    private let marks: FrameMarks
    private var warning: String?

    /// - Throws: ``MarkSettingError`` for a text that cannot be drawn.
    init(settings: Settings) throws {
        marks = FrameMarks(try MarkSettings.options(from: settings))
        warning = MarkSettings.warning(for: settings)
    }

    /// The first of some frames `[n, h, w, 3]`, marked.
    mutating func first(
        of frames: Tensor<UInt8>, at stamp: Stamp, warning outputs: inout Outputs
    ) -> Tensor<UInt8> {
        if let warning {
            outputs.warn(warning)
            self.warning = nil
        }
        var frame = frames
        if frames.shape[0] > 1 {
            let shape = [1] + frames.shape.dropFirst()
            frame = Tensor(frames.buffer.prefix(shape.reduce(1, *)), shape: shape)
        }
        return marks.apply(to: frame, at: stamp.presentation)
    }
}
