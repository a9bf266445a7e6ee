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
    private var stack: [PickleValue] = []
    private var memo: [Int: PickleValue] = [:]

    /// - Returns: the value that the pickle in `bytes` makes.
    static func read(_ bytes: Slice<UnsafeRawBufferPointer>) throws(PickleError) -> PickleValue {
        var reader = PickleReader(bytes: bytes)
        while try reader.step() {}
        return try reader.pop()
    }

    private init(bytes: Slice<UnsafeRawBufferPointer>) { self.bytes = bytes }

    /// Runs one operation; false at the end.
    private mutating func step() throws(PickleError) -> Bool {
        let code = try number(1)
        switch UInt8(code) {
        case UInt8(ascii: "."): return false
        case 0x80: _ = try number(1)  // protocol
        case 0x95: _ = try number(8)  // frame
        case UInt8(ascii: "("): stack.append(.mark)
        case UInt8(ascii: "0"): _ = try pop()
        case UInt8(ascii: "N"): stack.append(.none)
        case 0x88: stack.append(.bool(true))
        case 0x89: stack.append(.bool(false))
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
        case UInt8(ascii: "K"): stack.append(.integer(try number(1)))
        case UInt8(ascii: "M"): stack.append(.integer(try number(2)))
        case UInt8(ascii: "J"):
            stack.append(.integer(Int(Int32(truncatingIfNeeded: try number(4)))))
        case 0x8a: stack.append(.integer(try signed(width: try number(1))))
        case UInt8(ascii: "G"): stack.append(.double(Double(bitPattern: try bigEndian())))
        case UInt8(ascii: "X"): stack.append(.text(try text(try number(4))))
        case 0x8c: stack.append(.text(try text(try number(1))))
        case UInt8(ascii: "c"):
            let module = try line()
            stack.append(.global(module + "." + (try line())))
        case 0x93:
            guard case .text(let name) = try pop(), case .text(let module) = try pop() else {
                throw PickleError(reason: "a global without a name")
            }
            stack.append(.global(module + "." + name))
        default: return false
        }
        return true
    }

    private mutating func memorise(_ code: UInt8) throws(PickleError) -> Bool {
        switch code {
        case UInt8(ascii: "q"): memo[try number(1)] = try top()
        case UInt8(ascii: "r"): memo[try number(4)] = try top()
        case 0x94: memo[memo.count] = try top()
        case UInt8(ascii: "h"): stack.append(try recall(try number(1)))
        case UInt8(ascii: "j"): stack.append(try recall(try number(4)))
        default: return false
        }
        return true
    }

    private mutating func pushContainer(_ code: UInt8) throws(PickleError) -> Bool {
        switch code {
        case UInt8(ascii: ")"): stack.append(.tuple([]))
        case UInt8(ascii: "t"): stack.append(.tuple(try popToMark()))
        case 0x85, 0x86, 0x87:
            var values: [PickleValue] = []
            for _ in 0..<Int(code - 0x84) { values.insert(try pop(), at: 0) }
            stack.append(.tuple(values))
        case UInt8(ascii: "]"): stack.append(.list([]))
        case UInt8(ascii: "l"): stack.append(.list(try popToMark()))
        case UInt8(ascii: "a"): try extend([try pop()])
        case UInt8(ascii: "e"): try extend(try popToMark())
        case UInt8(ascii: "}"): stack.append(.dictionary([]))
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
            guard case .tuple(let arguments) = try pop(), case .global(let name) = try pop() else {
                throw PickleError(reason: "a call of something that is no function")
            }
            stack.append(
                name == "collections.OrderedDict" ? .dictionary([]) : .call(name, arguments))
        case UInt8(ascii: "b"): _ = try pop()  // attributes of an object: not needed
        case UInt8(ascii: "Q"): stack.append(.persistent(try pop()))
        default: throw PickleError(reason: "operation \(code), which checkpoints do not need")
        }
    }

    // A dictionary that was memorised is filled later, but no checkpoint reads it from the memo.
    private mutating func insert(_ pairs: [PickleValue]) throws(PickleError) {
        guard case .dictionary(var entries) = try pop(), pairs.count % 2 == 0 else {
            throw PickleError(reason: "entries of something that is no dictionary")
        }
        for index in stride(from: 0, to: pairs.count, by: 2) {
            entries.append((pairs[index], pairs[index + 1]))
        }
        stack.append(.dictionary(entries))
    }

    private mutating func extend(_ values: [PickleValue]) throws(PickleError) {
        guard case .list(let list) = try pop() else {
            throw PickleError(reason: "elements of something that is no list")
        }
        stack.append(.list(list + values))
    }
}

extension PickleReader {
    private func top() throws(PickleError) -> PickleValue {
        guard let value = stack.last else { throw PickleError(reason: "an empty stack") }
        return value
    }

    private mutating func pop() throws(PickleError) -> PickleValue {
        guard let value = stack.popLast() else { throw PickleError(reason: "an empty stack") }
        return value
    }

    private mutating func popToMark() throws(PickleError) -> [PickleValue] {
        var values: [PickleValue] = []
        while true {
            let value = try pop()
            if case .mark = value { return values.reversed() }
            values.append(value)
        }
    }

    private func recall(_ index: Int) throws(PickleError) -> PickleValue {
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
