import ExactKernels

/// A file of named weights, of whichever format.
protocol WeightFile: Sendable {
    var path: String { get }
    /// Names of today: what networks ask for.
    var keys: [String] { get }
    func weight(_ key: String) -> StoredWeight?
}

/// Where a file keeps one weight.
struct StoredWeight {
    /// The format's word for the element type.
    let typeName: String
    let elementType: ElementType?
    let shape: [Int]
    let memory: TensorMemory
    /// Of the first byte.
    let offset: Int

    /// The weight as F32: the file's own bytes where these are aligned F32, else a copy. Nil when it
    /// is of another kind than F32, F16 and BF16.
    func floats() -> Tensor<Float>? {
        let start = UnsafeRawPointer(memory.base + offset)
        switch elementType {
        case .float32 where UInt(bitPattern: start) % 4 == 0:
            return Tensor(shape: shape, memory: memory, offset: offset)
        case .float32:
            let copy = Tensor<Float>(uninitialized: shape)
            UnsafeMutableRawPointer(copy.pointer)
                .copyMemory(from: start, byteCount: 4 * copy.count)
            return copy
        case .float16: return converted(exact_half_to_float)
        case .bfloat16: return converted(exact_bfloat_to_float)
        default: return nil
        }
    }

    /// The same bytes under another shape of the same size.
    func reshaped(_ shape: [Int]) -> StoredWeight {
        StoredWeight(
            typeName: typeName, elementType: elementType, shape: shape, memory: memory,
            offset: offset)
    }

    private func converted(
        _ convert: (UnsafeRawPointer?, Int, UnsafeMutablePointer<Float>?) -> Void
    ) -> Tensor<Float> {
        let tensor = Tensor<Float>(uninitialized: shape)
        convert(memory.base + offset, tensor.count, tensor.pointer)
        return tensor
    }
}
