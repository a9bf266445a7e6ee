import Foundation

/// What a setting for films and pictures may name besides a file: addresses and patterns of names.
enum MediaPath {
    /// The path of a file of this machine; nil for an address on the network.
    ///
    /// `file:///a%20film.mp4` (RFC 8089) is a file, `http://…` is an address, `http:x.png` a name.
    static func file(_ text: String) -> String? {
        guard text.contains("://") else { return text }
        guard text.lowercased().hasPrefix("file://") else { return nil }
        let rest = text.dropFirst("file://".count)
        let host = rest.prefix { $0 != "/" }.lowercased()
        // A file of another machine is refused by its name where it is read.
        guard host.isEmpty || host == "localhost" else { return nil }
        let path = String(rest.drop { $0 != "/" })
        return path.removingPercentEncoding ?? path
    }

    /// Whether a name that no file has stands for several: `frames/%04d.png`, `frames/*.png`.
    static func isPattern(_ path: String) -> Bool {
        path.contains(where: { "*?[".contains($0) }) || path.firstRange(of: numbered) != nil
    }

    /// Whether there is a file whose name fits.
    static func hasMatch(_ pattern: String) -> Bool {
        var found = glob_t()
        defer { globfree(&found) }
        let names = pattern.replacing(numbered) { number in
            String(repeating: "[0-9]", count: max(1, min(Int(number.output.digits) ?? 1, 20))) + "*"
        }
        return glob(names, 0, nil, &found) == 0 && found.gl_pathc > 0
    }

    nonisolated(unsafe) private static let numbered = #/%0?(?<digits>[0-9]*)d/#
}
