import Media
import Tensors

/// Small pictures for graphs of tests.
enum Pictures {
    /// A square of one grey.
    static func write(_ grey: UInt8, to path: String, side: Int = 16) throws {
        try ImageWriter.write(
            Tensor<UInt8>(repeating: grey, shape: [1, side, side, 3]), to: path)
    }
}
