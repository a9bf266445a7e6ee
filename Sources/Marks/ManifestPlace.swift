import Glibc

/// Finds out whether a file has a place with a manifest of C2PA, without reading what is in it.
///
/// mp4, mov and avif have it in a box of their own (C2PA 2.4, A.5), PNG in a chunk `caBX`, JPEG and others
/// in one of their segments, whose JUMBF has the word `c2pa`.
package enum ManifestPlace {
    /// The identifier of C2PA's box.
    static let box: [UInt8] = [
        0xd8, 0xfe, 0xc3, 0xd6, 0x1b, 0x0e, 0x48, 0x3c, 0x92, 0x97, 0x58, 0x28, 0x87, 0x7e, 0xc4,
        0x81,
    ]
    /// More boxes than that a film does not have at its top.
    private static let mostBoxes = 100_000
    /// How much of the beginning of other files is searched: WebP has it behind its picture.
    private static let searched = 16 << 20

    package static func isIn(_ path: String) -> Bool {
        search(path) { size, read in isIn(size: size, read) }
    }

    /// Whether an mp4 has an event message at its top, as signed segments have: without reading all of it.
    static func hasMessage(_ path: String) -> Bool {
        search(path) { size, read in
            isInBoxes(size: size, read) { header, _ in header[4..<8].elementsEqual("emsg".utf8) }
        }
    }

    private static func search(
        _ path: String, _ look: (_ size: Int, _ read: (Int, Int) -> [UInt8]) -> Bool
    ) -> Bool {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            return false
        }
        return look(Int(status.st_size)) { offset, count in
            var bytes = [UInt8](repeating: 0, count: count)
            let found = pread(descriptor, &bytes, count, off_t(offset))
            return found > 0 ? Array(bytes[..<found]) : []
        }
    }

    /// - Parameter read: so many bytes from this offset on, or what there is of them.
    static func isIn(size: Int, _ read: (_ offset: Int, _ count: Int) -> [UInt8]) -> Bool {
        let start = read(0, 16)
        if start.count >= 8, start[4..<8].elementsEqual("ftyp".utf8) {
            return isInBoxes(size: size, read) { header, body in
                header[4..<8].elementsEqual("uuid".utf8) && header.count >= body + 16
                    && header[body..<body + 16].elementsEqual(box)
            }
        }
        let beginning = read(0, min(searched, size))
        return beginning.firstRange(of: Array("jumb".utf8)) != nil
            && beginning.firstRange(of: Array("c2pa".utf8)) != nil
    }

    /// Boxes of ISO/IEC 14496-12, 4.2: a length of 32 bits and a word; 1 stands for a length of 64 bits
    /// behind the word, 0 for all that is left.
    ///
    /// - Parameter isOne: gets up to 32 bytes of a box, and where its body begins.
    private static func isInBoxes(
        size: Int, _ read: (Int, Int) -> [UInt8], _ isOne: ([UInt8], Int) -> Bool
    ) -> Bool {
        var offset = 0
        for _ in 0..<mostBoxes {
            let header = read(offset, 32)
            guard header.count >= 8 else { return false }
            var length = number(header[0..<4]), body = 8
            if length == 1 {
                guard header.count >= 16 else { return false }
                length = number(header[8..<16])
                body = 16
            }
            if isOne(header, body) { return true }
            guard length >= body, length <= size - offset else { return false }
            offset += length
        }
        return false
    }

    /// Big-endian; what no file can be as long as is 0.
    private static func number(_ bytes: ArraySlice<UInt8>) -> Int {
        Int(exactly: bytes.reduce(0 as UInt64) { $0 << 8 | UInt64($1) }) ?? 0
    }
}
