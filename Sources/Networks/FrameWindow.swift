import Layers
import Tensors

/// The newest rows of something that arrives in chunks, oldest first, in one tensor.
///
/// On the processor the memory is allocated once; a new chunk moves what stays to the front.
struct FrameWindow {
    private let capacity: Int
    private var storage: Tensor<Float>?
    private(set) var count = 0

    init(capacity: Int) { self.capacity = capacity }

    /// All rows: valid until the next ``append(_:)``.
    var rows: Tensor<Float>? { storage.map { $0.rows(0..<count) } }

    /// Adds rows at the end; the oldest leave when there is no more room.
    mutating func append(_ chunk: Tensor<Float>) {
        let added = chunk.shape[0]
        precondition(added <= capacity, "\(added) rows for a window of \(capacity)")
        let room = storage ?? Tensor(uninitialized: [capacity] + chunk.shape.dropFirst())
        let leaving = max(0, count + added - capacity)
        storage = room.sliding(by: leaving, of: count, adding: chunk)
        count += added - leaving
    }
}
