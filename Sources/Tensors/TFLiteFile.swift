/// The weights of a TensorFlow Lite model: its constants of kernels, biases and slopes, under names
/// and in the order of axes that PyTorch would give them.
///
/// Only what a network needs is read, as data: the graph itself is written in Swift. The layout is
/// that of FlatBuffers and of TensorFlow's `schema.fbs` (version 3).
struct TFLiteFile: WeightFile {
    /// Bytes 4 to 7 of every such file.
    static let identifier = Array("TFL3".utf8)

    private struct Entry: Sendable {
        let elementType: ElementType?
        /// As stored, and as it is handed out.
        let stored, shape: [Int]
        let isKernel: Bool
        let bytes: Range<Int>
    }

    private let file: MappedFile
    private let entries: [String: Entry]

    var path: String { file.path }
    var keys: [String] { Array(entries.keys) }

    static func isOne(_ file: MappedFile) -> Bool {
        file.bytes.count > 8 && file.bytes[4..<8].elementsEqual(identifier)
    }

    init(_ file: MappedFile) throws(CheckpointError) {
        self.file = file
        do {
            entries = try Self.entries(of: FlatBuffer(bytes: file.bytes))
        } catch {
            throw .badArchive(
                file: file.path, reason: "it is cut short or damaged (TensorFlow Lite)")
        }
    }

    func weight(_ key: String) -> StoredWeight? {
        entries[key].map { entry in
            StoredWeight(
                typeName: entry.elementType.map { "\($0)" } ?? "of another type",
                elementType: entry.elementType, shape: entry.shape
            ) { (Self.reordered(entry, file.memory), 0) }
        }
    }

    /// Every constant whose name says what it is for.
    private static func entries(of buffer: FlatBuffer) throws(FlatBuffer.Damage) -> [String: Entry]
    {
        let model = try buffer.root()
        // Fields by their numbers in the schema: Model.subgraphs 2, .buffers 4; SubGraph.tensors 0;
        // Tensor.shape 0, .type 1, .buffer 2, .name 3; Buffer.data 0.
        let buffers = try buffer.tables(model, field: 4)
        var entries: [String: Entry] = [:]
        for graph in try buffer.tables(model, field: 2) {
            for tensor in try buffer.tables(graph, field: 0) {
                let name = try buffer.text(tensor, field: 3)
                let index = try buffer.number(tensor, field: 2, UInt32.self) ?? 0
                guard let key = key(name), index < buffers.count,
                    let bytes = try buffer.bytes(buffers[Int(index)], field: 0), !bytes.isEmpty
                else { continue }
                let shape = try buffer.numbers(tensor, field: 0)
                let type = types[try buffer.number(tensor, field: 1, Int8.self) ?? 0]
                guard shape.count <= 4, let count = Self.product(shape, most: bytes.count),
                    type == nil || count * type!.byteCount == bytes.count
                else { throw .outside }
                entries[key] = Entry(
                    elementType: type, stored: shape, shape: shape4(shape, name),
                    isKernel: shape.count == 4, bytes: bytes)
            }
        }
        return entries
    }

    /// How many elements a shape has; nil where an extent is none, or there are more than bytes.
    private static func product(_ shape: [Int], most: Int) -> Int? {
        var product = 1
        for extent in shape {
            guard 1...most ~= extent, product <= most / extent else { return nil }
            product *= extent
        }
        return product
    }

    /// TensorType in the schema.
    private static let types: [Int8: ElementType] = [0: .float32, 1: .float16]

    /// `conv2d_3/Kernel` is `conv2d_3.weight`, `…/Bias` is `.bias`, and `…/Alpha`, slopes below zero,
    /// are a `.weight` as well.
    private static func key(_ name: String) -> String? {
        for (ending, word) in [("/Kernel", ".weight"), ("/Bias", ".bias"), ("/Alpha", ".weight")]
        where name.hasSuffix(ending) {
            return name.dropLast(ending.count) + word
        }
        return nil
    }

