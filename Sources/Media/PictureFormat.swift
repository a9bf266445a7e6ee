import CFFmpeg
import Glibc

/// Formats of pictures that FFmpeg reads by halves or not at all, known by their first bytes.
///
/// A camera's raw file, for one, holds a small preview that FFmpeg would take for the picture.
enum PictureFormat: Equatable {
    /// HEIF's family: libheif reads it. With its usual name: `HEIC`, `AVIF`.
    case heif(String)
    /// WebP with several pictures: libwebpdemux reads it.
    case animatedWebP
    /// What nothing here reads, and what turns it into a picture.
    case foreign(name: String, advice: String)
    /// What is FFmpeg's to read or to refuse.
    case other

    /// Looks at the first bytes of a file.
    init(path: String) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            self = .other
            return
        }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 4_096)
        let count = pread(descriptor, &bytes, bytes.count, 0)
        self.init(Array(bytes.prefix(max(count, 0))))
    }

    init(_ bytes: [UInt8]) {
        func has(_ text: String, at offset: Int) -> Bool {
            bytes.dropFirst(offset).starts(with: text.utf8)
        }
        if has("ftyp", at: 4) {
            self = Self.boxes(bytes)
        } else if has("RIFF", at: 0) && has("WEBPVP8X", at: 8) {
            // Bit 1 of the flags says that there is an animation (RFC 9649, section 2.7.1).
            self = (bytes.dropFirst(20).first ?? 0) & 2 != 0 ? .animatedWebP : .other
        } else if let name = Self.raw(bytes) {
            self = .foreign(
                name: "a camera's raw file (\(name))",
                advice: "develop it into a picture first: darktable-cli FILE portrait.png")
        } else if has("gimp xcf", at: 0) {
            self = .foreign(
                name: "a GIMP document (XCF)", advice: "export it from GIMP as PNG")
        } else if has("%!PS", at: 0) || has("%PDF", at: 0) {
            self = .foreign(
                name: has("%PDF", at: 0) ? "a PDF document" : "a PostScript document",
                advice: "make a picture of it first: gs -sDEVICE=png16m -o portrait.png FILE")
        } else if Self.isSVG(bytes) && avcodec_find_decoder(AV_CODEC_ID_SVG) == nil {
            self = .foreign(
                name: "a drawing (SVG)",
                advice: "make a picture of it first: rsvg-convert FILE -o portrait.png")
        } else {
            self = .other
        }
    }

    /// ISO base media files by their brands (ISO/IEC 23008-12, annex B; AVIF 1.1, section 6).
    private static func boxes(_ bytes: [UInt8]) -> PictureFormat {
        let size = bytes.prefix(4).reduce(0) { $0 << 8 | Int($1) }
        let brands = stride(from: 8, to: min(size, bytes.count) - 3, by: 4).map {
            String(decoding: bytes[$0..<$0 + 4], as: UTF8.self)
        }
        guard let major = brands.first else { return .other }
        if major == "crx " {
            return .foreign(
                name: "a camera's raw file (Canon CR3)",
                advice: "develop it into a picture first: darktable-cli FILE portrait.png")
        }
        if ["avif", "avis"].contains(major) { return .heif("AVIF") }
        if ["heic", "heix", "heim", "heis", "hevc", "hevx"].contains(major) {
            return .heif("HEIC")
        }
        guard ["mif1", "msf1"].contains(major) else { return .other }
        return .heif(brands.contains("avif") ? "AVIF" : "HEIF")
    }

    /// Raw formats that do not look like a plain TIFF, and those that do, by their own tags.
    private static func raw(_ bytes: [UInt8]) -> String? {
        let signatures: [(String, Int, String)] = [
            ("FUJIFILMCCD-RAW", 0, "Fujifilm RAF"), ("IIRO", 0, "Olympus ORF"),
            ("IIRS", 0, "Olympus ORF"), ("MMOR", 0, "Olympus ORF"), ("IIU\0", 0, "Panasonic RW2"),
            ("FOVb", 0, "Sigma X3F"), ("\0MRM", 0, "Minolta MRW"), ("HEAPCCDR", 6, "Canon CRW"),
        ]
        if let found = signatures.first(where: { bytes.dropFirst($0.1).starts(with: $0.0.utf8) }) {
            return found.2
        }
        let isTIFF =
            bytes.starts(with: [0x49, 0x49, 42, 0]) || bytes.starts(with: [0x4D, 0x4D, 0, 42])
        guard isTIFF else { return nil }
        if bytes.dropFirst(8).starts(with: "CR".utf8) { return "Canon CR2" }
        let tags = Self.tags(bytes)
        if tags[0xC612] != nil { return "DNG" }
        // Sensors' data lie in directories of their own, beside a preview (TIFF/EP, ISO 12234-2).
        guard tags[0x14A] != nil, tags[0x10F] != nil, tags[0xFE] == 1 else { return nil }
        return "TIFF/EP, such as Nikon NEF, Sony ARW or Pentax PEF"
    }

    /// Tags of a TIFF's first directory, with their first value where it is a whole number.
    private static func tags(_ bytes: [UInt8]) -> [Int: Int] {
        let isLittle = bytes[0] == 0x49
        func number(_ at: Int, _ count: Int) -> Int? {
            guard at >= 0, at + count <= bytes.count else { return nil }
            let digits = bytes[at..<at + count]
            return (isLittle ? digits.reversed() : Array(digits)).reduce(0) { $0 << 8 | Int($1) }
        }
        guard let start = number(4, 4), let count = number(start, 2) else { return [:] }
        var tags: [Int: Int] = [:]
        for entry in 0..<count {
            let at = start + 2 + 12 * entry
            guard let tag = number(at, 2), let type = number(at + 2, 2) else { break }
            tags[tag] = number(at + 8, type == 3 ? 2 : 4) ?? 0
        }
        return tags
    }

    private static func isSVG(_ bytes: [UInt8]) -> Bool {
        let text = String(decoding: bytes.prefix(1_024), as: UTF8.self)
        let isXML = text.drop(while: \.isWhitespace).hasPrefix("<")
        return isXML && text.contains("<svg")
    }
}
