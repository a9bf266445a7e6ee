import NodeKit
import Tensors

/// Puts what a node remembers into bytes, for its successor on this machine.
struct StateWriter {
    private(set) var bytes: [UInt8] = []

    mutating func write(_ number: Int) { writeRaw(Int64(number)) }
    mutating func write(_ flag: Bool) { writeRaw(flag ? 1 as UInt8 : 0) }

    mutating func write<Element>(_ tensor: Tensor<Element>) {
        write(tensor.shape.count)
        tensor.shape.forEach { write($0) }
        bytes.append(contentsOf: UnsafeRawBufferPointer(tensor.buffer))
    }

    mutating func write<Element>(ifPresent tensor: Tensor<Element>?) {
        write(tensor != nil)
        if let tensor { write(tensor) }
    }

    mutating func write(_ numbers: [Float]) {
        write(numbers.count)
        numbers.withUnsafeBytes { bytes.append(contentsOf: $0) }
    }

    mutating func write(_ numbers: [Int]) {
        write(numbers.count)
        numbers.forEach { write($0) }
    }

    mutating func write(_ numbers: [Double]) {
        write(numbers.count)
        numbers.withUnsafeBytes { bytes.append(contentsOf: $0) }
    }

    mutating func write(_ stamp: Stamp) {
        writeRaw(stamp.frame)
        writeRaw(stamp.captured)
        writeRaw(stamp.presentation)
        writeRaw(stamp.duration)
        writeRaw(stamp.epoch)
    }

    mutating func write(text: String) { write(text.utf8.map { Int($0) }) }

    /// A tensor of any type.
    mutating func write(any tensor: AnyTensor) {
        writeRaw(tensor.elementType.rawValue)
        write(tensor.shape)
        tensor.withBytes { bytes.append(contentsOf: $0) }
    }

    private mutating func writeRaw<Value: FixedWidthInteger>(_ value: Value) {
        withUnsafeBytes(of: value) { bytes.append(contentsOf: $0) }
    }
}

/// Takes out of such bytes what was put in, in the same order.
struct StateReader {
    private let bytes: [UInt8]
    private var at = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    mutating func number() -> Int { Int(raw() as Int64) }
    mutating func flag() -> Bool { (raw() as UInt8) != 0 }

    mutating func tensor<Element>(_: Element.Type = Element.self) -> Tensor<Element> {
        let rank = number()
        let tensor = Tensor<Element>(uninitialized: (0..<rank).map { _ in number() })
        copy(to: UnsafeMutableRawBufferPointer(tensor.buffer))
        return tensor
    }

    mutating func tensorIfPresent<Element>(_ type: Element.Type = Element.self) -> Tensor<Element>? {
        flag() ? tensor(type) : nil
    }

    mutating func floats() -> [Float] {
        var numbers = [Float](repeating: 0, count: number())
        numbers.withUnsafeMutableBytes { copy(to: $0) }
        return numbers
    }

    mutating func doubles() -> [Double] {
        var numbers = [Double](repeating: 0, count: number())
        numbers.withUnsafeMutableBytes { copy(to: $0) }
        return numbers
    }

    mutating func numbers() -> [Int] { (0..<number()).map { _ in number() } }

    mutating func text() -> String {
        String(decoding: numbers().map { UInt8(truncatingIfNeeded: $0) }, as: UTF8.self)
    }

    mutating func anyTensor() -> AnyTensor {
        let type = ElementType(rawValue: raw()) ?? .uint8, shape = numbers()
        let memory = TensorMemory(byteCount: shape.reduce(type.byteCount, *))
        copy(to: UnsafeMutableRawBufferPointer(
            start: memory.base, count: shape.reduce(type.byteCount, *)))
        return AnyTensor(elementType: type, shape: shape, memory: memory)
    }

    mutating func stamp() -> Stamp {
        Stamp(
            frame: raw(), captured: raw(), presentation: raw(), duration: raw(), epoch: raw())
    }

    private mutating func raw<Value: FixedWidthInteger>() -> Value {
        let size = MemoryLayout<Value>.size
        defer { at += size }
        return bytes.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: at, as: Value.self) }
    }

    private mutating func copy(to room: UnsafeMutableRawBufferPointer) {
        bytes.withUnsafeBytes {
            room.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[at..<at + room.count]))
        }
        at += room.count
    }
}
