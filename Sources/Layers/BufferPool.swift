import Synchronization
import Tensors

/// Memory of tensors that nobody uses any more, kept for the next ones.
///
/// The shapes of a run are fixed, so after the first pass every result finds a block of its size and
/// nothing is asked of the system: fresh pages would cost more than the arithmetic on them.
package enum BufferPool {
    // Pointers are kept as numbers, which may cross threads.
    private static let blocks = Mutex<[Int: [UInt]]>([:])

    /// Memory for `byteCount` bytes, not cleared; it comes back by itself when its last tensor goes.
    package static func memory(byteCount: Int) -> TensorMemory {
        let size = blockSize(for: byteCount)
        let address = blocks.withLock { $0[size]?.popLast() }
        let base =
            address.flatMap { UnsafeMutableRawPointer(bitPattern: $0) }
            ?? TensorMemory.allocate(byteCount: size)
        return TensorMemory(base: base, byteCount: size) { base in
            blocks.withLock { $0[size, default: []].append(UInt(bitPattern: base)) }
        }
    }

    /// Bytes that wait for their next use.
    package static var idleByteCount: Int {
        blocks.withLock { $0.reduce(0) { $0 + $1.key * $1.value.count } }
    }

    /// Gives all that is idle back to the system.
    package static func trim() {
        let idle = blocks.withLock { blocks in
            defer { blocks = [:] }
            return blocks
        }
        for (size, addresses) in idle {
            for address in addresses.compactMap(UnsafeMutableRawPointer.init(bitPattern:)) {
                TensorMemory.deallocate(address, byteCount: size)
            }
        }
    }

    /// Sizes are rounded up by at most an eighth, so that near sizes share their blocks.
    private static func blockSize(for byteCount: Int) -> Int {
        let step = max(64, (1 << (Int.bitWidth - byteCount.leadingZeroBitCount)) / 16)
        return (max(byteCount, 1) + step - 1) / step * step
    }
}

extension Tensor {
    /// A tensor from the pool whose elements are not set yet.
    package init(pooled shape: [Int]) {
        let bytes = shape.reduce(1, *) * MemoryLayout<Element>.stride
        self.init(shape: shape, memory: BufferPool.memory(byteCount: bytes))
    }
}
