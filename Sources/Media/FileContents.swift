import Glibc

/// What a file turns out to be when it is not what somebody hoped for.
struct FileContents {
    /// Words to put after "is": `a text file (it begins "hello")`.
    let description: String

    /// Looks at the first bytes of a file.
    ///
    /// - Throws: when the file is missing, a folder, unreadable or empty.
    init(path: String, needed: String) throws(MediaError) {
        var status = stat()
        guard stat(path, &status) == 0 else {
            if errno == ENOENT || errno == ENOTDIR {
                throw .missing(path: path, needed: needed)
            }
            throw .unreadable(path: path, reason: String(cString: strerror(errno)))
        }
        if status.st_mode & S_IFMT == S_IFDIR {
            throw .notMedia(path: path, found: "a folder", needed: needed)
        }
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw .unreadable(path: path, reason: String(cString: strerror(errno)))
        }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 512)
        let count = read(descriptor, &bytes, bytes.count)
        if count == 0 { throw .notMedia(path: path, found: "empty", needed: needed) }
        description = Self.describe(bytes.prefix(max(count, 0)), of: Int(status.st_size))
    }

    private static func describe(_ bytes: ArraySlice<UInt8>, of size: Int) -> String {
        if let kind = signatures.first(where: { bytes.starts(with: $0.bytes) })?.kind {
            return kind
        }
        guard isText(bytes) else { return "\(size) bytes of something unknown" }
        let text = String(decoding: bytes, as: UTF8.self)
        let line = text.split(whereSeparator: \.isNewline).first ?? ""
        return "a text file (it begins \"\(line.prefix(40))\")"
    }

    /// Files that people mix up with pictures and films.
    private static let signatures: [(bytes: [UInt8], kind: String)] = [
        (Array("%PDF".utf8), "a PDF document"), (Array("PK\u{3}\u{4}".utf8), "a zip archive"),
        ([0x1f, 0x8b], "a gzip archive"), ([0x7f, 0x45, 0x4c, 0x46], "a program"),
        ([0x89, 0x50, 0x4e, 0x47], "a PNG picture"), ([0xff, 0xd8, 0xff], "a JPEG picture"),
    ]

    /// UTF-8 without control characters; the last character may be cut.
    private static func isText(_ bytes: ArraySlice<UInt8>) -> Bool {
        guard !bytes.contains(where: { $0 < 32 && ![9, 10, 12, 13].contains($0) }) else {
            return false
        }
        return (0..<4).contains { String(validating: bytes.dropLast($0), as: UTF8.self) != nil }
    }
}
