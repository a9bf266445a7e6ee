import Glibc

/// How many bytes a film's container says that it has, beside those that are there.
///
/// A download that broke off is shorter than it says. Only headers are read.
struct DeclaredSize: Equatable {
    /// Bytes that the container declares, at least.
    let declared: Int64
    /// Bytes of the file.
    let found: Int64

    var isCut: Bool { found < declared }

    /// Reads a file's headers; nil when its container does not say how long it is.
    init?(path: String) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            return nil
        }
        let file = Reader(descriptor: descriptor, size: Int64(status.st_size))
        guard
            let declared = Self.matroska(file) ?? Self.riff(file) ?? Self.boxes(file)
                ?? Self.transportStream(file)
        else { return nil }
        (self.declared, found) = (declared, file.size)
    }

    private struct Reader {
        let descriptor: Int32
        let size: Int64

        func bytes(at offset: Int64, _ count: Int) -> [UInt8] {
            var bytes = [UInt8](repeating: 0, count: count)
            let read = pread(descriptor, &bytes, count, Int(offset))
            return Array(bytes.prefix(max(read, 0)))
        }

        /// A number, most significant byte first.
        func big(at offset: Int64, _ count: Int) -> UInt64? {
            let bytes = bytes(at: offset, count)
            return bytes.count == count ? bytes.reduce(0) { $0 << 8 | UInt64($1) } : nil
        }
    }

    /// Matroska and WebM: an EBML header, then one segment (RFC 8794, section 6).
    private static func matroska(_ file: Reader) -> Int64? {
        guard file.big(at: 0, 4) == 0x1A45_DFA3, let header = length(file, at: 4) else {
            return nil
        }
        let segment = header.end + header.value
        guard file.big(at: segment, 4) == 0x1853_8067, let body = length(file, at: segment + 4)
        else { return nil }
        return body.end + body.value
    }

    /// A number of EBML's variable length, and where it ends; nil when it says "unknown".
    private static func length(_ file: Reader, at offset: Int64) -> (value: Int64, end: Int64)? {
        guard let first = file.bytes(at: offset, 1).first, first != 0 else { return nil }
        let count = first.leadingZeroBitCount + 1
        guard let whole = file.big(at: offset, count) else { return nil }
        let mask: UInt64 = (1 << (7 * UInt64(count))) - 1
        guard whole & mask != mask, whole & mask < 1 << 50 else { return nil }
        return (Int64(whole & mask), offset + Int64(count))
    }

    /// AVI and animated WebP: chunks named RIFF, one behind the other.
    private static func riff(_ file: Reader) -> Int64? {
        var end: Int64 = 0
        while let name = file.big(at: end, 4), name == 0x5249_4646 {
            guard let size = file.big(at: end + 4, 4).map({ UInt32($0).byteSwapped }),
                size != 0, size != .max
            else { break }
            end += 8 + Int64(size)
        }
        return end == 0 ? nil : end
    }

    /// MP4 and QuickTime: boxes of a declared size (ISO/IEC 14496-12, section 4.2).
    private static func boxes(_ file: Reader) -> Int64? {
        let known: Set<UInt64> = [0x6674_7970, 0x6D6F_6F76, 0x6D64_6174, 0x7769_6465]
        guard let first = file.big(at: 4, 4), known.contains(first) else { return nil }
        var end: Int64 = 0
        while end < file.size, let name = file.big(at: end + 4, 4), isName(name) {
            guard var size = file.big(at: end, 4) else { break }
            if size == 1 { size = file.big(at: end + 8, 8) ?? 0 }
            // 0 stands for "to the end of the file".
            guard size >= 8, size < 1 << 50 else { break }
            end += Int64(size)
        }
        return end == 0 ? nil : end
    }

    private static func isName(_ name: UInt64) -> Bool {
        (0..<4).allSatisfy { (0x20..<0x7F).contains(name >> ($0 * 8) & 0xFF) }
    }

    /// MPEG transport streams: packets of 188 bytes (ISO/IEC 13818-1, section 2.4.3).
    private static func transportStream(_ file: Reader) -> Int64? {
        let packet: Int64 = 188
        guard file.size > 4 * packet,
            (0..<4).allSatisfy({ file.bytes(at: $0 * packet, 1) == [0x47] })
        else { return nil }
        return (file.size + packet - 1) / packet * packet
    }
}
