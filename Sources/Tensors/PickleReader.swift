/// What a pickle describes, without running any of it.
///
/// A pickle is a program for a stack machine that may call any Python function. This reader knows the
/// few operations that checkpoints consist of; a call becomes a value that says what would have been
/// called.
indirect enum PickleValue {
    case none
    case bool(Bool)
    case integer(Int)
    case double(Double)
    case text(String)
    /// A class or function, as `module.name`.
    case global(String)
    case tuple([PickleValue])
    case list([PickleValue])
    case dictionary([(key: PickleValue, value: PickleValue)])
    /// A call, with what it was called with.
    case call(String, [PickleValue])
    /// Something kept outside the pickle, by its description.
    case persistent(PickleValue)
    /// Marks where a run of values starts.
    case mark
}

/// Why a pickle cannot be read.
struct PickleError: Error {
    let reason: String
}

/// Reads one pickle.
struct PickleReader {
    private var bytes: Slice<UnsafeRawBufferPointer>
    private var stack: [Item] = []
    private var memo: [Int: Item] = [:]

    /// A value, and how deep the values in it are nested.
    private struct Item {
        var value: PickleValue
        var depth = 0
    }

    /// Checkpoints nest six deep or so; without a limit a file could exhaust the stack of a thread.
    private static let deepest = 64

    /// - Returns: the value that the pickle at the start of `bytes` makes, and what follows it.
    static func read(
        _ bytes: Slice<UnsafeRawBufferPointer>
    ) throws(PickleError) -> (value: PickleValue, rest: Slice<UnsafeRawBufferPointer>) {
        var reader = PickleReader(bytes: bytes)
        while try reader.step() {}
        return (try reader.pop().value, reader.bytes)
    }

    private init(bytes: Slice<UnsafeRawBufferPointer>) { self.bytes = bytes }

    /// Runs one operation; false at the end.
    private mutating func step() throws(PickleError) -> Bool {
        let code = try number(1)
        switch UInt8(code) {
        case UInt8(ascii: "."): return false
        case 0x80: _ = try number(1)  // protocol
        case 0x95: _ = try number(8)  // frame
        case UInt8(ascii: "("): push(.mark)
        case UInt8(ascii: "0"): _ = try pop()
        case UInt8(ascii: "N"): push(.none)
        case 0x88: push(.bool(true))
        case 0x89: push(.bool(false))
        default:
            if try pushScalar(UInt8(code)) { return true }
            if try memorise(UInt8(code)) { return true }
            if try pushContainer(UInt8(code)) { return true }
            try call(UInt8(code))
        }
        return true
    }

    private mutating func pushScalar(_ code: UInt8) throws(PickleError) -> Bool {
        switch code {
        case UInt8(ascii: "K"): push(.integer(try number(1)))
        case UInt8(ascii: "M"): push(.integer(try number(2)))
        case UInt8(ascii: "J"): push(.integer(Int(Int32(truncatingIfNeeded: try number(4)))))
        case 0x8a: push(.integer(try signed(width: try number(1))))
        case UInt8(ascii: "G"): push(.double(Double(bitPattern: try bigEndian())))
        case UInt8(ascii: "X"): push(.text(try text(try number(4))))
        case 0x8c: push(.text(try text(try number(1))))
        // Short texts of Python 2, in which the oldest files were written.
        case UInt8(ascii: "U"): push(.text(try text(try number(1))))
        case UInt8(ascii: "c"):
            let module = try line()
            push(.global(module + "." + (try line())))
        case 0x93:
            guard case .text(let name) = try pop().value, case .text(let module) = try pop().value
            else { throw PickleError(reason: "a global without a name") }
            push(.global(module + "." + name))
        default: return false
        }
        return true
    }

