import Foundation
import Tensors

/// A folder that is gone when the test is.
final class TemporaryFolder: Sendable {
    let path: String

    init() {
        let folder = FileManager.default.temporaryDirectory
            .appendingPathComponent("personalive-\(UUID().uuidString)")
        path = folder.path
        try? FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// A path in the folder.
    func path(_ name: String) -> String { "\(path)/\(name)" }

    /// Writes bytes and gives their path.
    func write(_ bytes: [UInt8], as name: String = "weights.safetensors") throws -> String {
        let file = "\(path)/\(name)"
        try Data(bytes).write(to: URL(fileURLWithPath: file))
        return file
    }
}

/// A safetensors file of a header given as text and zeros or given bytes behind it.
func safetensors(_ header: String, data: [UInt8]) -> [UInt8] {
    let text = Array(header.utf8)
    let length = withUnsafeBytes(of: UInt64(text.count).littleEndian) { Array($0) }
    return length + text + data
}

/// The bytes of numbers.
func bytes<T: TensorElement>(_ values: [T]) -> [UInt8] {
    values.withUnsafeBytes { Array($0) }
}
