import CTorch
import Glibc
import Synchronization
import Tensors

/// What a tensor on a device is: elements of libtorch's, row-major, and where they are.
///
/// It is the owner of the tensor's memory, whose addresses are nominal (``NominalMemory``): each stands
/// for an element, with four bytes apiece whatever its type is on the device. So a tensor is reshaped and
/// divided into rows as everywhere, and every line that reads its elements without ``Tensor/host()``
/// crashes, with and without a GPU.
final class DeviceBlock: Sendable {
    let tensor: TorchTensor
    let place: DevicePlace

    init(_ tensor: TorchTensor, at place: DevicePlace) {
        (self.tensor, self.place) = (tensor, place)
    }
}

/// Addresses that nobody can read.
private enum NominalMemory {
    /// Much more than what is alive at any time. Its addresses are given out in turn.
    private static let size = 1 << 40
    private static let next = Atomic<Int>(0)

    // A number, which may cross threads.
    private static let base: UInt = {
        let mapped = mmap(
            nil, 2 * size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
        guard let mapped, mapped != MAP_FAILED else {
            fatalError(
                "there are no addresses for tensors on a device: \(String(cString: strerror(errno)))"
            )
        }
        return UInt(bitPattern: mapped)
    }()

    static func memory(byteCount: Int, _ owner: DeviceBlock) -> TensorMemory {
        precondition(byteCount <= size, "\(byteCount) bytes in one tensor")
        let step = (max(byteCount, 1) + 63) / 64 * 64
        let offset = next.add(step, ordering: .relaxed).oldValue % size
        let base = UnsafeMutableRawPointer(bitPattern: base + UInt(offset))!
        return TensorMemory(base: base, byteCount: byteCount, owner: owner)
    }
}

extension Tensor<Float> {
    private static var width: Int { MemoryLayout<Float>.stride }

    /// What it is on a device; nil for a tensor that the processor can read.
    var block: DeviceBlock? { memory.owner as? DeviceBlock }

    /// Whether only a device can read it.
    package var isOnDevice: Bool { block != nil }

    /// A result of libtorch's, brought into row-major order where it is not.
    init(_ result: TorchTensor, _ shape: [Int], at place: DevicePlace) {
        let ordered = result.contiguous()
        let bytes = shape.reduce(1, *) * Self.width
        self.init(
            shape: shape,
            memory: NominalMemory.memory(byteCount: bytes, DeviceBlock(ordered, at: place)))
    }

    /// The same numbers where the processor can read them. Waits for the device; the numbers of the
    /// processor are given back as they are.
    package func host() -> Tensor {
        guard let block else { return self }
        let y = Tensor(pooled: shape)
        guard count > 0 else { return y }
        withExtendedLifetime(y) {
            TorchTensor(over: y.pointer, shape, type: CTORCH_FLOAT32).copy(
                from: elements(of: block))
        }
        return y
    }

    /// Returns when the device has computed the tensor: an element of it is read.
    func waitForDevice() {
        guard count > 0 else { return }
        _ = reshaped([count]).rows(0..<1).host()
    }

    /// The same numbers at a place, in its type; those that are there are given back as they are.
    func moved(to place: DevicePlace) -> Tensor {
        if let block, block.place == place { return self }
        let source = host()
        let there = TorchTensor(empty: shape, at: place)
        withExtendedLifetime(source) {
            if count > 0 {
                there.copy(from: TorchTensor(over: source.pointer, shape, type: CTORCH_FLOAT32))
            }
        }
        return Tensor(there, shape, at: place)
    }

    /// The same numbers as a layer keeps its weights: for a constant that meets its results.
    package func stored(_ storage: WeightStorage) -> Tensor {
        DevicePlace(storage).map { moved(to: $0) } ?? self
    }

    /// The same numbers where another tensor's are: for a constant that meets it again and again.
    package func placed(like other: Tensor) -> Tensor {
        other.block.map { moved(to: $0.place) } ?? host()
    }

    /// Where an operation on two tensors is done: on the device, if one of them is there.
    func place(with other: Tensor? = nil) -> DevicePlace? {
        (block ?? other?.block)?.place
    }

    /// The elements as libtorch sees them; sizes and strides count in elements from this tensor's first.
    ///
    /// - Precondition: the tensor is on a device.
    func elements(_ sizes: [Int]? = nil, _ strides: [Int]? = nil, offset: Int = 0) -> TorchTensor {
        guard let block else { preconditionFailure("\(shape) is on no device") }
        return elements(of: block, sizes, strides, offset: offset)
    }

    private func elements(
        of block: DeviceBlock, _ sizes: [Int]? = nil, _ strides: [Int]? = nil, offset: Int = 0
    ) -> TorchTensor {
        let sizes = sizes ?? shape
        let first = (UnsafeMutableRawPointer(pointer) - memory.base) / Self.width
        return block.tensor.viewed(sizes, strides ?? sizes.rowMajorStrides, offset: first + offset)
    }
}
