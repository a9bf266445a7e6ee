import Tensors

extension Tensor<Float> {
    /// `[n, side · side, patch · patch · c]` to `[n, side · patch, side · patch, c]`: a token's values
    /// are the pixels of its patch, row by row.
    package func pixelsOfPatches(side: Int, patch: Int) -> Tensor {
        let n = shape[0], line = shape[2] / patch
        precondition(shape[1] == side * side, "\(shape) are no \(side) × \(side) patches")
        if let place = place() {
            return pixelsOfPatchesOnDevice(side: side, patch: patch, at: place)
        }
        let y = Tensor(pooled: [n, side * patch, side * patch, line / patch])
        var to = y.pointer
        for row in 0..<n * side {
            for i in 0..<patch {
                for column in 0..<side {
                    let from = ((row * side + column) * patch + i) * line
                    to.update(from: pointer + from, count: line)
                    to += line
                }
            }
        }
        return y
    }
}

extension Tensor<UInt8> {
    /// Every byte of `[n, h, w, channels]` through its channel's table of 256 numbers.
    package func looked(up tables: [[Float]]) -> Tensor<Float> {
        let y = Tensor<Float>(uninitialized: shape)
        let c = shape[shape.count - 1]
        precondition(tables.count == c && tables.allSatisfy { $0.count == 256 })
        let flat = tables.flatMap { $0 }
        flat.withUnsafeBufferPointer { flat in
            for index in 0..<count {
                y.pointer[index] = flat[index % c * 256 + Int(pointer[index])]
            }
        }
        return y
    }
}
