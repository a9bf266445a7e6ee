/// A checkpoint as `torch.save` writes it: a ZIP archive of a pickle and raw storages, or, before
/// PyTorch 1.6, several pickles with the storages behind them.
///
/// The pickles are read as data; nothing in them is run.
struct PyTorchFile: WeightFile {
    /// Where one tensor lies.
    struct Entry: Sendable {
        /// PyTorch's word for a storage of such elements.
        let storageType: String
        /// Nil where no tensor here can hold them: such an entry has a shape and is not read.
        let elementType: ElementType?
        let shape: [Int]
        /// Elements from one index to the next, along each axis.
        let strides: [Int]
        /// Of the first element, in the file.
        let offset: Int
    }

    let entries: [String: Entry]
    private let file: MappedFile

    var path: String { file.path }

    init(_ file: MappedFile) throws(CheckpointError) {
        self.file = file
        let content =
            file.bytes.starts(with: ZipArchive.signature)
            ? try Self.archive(file) : try Self.legacy(file)
        var entries: [String: Entry] = [:]
        for (key, tensor) in try Self.tensors(content.value, file) {
            entries[key] = try Self.entry(key, tensor, content.storages, file.path)
        }
        self.entries = entries
    }

    /// A pickle's value, and where the bytes of each storage lie.
    struct Content {
        let value: PickleValue
        let storages: [String: Range<Int>]
    }

    private static func archive(_ file: MappedFile) throws(CheckpointError) -> Content {
        let archive = try ZipArchive(of: file)
        guard let (name, range) = archive.files.first(where: { $0.key.hasSuffix("/data.pkl") })
        else { throw .badArchive(file: file.path, reason: "it has no data.pkl") }
        let folder = name.dropLast("data.pkl".count) + "data/"
        let storages = archive.files.filter { $0.key.hasPrefix(folder) }
            .map { (String($0.key.dropFirst(folder.count)), $0.value) }
        return Content(
            value: try pickle(file.bytes[range], file.path).value,
            storages: Dictionary(storages) { first, _ in first })
    }

    static func pickle(
        _ bytes: Slice<UnsafeRawBufferPointer>, _ path: String
    ) throws(CheckpointError) -> (value: PickleValue, rest: Slice<UnsafeRawBufferPointer>) {
        do {
            return try PickleReader.read(bytes)
        } catch {
            throw .badArchive(file: path, reason: "its pickle has \(error.reason)")
        }
    }

    /// Tensors by their keys; dictionaries inside dictionaries, such as `state_dict`, are opened.
    private static func tensors(
        _ value: PickleValue, _ file: MappedFile
    ) throws(CheckpointError) -> [(String, [PickleValue])] {
        var found: [(String, [PickleValue])] = [], left = [value], visited = 0
        while case .dictionary(let pairs)? = left.popLast() {
            // A dictionary that many others share would be opened again and again.
            visited += pairs.count
            guard visited <= file.byteCount else {
                throw .badArchive(file: file.path, reason: "its pickle repeats itself")
            }
            for case (.text(let name), let value) in pairs {
                if case .dictionary = value { left.append(value) }
                if let arguments = value.tensorArguments { found.append((name, arguments)) }
            }
        }
        return found
    }

    /// The arguments are (storage, offset, shape, strides, ...), the storage's description
    /// ("storage", type, number, device, count, view), of which only files of before 2017 have a view:
    /// (name, offset, count).
    private static func entry(
        _ key: String, _ arguments: [PickleValue], _ storages: [String: Range<Int>], _ path: String
    ) throws(CheckpointError) -> Entry {
        guard arguments.count >= 4, case .persistent(.tuple(let storage)) = arguments[0],
            storage.count >= 3, case .global(let kind) = storage[1],
            case .text(let number) = storage[2], let range = storages[number],
            case .integer(var first) = arguments[1], let shape = arguments[2].integers,
            let strides = arguments[3].integers, shape.count == strides.count
        else { throw .badArchive(file: path, reason: "'\(key)' in it has an unknown form") }
        if storage.count > 5, case .tuple(let view) = storage[5], view.count == 3,
            case .integer(let offset) = view[1]
        {
            first = first.addingReportingOverflow(offset).partialValue
        }
        // Where the width is not known, nothing can be said of the place, and nothing is read from it.
        let place = try widths[kind].map { (width) throws(CheckpointError) in
            try bytes(of: key, first, shape, strides, width: width, in: range.count, path)
        }
        return Entry(
            storageType: kind, elementType: elementTypes[kind], shape: shape, strides: strides,
            offset: range.lowerBound + (place?.lowerBound ?? 0))
    }