    private mutating func memorise(_ code: UInt8) throws(PickleError) -> Bool {
        switch code {
        case UInt8(ascii: "q"): memo[try number(1)] = try snapshot()
        case UInt8(ascii: "r"): memo[try number(4)] = try snapshot()
        case 0x94: memo[memo.count] = try snapshot()
        case UInt8(ascii: "h"): stack.append(try recall(try number(1)))
        case UInt8(ascii: "j"): stack.append(try recall(try number(4)))
        default: return false
        }
        return true
    }

    private mutating func pushContainer(_ code: UInt8) throws(PickleError) -> Bool {
        switch code {
        case UInt8(ascii: ")"): push(.tuple([]))
        case UInt8(ascii: "t"): try pushTuple(try popToMark())
        case 0x85, 0x86, 0x87:
            var items: [Item] = []
            for _ in 0..<Int(code - 0x84) { items.insert(try pop(), at: 0) }
            try pushTuple(items)
        case UInt8(ascii: "]"): push(.list([]))
        case UInt8(ascii: "l"):
            let items = try popToMark()
            push(.list([]))
            try extend(items)
        case UInt8(ascii: "a"): try extend([try pop()])
        case UInt8(ascii: "e"): try extend(try popToMark())
        case UInt8(ascii: "}"): push(.dictionary([]))
        case UInt8(ascii: "s"):
            let value = try pop()
            try insert([try pop(), value])
        case UInt8(ascii: "u"): try insert(try popToMark())
        default: return false
        }
        return true
    }

    private mutating func call(_ code: UInt8) throws(PickleError) {
        switch code {
        case UInt8(ascii: "R"), 0x81:
            let arguments = try pop()
            guard case .tuple(let values) = arguments.value,
                case .global(let name) = try pop().value
            else { throw PickleError(reason: "a call of something that is no function") }
            try push(
                name == "collections.OrderedDict" ? .dictionary([]) : .call(name, values),
                around: [arguments])
        case UInt8(ascii: "b"): _ = try pop()  // attributes of an object: not needed
        case UInt8(ascii: "Q"):
            let item = try pop()
            try push(.persistent(item.value), around: [item])
        default:
            let name = Self.refused[code].map { " (\($0))" } ?? ""
            throw PickleError(
                reason: "the operation 0x\(String(code, radix: 16))\(name), "
                    + "which checkpoints do not need and which is not carried out")
        }
    }

    /// Python's names of operations that other pickles have.
    private static let refused: [UInt8: String] = [
        UInt8(ascii: "i"): "INST", UInt8(ascii: "o"): "OBJ", UInt8(ascii: "P"): "PERSID",
        UInt8(ascii: "I"): "INT", UInt8(ascii: "L"): "LONG", UInt8(ascii: "F"): "FLOAT",
        UInt8(ascii: "S"): "STRING", UInt8(ascii: "T"): "BINSTRING", UInt8(ascii: "V"): "UNICODE",
        UInt8(ascii: "B"): "BINBYTES", UInt8(ascii: "C"): "SHORT_BINBYTES",
        UInt8(ascii: "d"): "DICT", UInt8(ascii: "g"): "GET", UInt8(ascii: "p"): "PUT",
        UInt8(ascii: "1"): "POP_MARK", UInt8(ascii: "2"): "DUP", 0x82: "EXT1", 0x83: "EXT2",
        0x84: "EXT4", 0x8b: "LONG4", 0x8d: "BINUNICODE8", 0x8e: "BINBYTES8", 0x8f: "EMPTY_SET",
        0x90: "ADDITEMS", 0x91: "FROZENSET", 0x92: "NEWOBJ_EX", 0x96: "BYTEARRAY8",
    ]

    // Containers are filled in place, so that many small additions stay cheap.
    private mutating func insert(_ items: [Item]) throws(PickleError) {
        guard var item = stack.popLast(), case .dictionary(var entries) = item.value,
            items.count % 2 == 0
        else { throw PickleError(reason: "entries of something that is no dictionary") }
        let depth = try depth(around: items, and: item)
        item.value = .none
        for index in stride(from: 0, to: items.count, by: 2) {
            entries.append((items[index].value, items[index + 1].value))
        }
        stack.append(Item(value: .dictionary(entries), depth: depth))
    }

