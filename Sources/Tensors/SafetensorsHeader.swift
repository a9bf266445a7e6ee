import FoundationEssentials

/// The checked header of a safetensors file.
///
/// Eight little-endian bytes give the header's length; then comes one JSON object, from each
/// tensor's name to its type, shape and byte range in what follows.
struct SafetensorsHeader {
    private(set) var metadata: [String: String] = [:]
    private(set) var entries: [String: SafetensorsFile.Entry] = [:]
    let dataStart: Int

    /// What other readers of the format accept at most.
    private static let longest = 100_000_000

    init(of file: MappedFile) throws(CheckpointError) {
        let bytes = file.bytes
        guard bytes.count >= 8 else {
            throw .truncated(file: file.path, bytes: bytes.count, needed: 8)
        }
        let length = UInt64(littleEndian: bytes.loadUnaligned(as: UInt64.self))
        guard length <= UInt64(Self.longest) else {
            throw .headerTooLong(file: file.path, header: length, limit: Self.longest)
        }
        dataStart = 8 + Int(length)
        guard dataStart <= bytes.count else {
            throw .truncated(file: file.path, bytes: bytes.count, needed: dataStart)
        }
        let parsed = try Self.parse(bytes[8..<dataStart], path: file.path)
        for (key, value) in parsed {
            if key == "__metadata__" {
                metadata = value.texts
            } else {
                entries[key] = try Self.entry(key, value, path: file.path)
            }
        }
        try Self.check(entries, dataBytes: bytes.count - dataStart, file: file)
    }

    private static func parse(
        _ json: Slice<UnsafeRawBufferPointer>, path: String
    ) throws(CheckpointError) -> [String: Value] {
        do {
            return try JSONDecoder().decode([String: Value].self, from: Data(json))
        } catch DecodingError.dataCorrupted {
            throw .badHeader(file: path, reason: "its header is not JSON")
        } catch DecodingError.keyNotFound(let key, let context) {
            let name = context.codingPath.first?.stringValue ?? ""
            throw .badHeader(file: path, reason: "'\(name)' has no '\(key.stringValue)'")
        } catch DecodingError.typeMismatch(_, let context) {
            let name = context.codingPath.map(\.stringValue).joined(separator: "/")
            throw .badHeader(file: path, reason: "'\(name)' has the wrong form")
        } catch {
            throw .badHeader(file: path, reason: "its header has the wrong form")
        }
    }

    private static func entry(
        _ key: String, _ value: Value, path: String
    ) throws(CheckpointError) -> SafetensorsFile.Entry {
        guard let width = widths[value.dtype] else {
            throw .unknownElementType(key: key, file: path, name: value.dtype)
        }
        guard value.offsets.count == 2, value.offsets[0] >= 0, value.offsets[0] <= value.offsets[1]
        else {
            throw .badHeader(file: path, reason: "'\(key)' has the offsets \(value.offsets)")
        }
        let range = value.offsets[0]..<value.offsets[1]
        guard byteCount(value.shape, width: width) == range.count else {
            throw .wrongByteCount(key: key, file: path, shape: value.shape, found: range.count)
        }
        return .init(typeName: value.dtype, shape: value.shape, range: range)
    }

    /// Bytes of a shape, or nil for a negative extent or a product beyond 64 bits.
    private static func byteCount(_ shape: [Int], width: Int) -> Int? {
        var bytes = width
        for extent in shape {
            guard extent >= 0 else { return nil }
            let (product, overflow) = bytes.multipliedReportingOverflow(by: extent)
            guard !overflow else { return nil }
            bytes = product
        }
        return bytes
    }

    /// Every tensor lies inside the file and shares no byte with another.
    private static func check(
        _ entries: [String: SafetensorsFile.Entry], dataBytes: Int, file: MappedFile
    ) throws(CheckpointError) {
        let sorted = entries.filter { !$0.value.range.isEmpty }
            .sorted { ($0.value.range.lowerBound, $0.key) < ($1.value.range.lowerBound, $1.key) }
        for (one, next) in zip(sorted, sorted.dropFirst())
        where one.value.range.overlaps(next.value.range) {
            throw .overlapping(key: one.key, other: next.key, file: file.path)
        }
        if let last = sorted.last?.value.range, last.upperBound > dataBytes {
            // Without gaps the header is sound, and it is the end of the file that is missing.
            let isGapless = sorted.reduce(0) { $0 + $1.value.range.count } == last.upperBound
            let (needed, overflow) = (file.byteCount - dataBytes)
                .addingReportingOverflow(last.upperBound)
            if isGapless, !overflow {
                throw .truncated(file: file.path, bytes: file.byteCount, needed: needed)
            }
        }
        // Tensors without elements have a place too.
        if let (key, entry) = entries.filter({ $0.value.range.upperBound > dataBytes })
            .max(by: { ($0.value.range.upperBound, $0.key) < ($1.value.range.upperBound, $1.key) })
        {
            throw .offsetsOutside(
                key: key, file: file.path, begin: entry.range.lowerBound,
                end: entry.range.upperBound, dataBytes: dataBytes)
        }
    }

    /// Bytes per element of every type the format has, those that no tensor here holds included.
    private static let widths = [
        "BOOL": 1, "U8": 1, "I8": 1, "F8_E5M2": 1, "F8_E4M3": 1, "F8_E8M0": 1, "U16": 2,
        "I16": 2, "F16": 2, "BF16": 2, "U32": 4, "I32": 4, "F32": 4, "U64": 8, "I64": 8, "F64": 8,
        "C64": 8,
    ]

    /// What the header says under one name.
    private struct Value: Decodable {
        var dtype = ""
        var shape: [Int] = []
        var offsets: [Int] = []
        var texts: [String: String] = [:]

        private enum CodingKeys: String, CodingKey {
            case dtype, shape
            case offsets = "data_offsets"
        }

        init(from decoder: any Decoder) throws {
            if decoder.codingPath.last?.stringValue == "__metadata__" {
                texts = try [String: String](from: decoder)
                return
            }
            let container = try decoder.container(keyedBy: CodingKeys.self)
            dtype = try container.decode(String.self, forKey: .dtype)
            shape = try container.decode([Int].self, forKey: .shape)
            offsets = try container.decode([Int].self, forKey: .offsets)
        }
    }
}
