import Media
import Tensors

/// The frames of a film by their numbers, in rising order.
final class FrameWalk {
    private let reader: VideoReader
    private var number = -1
    private var picture: Tensor<UInt8>

    init(_ path: String) throws(MediaError) {
        reader = try VideoReader(path: path)
        picture = Tensor(uninitialized: [1, 1, 1, 3])
    }

    /// Bytes of a frame.
    var byteCount: Int { reader.shape.reduce(1, *) }

    /// A frame that is the last one asked for or comes after it.
    ///
    /// - Throws: ``MediaError``; ``EvaluationError`` where the film has become shorter than it was.
    func frame(_ wanted: Int) throws -> Tensor<UInt8> {
        precondition(wanted >= number, "frame \(wanted) after frame \(number)")
        while number < wanted {
            guard let item = try reader.next() else { throw EvaluationError.changed(reader.path) }
            guard case .frame = item else { continue }
            number += 1
            guard number == wanted else { continue }
            picture = Tensor(uninitialized: reader.shape)
            try reader.copyFrame(into: picture)
        }
        return picture
    }
}