    private mutating func extend(_ items: [Item]) throws(PickleError) {
        guard var item = stack.popLast(), case .list(var list) = item.value else {
            throw PickleError(reason: "elements of something that is no list")
        }
        let depth = try depth(around: items, and: item)
        item.value = .none
        list += items.map(\.value)
        stack.append(Item(value: .list(list), depth: depth))
    }

    private mutating func pushTuple(_ items: [Item]) throws(PickleError) {
        try push(.tuple(items.map(\.value)), around: items)
    }
}

extension PickleReader {
    private mutating func push(_ value: PickleValue) { stack.append(Item(value: value)) }

    private mutating func push(
        _ value: PickleValue, around items: [Item]
    ) throws(PickleError) {
        stack.append(Item(value: value, depth: try depth(around: items)))
    }

    private func depth(around items: [Item], and own: Item? = nil) throws(PickleError) -> Int {
        let depth = max((items.map(\.depth).max() ?? -1) + 1, own?.depth ?? 0)
        guard depth <= Self.deepest else {
            throw PickleError(reason: "values nested more than \(Self.deepest) deep")
        }
        return depth
    }

    /// The top of the stack as the memo keeps it. A dictionary or list is memorised while it is
    /// empty, and no checkpoint reads it from the memo later on.
    private func snapshot() throws(PickleError) -> Item {
        guard let item = stack.last else { throw PickleError(reason: "an empty stack") }
        return switch item.value {
        case .dictionary: Item(value: .dictionary([]))
        case .list: Item(value: .list([]))
        default: item
        }
    }

    private mutating func pop() throws(PickleError) -> Item {
        guard let item = stack.popLast() else { throw PickleError(reason: "an empty stack") }
        return item
    }

    private mutating func popToMark() throws(PickleError) -> [Item] {
        guard
            let mark = stack.lastIndex(where: { if case .mark = $0.value { true } else { false } })
        else { throw PickleError(reason: "an empty stack") }
        let items = Array(stack[(mark + 1)...])
        stack.removeSubrange(mark...)
        return items
    }

    private func recall(_ index: Int) throws(PickleError) -> Item {
        guard let value = memo[index] else {
            throw PickleError(reason: "a reference to nothing")
        }
        return value
    }

    private mutating func take(_ count: Int) throws(PickleError) -> Slice<UnsafeRawBufferPointer> {
        guard count >= 0, count <= bytes.count else {
            throw PickleError(reason: "it ends too early")
        }
        defer { bytes = bytes.dropFirst(count) }
        return bytes.prefix(count)
    }

    private mutating func number(_ width: Int) throws(PickleError) -> Int {
        Int(
            truncatingIfNeeded: try take(width).reversed().reduce(0 as UInt64) {
                $0 << 8 | UInt64($1)
            })
    }

    private mutating func signed(width: Int) throws(PickleError) -> Int {
        guard width > 0 else { return 0 }
        guard width <= 8 else { throw PickleError(reason: "a number beyond 64 bits") }
        let shift = 64 - 8 * width
        return (try number(width) << shift) >> shift
    }

    private mutating func bigEndian() throws(PickleError) -> UInt64 {
        try take(8).reduce(0) { $0 << 8 | UInt64($1) }
    }

    private mutating func text(_ count: Int) throws(PickleError) -> String {
        String(decoding: try take(count), as: UTF8.self)
    }

    private mutating func line() throws(PickleError) -> String {
        guard let end = bytes.firstIndex(of: UInt8(ascii: "\n")) else {
            throw PickleError(reason: "it ends too early")
        }
        let name = try text(end - bytes.startIndex)
        _ = try take(1)
        return name
    }
}
