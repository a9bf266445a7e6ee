import Networks
import Tensors

/// Writes one network's weights into one safetensors file, under the published names.
///
/// One tensor at a time is in memory, whatever the size of the checkpoint.
package struct WeightRewriting {
    private let checkpoint: Checkpoint
    private let entries: [WeightTable.Entry]
    private let type: ElementType

    /// - Parameters:
    ///   - checkpoint: has every needed weight of the table; ``WeightCheck`` tells.
    ///   - type: F32, F16 or BF16.
    package init(_ checkpoint: Checkpoint, _ table: WeightTable, as type: ElementType) {
        self.checkpoint = checkpoint
        entries = table.entries.filter { entry in
            switch entry.role {
            case .read: true
            case .unread: checkpoint.contains(entry.key)
            case .constant: false
            }
        }
        self.type = type
    }

    /// Bytes that the weights take in the file.
    package var byteCount: Int {
        entries.reduce(0) { $0 + $1.shape.reduce(type.byteCount, *) }
    }

    /// Writes the file; it has its name only when it is whole.
    ///
    /// - Parameter progress: told of the bytes of each tensor once they are written.
    package func callAsFunction(
        to path: String, progress: (Int) -> Void
    ) throws(CheckpointError) {
        let writer = try SafetensorsWriter(
            path: path, entries.map { .init(key: $0.key, shape: $0.shape) }, as: type,
            metadata: ["format": "pt", "source": checkpoint.origin])
        for entry in entries {
            try writer.append(try checkpoint.tensor(entry.key, entry.shape))
            progress(entry.shape.reduce(type.byteCount, *))
        }
        try writer.finish()
    }
}
