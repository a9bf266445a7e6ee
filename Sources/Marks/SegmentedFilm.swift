import Foundation

/// The header and the segments of a stream that was kept: a playlist of HLS with its files, or one file in
/// which they stand one after the other.
struct SegmentedFilm {
    /// A header with the segments behind it. Files are read when they are looked at: together they may be
    /// larger than the memory.
    struct Part {
        var header: () -> [UInt8]
        var segments: [(name: String, bytes: () -> [UInt8])] = []
    }

    var parts: [Part] = []

    /// More bytes a playlist does not have.
    private static let largestPlaylist = 16 << 20
    private static let largestFile = 1 << 30

    /// Nil of what is no such film, or has no signed segment.
    init?(_ path: String) {
        if path.lowercased().hasSuffix(".m3u8") {
            readPlaylist(path)
        } else {
            readFile(path)
        }
        guard parts.contains(where: { !$0.segments.isEmpty }) else { return nil }
        let isSigned = parts.contains { part in
            ManifestStore(file: part.header()) != nil
                || part.segments.contains { Self.hasMessage($0.bytes()) }
        }
        guard isSigned else { return nil }
    }

    private static func hasMessage(_ segment: [UInt8]) -> Bool {
        BoxList(segment).boxes.contains { SegmentMessage.isOne($0, of: segment) }
    }

    private static func contents(of path: String, atMost limit: Int = largestFile) -> [UInt8]? {
        var status = stat()
        guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG, status.st_size <= limit
        else { return nil }
        return FileManager.default.contents(atPath: path).map(Array.init)
    }

    /// A file of the playlist's own folder; others it may name are not looked at.
    private static func file(_ name: String, in folder: String) -> [UInt8] {
        guard !name.contains("/"), !name.isEmpty else { return [] }
        return contents(of: (folder as NSString).appendingPathComponent(name)) ?? []
    }

    private mutating func readPlaylist(_ path: String) {
        guard let bytes = Self.contents(of: path, atMost: Self.largestPlaylist) else { return }
        let folder = (path as NSString).deletingLastPathComponent
        for line in String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline) {
            if line.hasPrefix("#EXT-X-MAP:"), let match = line.firstMatch(of: /URI="([^"]*)"/) {
                let name = String(match.1)
                parts.append(Part(header: { Self.file(name, in: folder) }))
            } else if !line.hasPrefix("#"), !parts.isEmpty {
                let name = String(line)
                parts[parts.count - 1].segments.append((name, { Self.file(name, in: folder) }))
            }
        }
    }

    private mutating func readFile(_ path: String) {
        guard ManifestPlace.hasMessage(path), let bytes = Self.contents(of: path),
            bytes.count >= 8, bytes[4..<8].elementsEqual("ftyp".utf8)
        else { return }
        let boxes = BoxList(bytes).boxes
        guard boxes.contains(where: { SegmentMessage.isOne($0, of: bytes) }) else { return }
        var starts: [Int] = []
        var isOpen = false
        for box in boxes {
            // A segment begins with its kind, or else with its message.
            let begins = box.isCalled("styp") || (SegmentMessage.isOne(box, of: bytes) && !isOpen)
            if begins { starts.append(box.range.lowerBound) }
            if begins { isOpen = true }
            if box.isCalled("mdat") { isOpen = false }
        }
        guard let first = starts.first else { return }
        var part = Part(header: { Array(bytes[..<first]) })
        for (index, start) in starts.enumerated() {
            let end = index + 1 < starts.count ? starts[index + 1] : bytes.count
            part.segments.append(("segment \(index + 1)", { Array(bytes[start..<end]) }))
        }
        parts = [part]
    }
}