    /// The bytes of its storage that a tensor takes, from the first element to the last.
    private static func bytes(
        of key: String, _ first: Int, _ shape: [Int], _ strides: [Int], width: Int,
        in storage: Int, _ path: String
    ) throws(CheckpointError) -> Range<Int> {
        guard let (elements, count) = extent(first, shape, strides),
            case let (end, overflow) = elements.upperBound.multipliedReportingOverflow(by: width),
            !overflow
        else {
            throw .badArchive(
                file: path, reason: "'\(key)' in it has a shape or strides that no storage has")
        }
        let bytes = elements.lowerBound * width..<end
        guard end <= storage else {
            throw .offsetsOutside(
                key: key, file: path, begin: bytes.lowerBound, end: end, dataBytes: storage)
        }
        // Elements that share a place would let a small file claim any amount of memory.
        guard count <= storage / width else {
            throw .wrongByteCount(key: key, file: path, shape: shape, found: storage)
        }
        return bytes
    }

    /// The elements of a storage from a tensor's first to its last, and how many it has; nil where that
    /// is beyond counting.
    private static func extent(
        _ first: Int, _ shape: [Int], _ strides: [Int]
    ) -> (elements: Range<Int>, count: Int)? {
        guard first >= 0, !zip(shape, strides).contains(where: { $0 < 0 || $1 < 0 }) else {
            return nil
        }
        var last = first, count = 1
        for (extent, stride) in zip(shape, strides) {
            let (product, tooMany) = count.multipliedReportingOverflow(by: extent)
            let (way, tooWide) = stride.multipliedReportingOverflow(by: max(extent - 1, 0))
            let (end, tooFar) = last.addingReportingOverflow(way)
            guard !tooMany, !tooWide, !tooFar else { return nil }
            (count, last) = (product, end)
        }
        guard count > 0 else { return (first..<first, 0) }
        return last < .max ? (first..<last + 1, count) : nil
    }

    static let elementTypes: [String: ElementType] = [
        "torch.FloatStorage": .float32, "torch.HalfStorage": .float16,
        "torch.BFloat16Storage": .bfloat16, "torch.DoubleStorage": .float64,
        "torch.LongStorage": .int64, "torch.IntStorage": .int32, "torch.ByteStorage": .uint8,
    ]

    /// Bytes per element of every storage that PyTorch has (`torch/storage.py`), those whose elements no
    /// tensor here holds included.
    static let widths: [String: Int] = [
        "torch.BoolStorage": 1, "torch.ByteStorage": 1, "torch.CharStorage": 1,
        "torch.QInt8Storage": 1, "torch.QUInt8Storage": 1, "torch.QUInt4x2Storage": 1,
        "torch.QUInt2x4Storage": 1, "torch.UntypedStorage": 1, "torch.storage.UntypedStorage": 1,
        "torch.ShortStorage": 2, "torch.HalfStorage": 2, "torch.BFloat16Storage": 2,
        "torch.IntStorage": 4, "torch.FloatStorage": 4, "torch.QInt32Storage": 4,
        "torch.LongStorage": 8, "torch.DoubleStorage": 8, "torch.ComplexFloatStorage": 8,
        "torch.ComplexDoubleStorage": 16,
    ]

    var keys: [String] { Array(entries.keys) }

    func weight(_ key: String) -> StoredWeight? {
        entries[key].map { entry in
            StoredWeight(
                typeName: entry.elementType?.name ?? entry.storageType,
                elementType: entry.elementType, shape: entry.shape
            ) { bytes(of: entry) }
        }
    }

    /// The bytes of a tensor, row-major: those of the file, or a copy where strides are others.
    private func bytes(of entry: Entry) -> (memory: TensorMemory, offset: Int) {
        guard let width = entry.elementType?.byteCount, !Self.isDense(entry) else {
            return (file.memory, entry.offset)
        }
        let count = entry.shape.reduce(1, *)
        let copy = TensorMemory(byteCount: count * width)
        for index in 0..<count {
            var rest = index, element = 0
            for (extent, stride) in zip(entry.shape, entry.strides).reversed() {
                element += rest % extent * stride
                rest /= extent
            }
            (copy.base + index * width).copyMemory(
                from: file.memory.base + entry.offset + element * width, byteCount: width)
        }
        return (copy, 0)
    }

    /// Whether the file has a tensor's elements row by row without gaps.
    private static func isDense(_ entry: Entry) -> Bool {
        // Without elements there is no order, and the product of the others may be beyond counting.
        if entry.shape.contains(0) { return true }
        var dense = 1
        return zip(entry.shape, entry.strides).reversed().allSatisfy { extent, stride in
            defer { dense *= extent }
            return extent == 1 || stride == dense
        }
    }
}

extension PickleValue {
    /// What a tensor or parameter is made of, if this is one.
    fileprivate var tensorArguments: [PickleValue]? {
        switch self {
        case .call("torch._utils._rebuild_tensor_v2", let arguments),
            .call("torch._utils._rebuild_tensor", let arguments):
            arguments
        case .call("torch._utils._rebuild_parameter", let arguments):
            arguments.first?.tensorArguments
        default: nil
        }
    }

    /// The numbers of a tuple or list of whole numbers.
    fileprivate var integers: [Int]? {
        let values: [PickleValue]
        switch self {
        case .tuple(let tuple): values = tuple
        case .list(let list): values = list
        default: return nil
        }
        let numbers = values.compactMap {
            if case .integer(let number) = $0 { number } else { nil }
        }
        return numbers.count == values.count ? numbers : nil
    }
}
