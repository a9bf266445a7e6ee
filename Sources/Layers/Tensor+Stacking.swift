import Tensors

extension Tensor {
    /// Tensors one after the other along the slowest axis (a copy).
    package init(stacking parts: [Tensor]) {
        let rows = parts.reduce(0) { $0 + $1.shape[0] }
        self.init(uninitialized: [rows] + parts[0].shape.dropFirst())
        fill(with: parts)
    }

    /// The same in memory from the pool.
    package init(pooling parts: [Tensor]) {
        let rows = parts.reduce(0) { $0 + $1.shape[0] }
        self.init(pooled: [rows] + parts[0].shape.dropFirst())
        fill(with: parts)
    }

    private func fill(with parts: [Tensor]) {
        var at = pointer
        for part in parts {
            at.update(from: part.pointer, count: part.count)
            at += part.count
        }
    }
}
