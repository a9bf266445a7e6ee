/// The files inside a ZIP archive that stores them as they are.
///
/// PyTorch writes such archives; those with compressed files are refused. Archives beyond 4 GB are
/// read by their ZIP64 records.
struct ZipArchive: Sendable {
    /// Where the bytes of each file lie.
    private(set) var files: [String: Range<Int>] = [:]

    /// The first bytes of every archive that is not empty.
    static let signature: [UInt8] = [0x50, 0x4b, 0x03, 0x04]

    nonisolated(unsafe) private let bytes: UnsafeRawBufferPointer
    private let path: String

    private init(bytes: UnsafeRawBufferPointer, path: String) {
        (self.bytes, self.path) = (bytes, path)
    }

    /// Reads the directory at the end of the archive, and checks every file against it.
    init(of file: MappedFile) throws(CheckpointError) {
        self.init(bytes: file.bytes, path: file.path)
        let (first, count) = try directory()
        var at = first
        for _ in 0..<count {
            guard number(at, 4) == 0x0201_4b50, let nameLength = number(at + 28, 2),
                let extraLength = number(at + 30, 2), let commentLength = number(at + 32, 2),
                at + 46 + nameLength <= bytes.count
            else { throw damaged("its directory is broken") }
            let name = String(decoding: bytes[(at + 46)..<(at + 46 + nameLength)], as: UTF8.self)
            files[name] = try range(of: name, entry: at, extra: at + 46 + nameLength, extraLength)
            at += 46 + nameLength + extraLength + commentLength
        }
    }

    /// A little-endian number, or nil outside the archive or beyond what an Int can hold.
    private func number(_ at: Int, _ width: Int) -> Int? {
        guard at >= 0, at <= bytes.count - width else { return nil }
        var value: UInt64 = 0
        for index in (0..<width).reversed() { value = value << 8 | UInt64(bytes[at + index]) }
        return Int(exactly: value)
    }

    /// Where the directory starts, and how many files it lists.
    private func directory() throws(CheckpointError) -> (first: Int, count: Int) {
        // The last record has a comment of up to 65535 bytes behind it.
        var end = bytes.count - 22
        while end >= max(0, bytes.count - 22 - 65535), number(end, 4) != 0x0605_4b50 { end -= 1 }
        guard end >= 0, number(end, 4) == 0x0605_4b50, let count = number(end + 10, 2),
            let first = number(end + 16, 4)
        else { throw damaged("the directory at its end is missing; it may be cut short") }
        guard count == 0xffff || first == 0xffff_ffff else { return (first, count) }
        guard let record = number(end - 20 + 8, 8), number(record, 4) == 0x0606_4b50,
            let count = number(record + 32, 8), let first = number(record + 48, 8)
        else { throw damaged("its ZIP64 directory is missing") }
        return (first, count)
    }

    /// Where the bytes of one file lie, from its entry in the directory.
    private func range(
        of name: String, entry: Int, extra: Int, _ extraLength: Int
    ) throws(CheckpointError) -> Range<Int> {
        guard number(entry + 10, 2) == 0 else { throw damaged("'\(name)' in it is compressed") }
        var sizes = [number(entry + 24, 4), number(entry + 42, 4)]
        if sizes.contains(0xffff_ffff) { sizes = large(sizes, extra, extraLength) }
        guard let size = sizes[0], let header = sizes[1], number(header, 4) == 0x0403_4b50,
            let nameLength = number(header + 26, 2), let extraLength = number(header + 28, 2)
        else { throw damaged("'\(name)' in it is not where its directory says") }
        let start = header + 30 + nameLength + extraLength
        guard size <= bytes.count - start else { throw damaged("'\(name)' in it is cut short") }
        return start..<start + size
    }

    /// Numbers that did not fit four bytes, from the ZIP64 part of an entry's extra field: size,
    /// compressed size and position, each only if it is needed there.
    private func large(_ sizes: [Int?], _ extra: Int, _ length: Int) -> [Int?] {
        var at = extra
        while at + 4 <= extra + length, let kind = number(at, 2), let size = number(at + 2, 2) {
            if kind == 1 {
                let isSizeHere = sizes[0] == 0xffff_ffff
                let position = at + 4 + (isSizeHere ? 16 : 0)
                return [
                    isSizeHere ? number(at + 4, 8) : sizes[0],
                    sizes[1] == 0xffff_ffff ? number(position, 8) : sizes[1],
                ]
            }
            at += 4 + size
        }
        return [nil, nil]
    }

    private func damaged(_ reason: String) -> CheckpointError {
        .badArchive(file: path, reason: reason)
    }
}
