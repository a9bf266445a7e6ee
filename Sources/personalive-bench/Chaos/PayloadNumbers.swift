import CPosix

/// Which payload of `test-source` under `numbered: true` has which hash: sevens, after eight bytes with
/// its number.
struct PayloadNumbers {
    private var payload: [UInt8]
    private var numbers: [Substring: Int] = [:]
    private var count = 0

    init(bytes: Int) { payload = [UInt8](repeating: 7, count: bytes) }

    /// The number of the payload with a hash, among the first `limit`; nil when none of them has it.
    mutating func number(of hash: Substring, below limit: Int) -> Int? {
        while count < limit, numbers[hash] == nil {
            numbers[Substring(self.hash(of: count))] = count
            count += 1
        }
        return numbers[hash]
    }

    mutating func hash(of number: Int) -> String {
        withUnsafeBytes(of: UInt64(number).littleEndian) { bytes in
            for (index, byte) in bytes.prefix(payload.count).enumerated() { payload[index] = byte }
        }
        return payload.withUnsafeBytes { String(frame_hash($0.baseAddress, $0.count), radix: 16) }
    }
}
