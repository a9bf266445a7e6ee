import CPosix

/// What `test-source` sends under `numbered: true`: sevens, after eight bytes with the number.
enum TestPayload {
    /// The hash that `test-sink` lists for it.
    static func hash(number: Int, bytes: Int) -> String {
        var payload = [UInt8](repeating: 7, count: bytes)
        withUnsafeBytes(of: UInt64(number).littleEndian) { number in
            for (index, byte) in number.prefix(bytes).enumerated() { payload[index] = byte }
        }
        return payload.withUnsafeBytes { String(frame_hash($0.baseAddress, $0.count), radix: 16) }
    }
}
