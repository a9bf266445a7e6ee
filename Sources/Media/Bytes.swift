/// Appends numbers and strings, little-endian, to a message.
struct ByteWriter {
    private(set) var bytes: [UInt8] = []

    mutating func put(_ value: some FixedWidthInteger) {
        withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }

    /// A length as 32 bits, then the bytes.
    mutating func put(_ value: [UInt8]) {
        put(UInt32(value.count))
        bytes.append(contentsOf: value)
    }

    mutating func put(_ value: String) { put(Array(value.utf8)) }
}

/// Takes apart what ``ByteWriter`` put together, and never reads past the end.
struct ByteReader {
    private var rest: UnsafeRawBufferPointer.SubSequence

    init(_ bytes: UnsafeRawBufferPointer) { rest = bytes[...] }

    var isAtEnd: Bool { rest.isEmpty }

    mutating func take<Number: FixedWidthInteger>(
        _: Number.Type = Number.self
    ) throws(MediaError) -> Number {
        let size = MemoryLayout<Number>.size
        let slice = try takeSlice(size)
        return Number(
            littleEndian: UnsafeRawBufferPointer(rebasing: slice).loadUnaligned(as: Number.self))
    }

    mutating func takeBytes() throws(MediaError) -> [UInt8] {
        let count = try take(UInt32.self)
        return try Array(takeSlice(Int(count)))
    }

    mutating func takeText() throws(MediaError) -> String {
        guard let text = try String(validating: takeBytes(), as: UTF8.self) else {
            throw .badAudioPacket(reason: "a name is not UTF-8")
        }
        return text
    }

    private mutating func takeSlice(
        _ count: Int
    ) throws(MediaError) -> UnsafeRawBufferPointer.SubSequence {
        guard count <= rest.count else {
            throw .badAudioPacket(reason: "it ends \(count - rest.count) bytes too early")
        }
        defer { rest = rest.dropFirst(count) }
        return rest.prefix(count)
    }
}
