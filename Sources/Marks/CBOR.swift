/// Values of the Concise Binary Object Representation (RFC 8949), as manifests are written in.
///
/// What manifests do not have (texts of unknown length, fractions) is read as ``other``.
indirect enum CBOR: Equatable, Sendable {
    case number(Int64)
    case bytes([UInt8])
    case text(String)
    case array([CBOR])
    /// Pairs in the order of the file.
    case map([Pair])
    case tag(UInt64, CBOR)
    case null
    case other

    struct Pair: Equatable, Sendable {
        var key: CBOR
        var value: CBOR
    }

    // MARK: Access

    subscript(key: CBOR) -> CBOR? {
        guard case .map(let pairs) = self else { return nil }
        return pairs.first { $0.key == key }?.value
    }

    subscript(name: String) -> CBOR? { self[.text(name)] }

    var asNumber: Int64? { if case .number(let value) = self { value } else { nil } }
    var asBytes: [UInt8]? { if case .bytes(let value) = self { value } else { nil } }
    var asText: String? { if case .text(let value) = self { value } else { nil } }
    var asArray: [CBOR]? { if case .array(let value) = self { value } else { nil } }
    /// What is behind a tag of this number.
    func tagged(_ number: UInt64) -> CBOR? {
        if case .tag(number, let value) = self { value } else { nil }
    }

    /// A map with texts as keys, in this order.
    static func object(_ pairs: KeyValuePairs<String, CBOR>) -> CBOR {
        .map(pairs.map { Pair(key: .text($0.key), value: $0.value) })
    }

    // MARK: Writing

    var encoded: [UInt8] {
        var bytes: [UInt8] = []
        write(into: &bytes)
        return bytes
    }

    private func write(into bytes: inout [UInt8]) {
        switch self {
        case .number(let value) where value < 0: Self.head(1, UInt64(-1 - value), &bytes)
        case .number(let value): Self.head(0, UInt64(value), &bytes)
        case .bytes(let value):
            Self.head(2, UInt64(value.count), &bytes)
            bytes += value
        case .text(let value):
            Self.head(3, UInt64(value.utf8.count), &bytes)
            bytes += value.utf8
        case .array(let values):
            Self.head(4, UInt64(values.count), &bytes)
            for value in values { value.write(into: &bytes) }
        case .map(let pairs):
            Self.head(5, UInt64(pairs.count), &bytes)
            for pair in pairs {
                pair.key.write(into: &bytes)
                pair.value.write(into: &bytes)
            }
        case .tag(let number, let value):
            Self.head(6, number, &bytes)
            value.write(into: &bytes)
        case .null, .other: bytes.append(0xf6)
        }
    }

    private static func head(_ kind: UInt8, _ value: UInt64, _ bytes: inout [UInt8]) {
        let counts: [(limit: UInt64, code: UInt8, bytes: Int)] = [
            (0xff, 24, 1), (0xffff, 25, 2), (0xffff_ffff, 26, 4), (.max, 27, 8),
        ]
        guard value >= 24 else { return bytes.append(kind << 5 | UInt8(value)) }
        let size = counts.first { value <= $0.limit }!
        bytes.append(kind << 5 | size.code)
        for place in (0..<size.bytes).reversed() { bytes.append(UInt8(truncatingIfNeeded: value >> (8 * UInt64(place)))) }
    }

    // MARK: Reading

    /// Deeper values no manifest has.
    private static let deepest = 32
    /// More bytes no value has that is read here; each may become a value of its own.
    private static let largest = 1 << 20

    /// One value that takes all of the bytes; nil of anything else.
    init?(_ bytes: [UInt8]) {
        var place = 0
        guard bytes.count <= Self.largest,
            let value = Self.read(bytes[...], &place, depth: 0), place == bytes.count
        else { return nil }
        self = value
    }

    private static func read(_ bytes: ArraySlice<UInt8>, _ place: inout Int, depth: Int) -> CBOR? {
        guard depth < deepest, place < bytes.count else { return nil }
        let (kind, code) = (bytes[place] >> 5, bytes[place] & 31)
        place += 1
        var value = UInt64(code)
        if code >= 24 {
            // Above 27: reserved, and unknown lengths.
            guard code < 28, place + 1 << (code - 24) <= bytes.count else { return nil }
            let count = 1 << (code - 24)
            value = bytes[place..<place + count].reduce(0) { $0 << 8 | UInt64($1) }
            place += count
        }
        if kind == 7 { return code == 22 ? .null : .other }
        guard let number = Int64(exactly: value) else { return nil }
        let rest = bytes.count - place
        switch kind {
        case 0: return .number(number)
        case 1: return .number(-1 - number)
        case 2, 3:
            guard number <= rest else { return nil }
            let part = Array(bytes[place..<place + Int(number)])
            place += part.count
            return kind == 2 ? .bytes(part) : .text(String(decoding: part, as: UTF8.self))
        case 4:
            // Each value takes a byte at least.
            guard number <= rest else { return nil }
            var values: [CBOR] = []
            for _ in 0..<number {
                guard let value = read(bytes, &place, depth: depth + 1) else { return nil }
                values.append(value)
            }
            return .array(values)
        case 5:
            guard number <= rest / 2 else { return nil }
            var pairs: [Pair] = []
            for _ in 0..<number {
                guard let key = read(bytes, &place, depth: depth + 1),
                    let value = read(bytes, &place, depth: depth + 1)
                else { return nil }
                pairs.append(Pair(key: key, value: value))
            }
            return .map(pairs)
        default:
            guard let inner = read(bytes, &place, depth: depth + 1) else { return nil }
            return .tag(value, inner)
        }
    }
}
