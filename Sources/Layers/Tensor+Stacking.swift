import Tensors

extension Tensor {
    /// Tensors one after the other along the slowest axis (a copy).
    package init(stacking parts: [Tensor]) {
        self.init(uninitialized: Self.shape(ofStacked: parts))
        fill(with: parts)
    }

    /// The same in memory from the pool.
    package init(pooling parts: [Tensor]) {
        self.init(pooled: Self.shape(ofStacked: parts))
        fill(with: parts)
    }

    private static func shape(ofStacked parts: [Tensor]) -> [Int] {
        [parts.reduce(0) { $0 + $1.shape[0] }] + parts[0].shape.dropFirst()
    }

    private func fill(with parts: [Tensor]) {
        var at = pointer
        for part in parts {
            at.update(from: part.pointer, count: part.count)
            at += part.count
        }
    }
}

extension Tensor<Float> {
    /// Tensors one after the other along the slowest axis (a copy), on a device if one of them is there.
    package init(stacking parts: [Tensor]) {
        if let place = parts.lazy.compactMap(\.block).first?.place {
            self.init(stackingOnDevice: parts, at: place)
        } else {
            self.init(uninitialized: Self.shape(ofStacked: parts))
            fill(with: parts)
        }
    }

    /// The same in memory from the pool.
    package init(pooling parts: [Tensor]) {
        if parts.contains(where: \.isOnDevice) {
            self.init(stacking: parts)
        } else {
            self.init(pooled: Self.shape(ofStacked: parts))
            fill(with: parts)
        }
    }

    /// Rows that slide: without the first `leaving` of `count`, and with those of a chunk behind them.
    ///
    /// This tensor has room for all of them. On the processor its own memory is used; on a device the
    /// result is a tensor of its own that holds no more than the rows.
    package func sliding(by leaving: Int, of count: Int, adding chunk: Tensor) -> Tensor {
        let kept = count - leaving
        if place(with: chunk) != nil {
            return Tensor(stacking: kept > 0 ? [rows(leaving..<count), chunk] : [chunk])
        }
        let row = chunk.count / chunk.shape[0]
        if leaving > 0 { pointer.update(from: pointer + leaving * row, count: kept * row) }
        (pointer + kept * row).update(from: chunk.pointer, count: chunk.count)
        return self
    }
}
