/// Files of before PyTorch 1.6, which third parties still publish as `.bin`.
///
/// After a magic number come pickles: the version, facts about the system, the value, and the names
/// of its storages; then, in the order of the names, each storage's count and its bytes.
extension PyTorchFile {
    /// A pickle of the magic number, 0x1950a86a20f9469cfc6c.
    static let legacySignature: [UInt8] = [
        0x80, 0x02, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, 0x2e,
    ]

    static func legacy(_ file: MappedFile) throws(CheckpointError) -> Content {
        var rest = file.bytes[legacySignature.count...]
        var values: [PickleValue] = []
        for _ in 0..<4 {
            let (value, remaining) = try pickle(rest, file.path)
            values.append(value)
            rest = remaining
        }
        guard case .list(let names) = values[3] else {
            throw .badArchive(file: file.path, reason: "the names of its storages are missing")
        }
        let kinds = storageKinds(values[2], limit: file.byteCount)
        var storages: [String: Range<Int>] = [:]
        for case .text(let name) in names {
            // Without its width nobody knows where the next storage is.
            guard let width = kinds[name].flatMap({ Self.widths[$0] }) else {
                let kind = kinds[name].map { "the unknown type '\($0)'" } ?? "no known type"
                throw .badArchive(file: file.path, reason: "its storage '\(name)' has \(kind)")
            }
            let range = try storage(name, at: rest.startIndex, width, file)
            storages[name] = range
            rest = file.bytes[range.upperBound...]
        }
        return Content(value: values[2], storages: storages)
    }

    private static func storage(
        _ name: String, at start: Int, _ width: Int, _ file: MappedFile
    ) throws(CheckpointError) -> Range<Int> {
        guard start <= file.byteCount - 8 else {
            throw .truncated(file: file.path, bytes: file.byteCount, needed: start + 8)
        }
        let count = Int(
            littleEndian: file.bytes.loadUnaligned(fromByteOffset: start, as: Int.self))
        let (bytes, overflow) = count.multipliedReportingOverflow(by: width)
        guard count >= 0, !overflow, bytes <= file.byteCount - start - 8 else {
            throw .badArchive(file: file.path, reason: "its storage '\(name)' is cut short")
        }
        return (start + 8)..<(start + 8 + bytes)
    }

    /// The type of every storage that a value speaks of.
    ///
    /// - Parameter limit: of how many values are looked at.
    private static func storageKinds(_ value: PickleValue, limit: Int) -> [String: String] {
        var kinds: [String: String] = [:], left = [value], visited = 0
        while let value = left.popLast(), visited <= limit {
            visited += 1
            switch value {
            case .persistent(.tuple(let storage)):
                guard storage.count >= 3, case .global(let kind) = storage[1],
                    case .text(let name) = storage[2]
                else { continue }
                kinds[name] = kind
            case .tuple(let values), .list(let values), .call(_, let values): left += values
            case .dictionary(let pairs): left += pairs.map(\.value)
            default: break
            }
        }
        return kinds
    }
}
