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
    /// The bytes, row-major, and where they start: a weight that the file keeps in another order is
    /// copied here, and not where only its shape is wanted.
    let bytes: () -> (memory: TensorMemory, offset: Int)

    /// The weight as F32: the file's own bytes where these are aligned F32, else a copy. Nil when it
    /// is of another kind than F32, F16 and BF16.
    func floats() -> Tensor<Float>? {
        switch elementType {
        case .float32:
            let (memory, offset) = bytes()
            let start = UnsafeRawPointer(memory.base + offset)
            if UInt(bitPattern: start) % 4 == 0 {
                return Tensor(shape: shape, memory: memory, offset: offset)
            }
            let copy = Tensor<Float>(uninitialized: shape)
            withExtendedLifetime(memory) {
                UnsafeMutableRawPointer(copy.pointer)
                    .copyMemory(from: start, byteCount: 4 * copy.count)
            }
            return copy
        case .float16: return converted(exact_half_to_float)
        case .bfloat16: return converted(exact_bfloat_to_float)
        default: return nil
        }
    }

    /// The same bytes under another shape of the same size.
    func reshaped(_ shape: [Int]) -> StoredWeight {
        StoredWeight(typeName: typeName, elementType: elementType, shape: shape, bytes: bytes)
    }

    private func converted(
        _ convert: (UnsafeRawPointer?, Int, UnsafeMutablePointer<Float>?) -> Void
    ) -> Tensor<Float> {
        let tensor = Tensor<Float>(uninitialized: shape)
        let (memory, offset) = bytes()
        withExtendedLifetime(memory) {
            convert(memory.base + offset, tensor.count, tensor.pointer)
        }
        return tensor
    }
}
