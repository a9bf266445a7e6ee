import ExactKernels

extension AnyTensor {
    /// The same numbers in half precision, rounded to the nearest, ties to even; beyond 65504 they are
    /// infinite.
    ///
    /// - Precondition: they are single precision.
    package var halved: AnyTensor {
        precondition(elementType == .float32, "\(elementType) cannot be halved")
        let memory = TensorMemory(byteCount: max(byteCount / 2, 1))
        withBytes { bytes in
            // A message's payload may begin anywhere; what a node made does not.
            let floats = bytes.baseAddress?.assumingMemoryBound(to: Float.self)
            exact_float_to_half(floats, bytes.count / 4, memory.base)
        }
        return AnyTensor(elementType: .float16, shape: shape, memory: memory)
    }

    /// The same numbers in single precision.
    ///
    /// - Precondition: they are half precision.
    package var widened: AnyTensor {
        precondition(elementType == .float16, "\(elementType) cannot be widened")
        let memory = TensorMemory(byteCount: max(byteCount * 2, 1))
        withBytes { bytes in
            exact_half_to_float(
                bytes.baseAddress, bytes.count / 2,
                memory.base.assumingMemoryBound(to: Float.self))
        }
        return AnyTensor(elementType: .float32, shape: shape, memory: memory)
    }
}