    /// `[out, h, w, in]` is handed out as `[out, in, h, w]`; the `[1, h, w, c]` of a depthwise
    /// layer as `[c, 1, h, w]`, which is the same exchange with other names. Slopes become a row.
    private static func shape4(_ shape: [Int], _ name: String) -> [Int] {
        if shape.count == 4 {
            return name.hasPrefix("depthwise")
                ? [shape[3], 1, shape[1], shape[2]] : [shape[0], shape[3], shape[1], shape[2]]
        }
        return [shape.reduce(1, *)]
    }

    private static func reordered(_ entry: Entry, _ memory: TensorMemory) -> TensorMemory {
        let copy = TensorMemory(byteCount: entry.bytes.count)
        let from = UnsafeRawPointer(memory.base) + entry.bytes.lowerBound
        guard entry.isKernel, let size = entry.elementType?.byteCount else {
            copy.base.copyMemory(from: from, byteCount: entry.bytes.count)
            return copy
        }
        // Both kernels have channels last: [a, h, w, c] becomes [a, c, h, w].
        let (a, pixels, c) = (entry.stored[0], entry.stored[1] * entry.stored[2], entry.stored[3])
        for outer in 0..<a {
            for pixel in 0..<pixels {
                for channel in 0..<c {
                    let source = ((outer * pixels + pixel) * c + channel) * size
                    let target = ((outer * c + channel) * pixels + pixel) * size
                    (copy.base + target).copyMemory(from: from + source, byteCount: size)
                }
            }
        }
        return copy
    }
}

/// Reads tables of a FlatBuffer; every offset is checked against the file's end.
private struct FlatBuffer {
    enum Damage: Error { case outside }

    let bytes: UnsafeRawBufferPointer

    func root() throws(Damage) -> Int { Int(try read(0, UInt32.self)) }

    private func read<Value: FixedWidthInteger>(_ at: Int, _: Value.Type) throws(Damage) -> Value {
        guard at >= 0, at <= bytes.count - MemoryLayout<Value>.size else { throw .outside }
        return Value(littleEndian: bytes.loadUnaligned(fromByteOffset: at, as: Value.self))
    }

    /// Where a field of a table lies; nil when it has its default.
    private func place(_ table: Int, _ field: Int) throws(Damage) -> Int? {
        let virtual = table - Int(try read(table, Int32.self))
        let size = Int(try read(virtual, UInt16.self))
        guard 4 + 2 * field < size else { return nil }
        let offset = Int(try read(virtual + 4 + 2 * field, UInt16.self))
        return offset == 0 ? nil : table + offset
    }

    func number<Value: FixedWidthInteger>(
        _ table: Int, field: Int, _ type: Value.Type
    ) throws(Damage) -> Value? {
        guard let place = try place(table, field) else { return nil }
        return try read(place, type)
    }

    /// Where a vector's elements begin, and how many there are.
    private func vector(
        _ table: Int, _ field: Int, size: Int
    ) throws(Damage) -> (start: Int, count: Int)? {
        guard let place = try place(table, field) else { return nil }
        let vector = place + Int(try read(place, UInt32.self))
        let count = Int(try read(vector, UInt32.self))
        guard count <= (bytes.count - vector - 4) / size else { throw .outside }
        return (vector + 4, count)
    }

    func tables(_ table: Int, field: Int) throws(Damage) -> [Int] {
        guard let (start, count) = try vector(table, field, size: 4) else { return [] }
        var tables: [Int] = []
        for index in 0..<count {
            let place = start + 4 * index
            tables.append(place + Int(try read(place, UInt32.self)))
        }
        return tables
    }

    func numbers(_ table: Int, field: Int) throws(Damage) -> [Int] {
        guard let (start, count) = try vector(table, field, size: 4) else { return [] }
        var numbers: [Int] = []
        for index in 0..<count { numbers.append(Int(try read(start + 4 * index, Int32.self))) }
        return numbers
    }

    func bytes(_ table: Int, field: Int) throws(Damage) -> Range<Int>? {
        try vector(table, field, size: 1).map { $0.start..<$0.start + $0.count }
    }

    func text(_ table: Int, field: Int) throws(Damage) -> String {
        guard let range = try bytes(table, field: field) else { return "" }
        return String(decoding: bytes[range], as: UTF8.self)
    }
}
