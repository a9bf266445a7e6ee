import Glibc

/// How a picture is to be turned, from the tag that cameras write: 1 to 8, as in Exif 2.32, 4.6.4.
///
/// FFmpeg reads it in JPEG alone; here it is found in PNG, WebP and TIFF.
enum ExifOrientation {
    /// The orientation that a file asks for, 1 when it says none or has another format.
    static func read(_ path: String) -> Int {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return 1 }
        defer { close(descriptor) }
        let file = Window(descriptor: descriptor)
        let found =
            switch file.bytes(at: 0, 12) {
            case let head where head.starts(with: [0x89, 0x50, 0x4E, 0x47]): png(file)
            case let head
            where head.starts(with: Array("RIFF".utf8))
                && head.suffix(4) == Array("WEBP".utf8):
                webP(file)
            default: tiff(file, at: 0)
            }
        return found.flatMap { (1...8).contains($0) ? $0 : nil } ?? 1
    }

    private struct Window {
        let descriptor: Int32

        func bytes(at offset: Int, _ count: Int) -> [UInt8] {
            var bytes = [UInt8](repeating: 0, count: count)
            let read = pread(descriptor, &bytes, count, offset)
            return Array(bytes.prefix(max(read, 0)))
        }

        func number(at offset: Int, _ count: Int, isLittle: Bool) -> Int? {
            let bytes = bytes(at: offset, count)
            guard bytes.count == count else { return nil }
            return (isLittle ? bytes.reversed() : bytes).reduce(0) { $0 << 8 | Int($1) }
        }
    }

    /// PNG's chunks: length, name, data, sum (PNG, third edition, sections 5.3 and 11.3.4.5).
    private static func png(_ file: Window) -> Int? {
        var at = 8
        while let length = file.number(at: at, 4, isLittle: false) {
            let name = file.bytes(at: at + 4, 4)
            if name == Array("eXIf".utf8) { return tiff(file, at: at + 8) }
            if name == Array("IEND".utf8) { return nil }
            at += 12 + length
        }
        return nil
    }

    /// WebP's chunks, of even length (RFC 9649, section 2.3).
    private static func webP(_ file: Window) -> Int? {
        var at = 12
        while let length = file.number(at: at + 4, 4, isLittle: true) {
            if file.bytes(at: at, 4) == Array("EXIF".utf8) {
                // Some programs keep JPEG's own introduction.
                let isIntroduced = file.bytes(at: at + 8, 6) == Array("Exif\0\0".utf8)
                return tiff(file, at: at + 8 + (isIntroduced ? 6 : 0))
            }
            at += 8 + length + length % 2
        }
        return nil
    }

    /// The first directory of a TIFF structure (TIFF 6.0, section 2).
    private static func tiff(_ file: Window, at start: Int) -> Int? {
        let head = file.bytes(at: start, 4)
        let isLittle = head == [0x49, 0x49, 42, 0]
        guard isLittle || head == [0x4D, 0x4D, 0, 42],
            let offset = file.number(at: start + 4, 4, isLittle: isLittle),
            let count = file.number(at: start + offset, 2, isLittle: isLittle)
        else { return nil }
        for entry in 0..<count {
            let at = start + offset + 2 + 12 * entry
            guard let tag = file.number(at: at, 2, isLittle: isLittle) else { return nil }
            if tag == 0x112 { return file.number(at: at + 8, 2, isLittle: isLittle) }
        }
        return nil
    }
}
