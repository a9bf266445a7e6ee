import FoundationEssentials

/// A file in the safetensors format: a JSON header, then every tensor's bytes.
///
/// The header is checked whole before any tensor is handed out, so a damaged file is refused at once
/// and never read outside its bounds.
package struct SafetensorsFile: WeightFile {
    /// Where one tensor lies.
    package struct Entry: Sendable, Equatable {
        /// The element type as the format spells it: `F32`, `U8`, ….
        package let typeName: String
        package let shape: [Int]
        /// Bytes from the start of the data.
        package let range: Range<Int>
    }

    /// Free text that the writer left under `__metadata__`.
    package let metadata: [String: String]
    package let entries: [String: Entry]

    private let file: MappedFile
    private let dataStart: Int

    /// Opens and checks a file; nothing but the header is read.
    package init(contentsOf path: String) throws(CheckpointError) {
        try self.init(try MappedFile(path: path))
    }

    init(_ file: MappedFile) throws(CheckpointError) {
        self.file = file
        let header = try SafetensorsHeader(of: file)
        metadata = header.metadata
        entries = header.entries
        dataStart = header.dataStart
    }

    /// The path it was opened by.
    package var path: String { file.path }

    /// A tensor as it is stored, without a copy where the file keeps it aligned.
    ///
    /// - Returns: nil when there is no such tensor, or it has another element type.
    package func stored<Element>(_ key: String, as: Element.Type) -> Tensor<Element>? {
        guard let entry = entries[key], Self.elementTypes[entry.typeName] == Element.elementType
        else { return nil }
        let offset = dataStart + entry.range.lowerBound
        let address = UInt(bitPattern: file.memory.base) + UInt(offset)
        if address % UInt(MemoryLayout<Element>.alignment) == 0 {
            return Tensor(shape: entry.shape, memory: file.memory, offset: offset)
        }
        let copy = Tensor<Element>(uninitialized: entry.shape)
        UnsafeMutableRawPointer(copy.pointer)
            .copyMemory(from: file.memory.base + offset, byteCount: entry.range.count)
        return copy
    }

    var keys: [String] { Array(entries.keys) }

    func weight(_ key: String) -> StoredWeight? {
        entries[key].map { entry in
            StoredWeight(
                typeName: entry.typeName, elementType: Self.elementTypes[entry.typeName],
                shape: entry.shape
            ) { (file.memory, dataStart + entry.range.lowerBound) }
        }
    }

    /// The element types that tensors here can have, by the format's names.
    package static let elementTypes: [String: ElementType] = [
        "U8": .uint8, "I32": .int32, "I64": .int64, "F16": .float16, "BF16": .bfloat16,
        "F32": .float32, "F64": .float64,
    ]
}
