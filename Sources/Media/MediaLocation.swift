import Glibc

/// What a path or address in a graph stands for.
enum MediaLocation: Equatable {
    case file(String)
    case address(MediaAddress)
    /// Pictures in the order in which they are shown: of a folder, or whose names fit a pattern.
    case pictures([String])

    /// Finds out what a text stands for, and looks into folders and for names that fit.
    ///
    /// A file whose own name looks like a pattern is that file.
    ///
    /// - Throws: ``MediaError`` for a folder without pictures, a pattern that nothing fits, and
    ///   `file://` of another machine.
    init(_ text: String, needed: String) throws(MediaError) {
        if let address = MediaAddress(text) {
            self = .address(address)
            return
        }
        let path = try Self.path(text, needed: needed)
        var status = stat()
        let isThere = stat(path, &status) == 0
        if isThere && status.st_mode & S_IFMT == S_IFDIR {
            let pictures = Self.pictures(in: path)
            guard !pictures.isEmpty else {
                throw .notMedia(path: path, found: "a folder without pictures", needed: needed)
            }
            self = .pictures(pictures)
        } else if !isThere, let found = Self.numbered(path) ?? Self.wild(path) {
            guard !found.isEmpty else {
                throw .notMedia(
                    path: path, found: "a pattern that no file's name fits", needed: needed)
            }
            self = .pictures(found)
        } else {
            self = .file(path)
        }
    }

    /// The path of a `file://` address (RFC 8089), with its `%20`s as spaces; any other text as it is.
    private static func path(_ text: String, needed: String) throws(MediaError) -> String {
        guard MediaAddress.scheme(of: text) == "file" else { return text }
        let rest = text.dropFirst("file://".count)
        guard let slash = rest.firstIndex(of: "/") else {
            throw .missing(path: text, needed: "\(needed) (file:///folder/name)")
        }
        let host = rest[..<slash]
        guard host.isEmpty || host.lowercased() == "localhost" else {
            throw .unsupported(
                path: text, found: "a file of another machine, '\(host)'",
                advice: "copy it here, or write file:///folder/name with three slashes")
        }
        return unescaped(rest[slash...].utf8)
    }

    /// The text with every `%` and two hexadecimal digits as the byte that they stand for.
    private static func unescaped(_ text: Substring.UTF8View) -> String {
        var bytes: [UInt8] = []
        var rest = text[...]
        while let byte = rest.popFirst() {
            let digits = String(decoding: rest.prefix(2), as: UTF8.self)
            if byte == UInt8(ascii: "%"), digits.utf8.count == 2,
                let value = UInt8(digits, radix: 16)
            {
                bytes.append(value)
                rest = rest.dropFirst(2)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// A folder's pictures by the endings of their names, hidden ones left out.
    private static func pictures(in folder: String) -> [String] {
        let names = Self.names(fitting: escaped(folder) + "/*")
        return names.filter { endings.contains(ending(of: $0)) }
    }

    private static func ending(of path: String) -> String {
        path.lastIndex(of: ".").map { path[path.index(after: $0)...].lowercased() } ?? ""
    }

    /// Whether a file is a film by the ending of its name.
    static func isFilm(_ path: String) -> Bool { filmEndings.contains(ending(of: path)) }

    private static let filmEndings: Set<String> = [
        "3gp", "avi", "flv", "m2ts", "m4v", "mkv", "mov", "mp4", "mpeg", "mpg", "mts", "ogv", "ts",
        "webm", "wmv",
    ]

    private static let endings: Set<String> = [
        "avif", "bmp", "dpx", "exr", "heic", "heif", "hif", "j2k", "jfif", "jp2", "jpe", "jpeg",
        "jpg", "jxl", "pam", "pbm", "pcx", "pgm", "png", "pnm", "ppm", "qoi", "sgi", "tga", "tif",
        "tiff", "webp",
    ]

    /// Files that fit a pattern with a number in it, such as `%04d`, as FFmpeg takes it; nil when it has
    /// none.
    private static func numbered(_ path: String) -> [String]? {
        guard let number = path.firstMatch(of: #/%0?(?<digits>[0-9]*)d/#) else { return nil }
        let digits = max(Int(number.output.digits) ?? 1, 1)
        let head = String(path[..<number.range.lowerBound])
        let tail = String(path[number.range.upperBound...])
        return names(fitting: escaped(head) + "*" + escaped(tail)).filter { name in
            let middle = name.utf8.dropFirst(head.utf8.count).dropLast(tail.utf8.count)
            return middle.count >= digits
                && middle.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        }
    }

    /// Files that fit a pattern with `*`, `?` or `[…]`, as shells take it; nil when it has none.
    private static func wild(_ path: String) -> [String]? {
        path.contains(where: { "*?[".contains($0) }) ? names(fitting: path) : nil
    }

    /// Existing files, in natural order.
    private static func names(fitting pattern: String) -> [String] {
        var found = glob_t()
        defer { globfree(&found) }
        guard glob(pattern, 0, nil, &found) == 0 else { return [] }
        return (0..<Int(found.gl_pathc))
            .map { String(cString: found.gl_pathv[$0]!) }
            .filter { path in
                var status = stat()
                return stat(path, &status) == 0 && status.st_mode & S_IFMT != S_IFDIR
            }
            .sorted(by: NaturalOrder.areInOrder)
    }

    private static func escaped(_ text: String) -> String {
        text.reduce(into: "") { $0 += "*?[\\".contains($1) ? "\\\($1)" : "\($1)" }
    }
}
