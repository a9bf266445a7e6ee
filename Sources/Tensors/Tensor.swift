/// Numbers in row-major order with a shape.
///
/// A tensor is a view: copying the struct shares its memory, as with every array library that moves
/// pictures. Fill a new tensor before passing it on, and treat one that was passed to you as
/// constant.
public struct Tensor<Element: TensorElement>: @unchecked Sendable {
    // Unchecked because of the rule above: a tensor is written only before it is shared.

    /// Extent of each axis, slowest first.
    public let shape: [Int]
    /// What keeps the bytes alive.
    public let memory: TensorMemory
    /// First element.
    public let pointer: UnsafeMutablePointer<Element>

    /// Number of elements.
    public var count: Int { shape.reduce(1, *) }

    /// A tensor over `memory`, starting `offset` bytes in.
    ///
    /// - Precondition: the shape fits into the memory behind the offset.
    public init(shape: [Int], memory: TensorMemory, offset: Int = 0) {
        let bytes = shape.reduce(1, *) * MemoryLayout<Element>.stride
        precondition(
            offset >= 0 && offset + bytes <= memory.byteCount,
            "tensor \(shape) takes \(bytes) bytes at \(offset), the memory has \(memory.byteCount)")
        self.shape = shape
        self.memory = memory
        pointer = (memory.base + offset).assumingMemoryBound(to: Element.self)
    }

    /// A new tensor whose elements are not set yet.
    public init(uninitialized shape: [Int]) {
        let bytes = shape.reduce(1, *) * MemoryLayout<Element>.stride
        self.init(shape: shape, memory: TensorMemory(byteCount: bytes))
    }

    /// A new tensor of one value.
    public init(repeating value: Element, shape: [Int]) {
        self.init(uninitialized: shape)
        pointer.initialize(repeating: value, count: count)
    }

    /// A new tensor with the given elements.
    ///
    /// - Precondition: there are as many as the shape needs.
    public init(_ elements: some Collection<Element>, shape: [Int]) {
        precondition(
            elements.count == shape.reduce(1, *), "\(elements.count) elements for shape \(shape)")
        self.init(uninitialized: shape)
        _ = UnsafeMutableBufferPointer(start: pointer, count: count).initialize(from: elements)
    }

    /// The elements, for reading and, before the tensor is shared, for writing.
    public var buffer: UnsafeMutableBufferPointer<Element> {
        UnsafeMutableBufferPointer(start: pointer, count: count)
    }

    /// The elements as an array (a copy).
    public var array: [Element] { Array(buffer) }

    /// The same elements under another shape of the same size.
    public func reshaped(_ shape: [Int]) -> Tensor {
        precondition(shape.reduce(1, *) == count, "cannot view \(self.shape) as \(shape)")
        return Tensor(shape: shape, memory: memory, offset: byteOffset)
    }

    /// Rows `range` of the slowest axis: a view, not a copy.
    public func rows(_ range: Range<Int>) -> Tensor {
        precondition(range.lowerBound >= 0 && range.upperBound <= shape[0])
        let row = count / max(shape[0], 1) * MemoryLayout<Element>.stride
        return Tensor(
            shape: [range.count] + shape.dropFirst(), memory: memory,
            offset: byteOffset + range.lowerBound * row)
    }

    private var byteOffset: Int { UnsafeMutableRawPointer(pointer) - memory.base }
}

/// A tensor whose element type is known only at run time: what travels between nodes.
public struct AnyTensor: Sendable {
    /// Type of each element.
    public let elementType: ElementType
    /// Extent of each axis, slowest first.
    public let shape: [Int]
    /// What keeps the bytes alive.
    public let memory: TensorMemory
    /// Where the first element lies in the memory, in bytes.
    public let offset: Int

    /// Forgets the element type.
    public init<Element>(_ tensor: Tensor<Element>) {
        elementType = Element.elementType
        shape = tensor.shape
        memory = tensor.memory
        offset = UnsafeMutableRawPointer(tensor.pointer) - tensor.memory.base
    }

    /// A tensor over `memory`, starting `offset` bytes in.
    public init(elementType: ElementType, shape: [Int], memory: TensorMemory, offset: Int = 0) {
        self.elementType = elementType
        self.shape = shape
        self.memory = memory
        self.offset = offset
    }

    /// Bytes that the elements take.
    public var byteCount: Int { shape.reduce(1, *) * elementType.byteCount }

    /// Lends the elements' bytes.
    public func withBytes<Result>(
        _ body: (UnsafeRawBufferPointer) throws -> Result
    ) rethrows -> Result {
        try withExtendedLifetime(memory) {
            try body(UnsafeRawBufferPointer(start: memory.base + offset, count: byteCount))
        }
    }

    /// The tensor with its element type, or nil when it has another.
    public func typed<Element>(_: Element.Type = Element.self) -> Tensor<Element>? {
        guard elementType == Element.elementType else { return nil }
        return Tensor(shape: shape, memory: memory, offset: offset)
    }
}
