import ExactKernels
import FoundationEssentials

/// Writes a safetensors file tensor by tensor, so that no more than one is in memory.
///
/// The file has its name only when it is whole; until then it is a ``Draft``.
package final class SafetensorsWriter {
    /// What is to be written, in this order.
    package struct Entry: Sendable {
        package let key: String
        package let shape: [Int]

        package init(key: String, shape: [Int]) { (self.key, self.shape) = (key, shape) }
    }

    /// Bytes that the finished file takes.
    package let byteCount: Int
    private let path: String
    private let type: ElementType
    private var waiting: ArraySlice<Entry>
    private let draft: Draft
    private var isFinished = false

    /// - Parameters:
    ///   - type: F32, F16 or BF16, of all tensors.
    ///   - metadata: free text for `__metadata__`.
    package init(
        path: String, _ entries: [Entry], as type: ElementType, metadata: [String: String]
    ) throws(CheckpointError) {
        precondition([.float32, .float16, .bfloat16].contains(type), "no weights of \(type)")
        (self.path, self.type, waiting) = (path, type, entries[...])
        let header = Self.header(entries, type, metadata)
        byteCount =
            header.count
            + entries.reduce(0) { $0 + $1.shape.reduce(type.byteCount, *) }
        do throws(DraftError) {
            let place = try Draft.place(path)
            guard place.kind == .nothing || place.kind == .file else {
                throw .unfit(path: path, reason: place.obstacle ?? "it is no file")
            }
            if let obstacle = place.obstacle { throw .unfit(path: path, reason: obstacle) }
            draft = try Draft(for: place)
        } catch { throw .unwritable(file: path, reason: error.reason) }
        try write(header)
    }

    deinit { if !isFinished { draft.remove() } }

    /// Writes the next tensor, converted to the file's type.
    ///
    /// - Precondition: it is of the shape that was announced.
    package func append(_ tensor: Tensor<Float>) throws(CheckpointError) {
        guard let entry = waiting.popFirst(), entry.shape == tensor.shape else {
            preconditionFailure("\(tensor.shape) was not announced")
        }
        let count = tensor.count
        if type == .float32 {
            try write(UnsafeRawBufferPointer(start: tensor.pointer, count: 4 * count))
        } else {
            let halves = Tensor<UInt8>(uninitialized: [2 * count])
            if type == .float16 {
                exact_float_to_half(tensor.pointer, count, halves.pointer)
            } else {
                exact_float_to_bfloat(tensor.pointer, count, halves.pointer)
            }
            try write(UnsafeRawBufferPointer(halves.buffer))
            withExtendedLifetime(halves) {}
        }
        withExtendedLifetime(tensor) {}
    }

    /// Gives the file its name.
    ///
    /// - Precondition: every tensor was written.
    package func finish() throws(CheckpointError) {
        precondition(waiting.isEmpty, "\(waiting.count) tensors are missing")
        do throws(DraftError) { try draft.publish() } catch {
            throw .unwritable(file: path, reason: error.reason)
        }
        isFinished = true
    }

    private static func header(
        _ entries: [Entry], _ type: ElementType, _ metadata: [String: String]
    ) -> [UInt8] {
        let word = SafetensorsFile.elementTypes.first { $0.value == type }?.key ?? ""
        var fields = metadata.isEmpty ? [] : ["\"__metadata__\":\(json(metadata))"]
        var begin = 0
        for entry in entries {
            let end = begin + entry.shape.reduce(type.byteCount, *)
            fields.append(
                "\(json(entry.key)):{\"dtype\":\"\(word)\",\"shape\":\(json(entry.shape)),"
                    + "\"data_offsets\":[\(begin),\(end)]}")
            begin = end
        }
        var text = Array("{\(fields.joined(separator: ","))}".utf8)
        // Blanks behind it keep what follows aligned.
        text += [UInt8](repeating: UInt8(ascii: " "), count: (8 - text.count % 8) % 8)
        return withUnsafeBytes(of: UInt64(text.count).littleEndian) { Array($0) } + text
    }

    private static func json(_ value: some Encodable) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return (try? encoder.encode(value)).map { String(decoding: $0, as: UTF8.self) } ?? "null"
    }

    private func write(_ bytes: [UInt8]) throws(CheckpointError) {
        // Through a result, since lending bytes loses the kind of error.
        try bytes.withUnsafeBytes { lent in
            Result { () throws(CheckpointError) in try write(lent) }
        }.get()
    }

    private func write(_ bytes: UnsafeRawBufferPointer) throws(CheckpointError) {
        do throws(DraftError) { try draft.append(bytes) } catch {
            throw .unwritable(file: path, reason: error.reason)
        }
    }
}
