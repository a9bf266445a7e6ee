import Tensors

/// The newest rows of something that arrives in chunks, oldest first, in one tensor.
///
/// The memory is allocated once; a new chunk moves what stays to the front.
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
        let storage =
            storage ?? Tensor(uninitialized: [capacity] + chunk.shape.dropFirst())
        let row = chunk.count / added, leaving = max(0, count + added - capacity)
        if leaving > 0 {
            storage.pointer.update(
                from: storage.pointer + leaving * row, count: (count - leaving) * row)
        }
        count -= leaving
        (storage.pointer + count * row).update(from: chunk.pointer, count: chunk.count)
        count += added
        self.storage = storage
    }
}
