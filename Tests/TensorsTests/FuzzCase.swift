/// A checkpoint that was sound before it was damaged, the same for the same number.
struct FuzzCase {
    /// A generator whose numbers are the same in every run (SplitMix64).
    private struct Generator: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var value = state
            value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
            value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
            return value ^ (value >> 31)
        }
    }

    /// What the damage starts from.
    enum Format: String, CaseIterable, Sendable {
        case safetensors, pytorch
    }

    private(set) var bytes: [UInt8]
    private var random: Generator
    private let format: Format

    init(_ format: Format, number: Int) {
        self.format = format
        random = Generator(state: UInt64(number))
        // Neighbouring seeds start alike; what is drawn after the first number does not.
        random.state = random.next()
        let sound = Self.sound[format]!
        bytes = sound.randomElement(using: &random)!
        for _ in 0..<Int.random(in: 1...5, using: &random) { damage(sound) }
    }

    private mutating func damage(_ sound: [[UInt8]]) {
        let index = Int.random(in: 0...bytes.count, using: &random)
        let end = min(index + Int.random(in: 0...24, using: &random), bytes.count)
        switch Int.random(in: 0..<10, using: &random) {
        case 0 where index < bytes.count: bytes[index] = .random(in: 0...255, using: &random)
        case 1 where index < bytes.count: bytes[index] ^= 1 << UInt8.random(in: 0..<8, using: &random)
        case 2: bytes.removeSubrange(index..<end)
        case 3: bytes.insert(contentsOf: bytes[index..<end], at: index)
        case 4: bytes.removeSubrange(end...)
        case 5:
            let other = sound.randomElement(using: &random)!
            let from = Int.random(in: 0...other.count, using: &random)
            bytes.replaceSubrange(index..., with: other[from...])
        case 6: overwriteNumber(at: index)
        case 7: replaceDigits(from: index)
        case 8: repeatPiece(index..<min(end, index + 4))
        default: bytes.replaceSubrange(index..<end, with: word())
        }
    }

    /// A little-endian number that readers count with, made an awkward one.
    private mutating func overwriteNumber(at index: Int) {
        let value: UInt64 = [
            0, 1, 7, UInt64(bytes.count), UInt64(bytes.count) + 1, 0x7f, 0xff, 0x7fff, 0xffff,
            0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 1 << 62, .max >> 1, 1 << 63, .max,
        ].randomElement(using: &random)!
        let width = [1, 2, 4, 8].randomElement(using: &random)!
        for byte in 0..<width where index + byte < bytes.count {
            bytes[index + byte] = UInt8(truncatingIfNeeded: value >> (8 * byte))
        }
    }

    /// The next number written in digits, made an awkward one.
    private mutating func replaceDigits(from index: Int) {
        func isDigit(_ byte: UInt8) -> Bool { (48...57).contains(byte) }
        guard let start = bytes[index...].firstIndex(where: isDigit) else { return }
        let end = bytes[start...].firstIndex { !isDigit($0) } ?? bytes.count
        let number = [
            "0", "-1", "4294967296", "9223372036854775807", "18446744073709551616", "1e30", "0.5",
            "3", "[]", "null",
        ].randomElement(using: &random)!
        bytes.replaceSubrange(start..<end, with: Array(number.utf8))
    }

    /// A few bytes many times over: deep nesting, long lists.
    private mutating func repeatPiece(_ range: Range<Int>) {
        let piece = Array(bytes[range])
        let times = [10, 100, 1000, 5000].randomElement(using: &random)!
        bytes.insert(
            contentsOf: Array(repeating: piece, count: times).joined(), at: range.lowerBound)
    }

    /// Something that the format has a meaning for.
    private mutating func word() -> [UInt8] {
        switch format {
        case .safetensors:
            let words = [
                "{", "}", "[", "]", ",", ":", "\"", "\\u0000", "\\ud800", "\"__metadata__\":",
                "\"dtype\":\"F16\"", "\"shape\":[", "\"data_offsets\":[0,0]", "BF16", "F64", "I64",
            ]
            return Array(words.randomElement(using: &random)!.utf8)
        case .pytorch:
            let words: [[UInt8]] =
                [
                    [0x28], [0x29], [0x2e], [0x30], [0x4e], [0x51], [0x52], [0x5d], [0x61], [0x62],
                    [0x65], [0x6c], [0x73], [0x74], [0x75], [0x7d], [0x80, 2], [0x81], [0x85],
                    [0x86], [0x87], [0x88], [0x8a, 8], [0x8c, 200], [0x93], [0x94], [0x95],
                    [0x68, 0], [0x71, 0], [0x6a], [0x4a, 0xff, 0xff, 0xff, 0xff],
                ] + ["PK\u{3}\u{4}", "PK\u{1}\u{2}", "PK\u{5}\u{6}", "PK\u{6}\u{6}"].map {
                    Array($0.utf8)
                }
            return words.randomElement(using: &random)!
        }
    }

    /// Files without fault, small enough to be damaged everywhere.
    private static let sound: [Format: [[UInt8]]] = [
        .safetensors: [
            safetensors(
                """
                {"__metadata__":{"note":"x"},"w":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},\
                "b":{"dtype":"F16","shape":[3],"data_offsets":[24,30]}}
                """, data: [UInt8](repeating: 1, count: 30)),
            safetensors(
                #"{"w":{"dtype":"BF16","shape":[],"data_offsets":[0,2]}}"#, data: [1, 2]),
            safetensors("{}", data: []),
        ],
        .pytorch: [
            archived(PyTorchSample.pickle(shape: [2, 3], strides: [3, 1])),
            archived(PyTorchSample.pickle(offset: 1, shape: [2, 2], strides: [1, 3])),
            archived(
                PyTorchSample.pickle(key: "b", storage: "FloatStorage", shape: [3], strides: [1])),
        ],
    ]

    private static func archived(_ pickle: [UInt8]) -> [UInt8] {
        PyTorchSample.archive([
            ("m/data.pkl", pickle), ("m/data/0", [UInt8](repeating: 1, count: 12)),
        ])
    }
}
