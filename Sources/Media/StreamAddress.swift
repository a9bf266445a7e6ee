/// Where a stream goes: a server's address or a file, with a key that nobody gets to see.
package struct StreamAddress: Equatable, Sendable {
    /// How a stream is packed, as its address says.
    package enum Form: String, Sendable {
        case flv, mpegts, rtsp, mp4, matroska
    }

    /// What libavformat opens, key included: never shown.
    package let url: String
    /// The address as people may see it: `…` stands for the key, passwords, and what is behind `?`.
    package let shown: String
    package let form: Form
    /// The path of a file of this machine; nil for a server.
    package let file: String?
    /// Parts of ``url`` that are secret, longest first.
    private let secrets: [String]

    /// The endings of files, and the beginnings of addresses.
    package static let files: [(ending: String, form: Form)] = [
        (".mp4", .mp4), (".mkv", .matroska), (".ts", .mpegts), (".flv", .flv),
    ]
    package static let schemes: [(scheme: String, form: Form)] = [
        ("rtmp", .flv), ("rtmps", .flv), ("srt", .mpegts), ("rtsp", .rtsp), ("rtsps", .rtsp),
        ("udp", .mpegts), ("tcp", .mpegts),
    ]

    /// - Parameter key: stands for `{key}` in the address, or comes behind its last `/`.
    /// - Throws: ``MediaError/badAddress(address:reason:)``.
    package init(_ text: String, key: String? = nil) throws(MediaError) {
        guard let scheme = MediaAddress.scheme(of: text), scheme != "file" else {
            try self.init(file: text.hasPrefix("file://") ? String(text.dropFirst(7)) : text)
            guard key?.isEmpty ?? true else {
                throw .badAddress(address: shown, reason: "a file takes no key; " + Self.noKey)
            }
            return
        }
        guard let form = Self.schemes.first(where: { $0.scheme == scheme })?.form else {
            throw .badAddress(
                address: "\(scheme)://…",
                reason: "nothing is sent to '\(scheme)'; "
                    + Self.schemes.map { "\($0.scheme)://" }.joined(separator: ", ") + " are known")
        }
        var (whole, masked) = (text, text)
        if let key, !key.isEmpty {
            let place = try Self.withPlaceForKey(text, scheme: scheme)
            whole = place.replacing("{key}", with: key)
            masked = place.replacing("{key}", with: "…")
        }
        let hidden = [Self.split(whole, scheme: scheme).tail, key ?? ""]
        // Parts of the key and of the tail may stand alone in a library's message.
        let parts = hidden.flatMap {
            $0.split(whereSeparator: { "/?&=".contains($0) }).map(String.init)
        }
        let secrets = ([whole] + hidden + parts + Self.userInfo(of: whole)).filter { $0.count > 2 }
        self.init(
            url: whole, shown: Self.shown(masked, scheme: scheme), form: form, file: nil,
            secrets: secrets.sorted { $0.count > $1.count })
    }

    private static let noKey = "leave key-file out, or set it to /dev/null"

    /// The address with `{key}` where its key comes.
    private static func withPlaceForKey(
        _ text: String, scheme: String
    ) throws(MediaError) -> String {
        switch scheme {
        case "udp", "tcp":
            throw .badAddress(
                address: shown(text, scheme: scheme), reason: "\(scheme):// takes no key; " + noKey)
        case _ where text.contains("{key}"): return text
        case "srt":
            throw .badAddress(
                address: shown(text, scheme: scheme),
                reason: "srt:// has a key only where {key} stands: write it like "
                    + "srt://host:9000?streamid={key}, or " + noKey)
        default: return text + (text.hasSuffix("/") ? "" : "/") + "{key}"
        }
    }

    /// An address, in which `…` stands for the key that was put in, as people may see it.
    private static func shown(_ masked: String, scheme: String) -> String {
        let (head, tail) = split(masked, scheme: scheme)
        return (head + (tail.isEmpty ? "" : "…")).withoutPasswords
    }

    private init(url: String, shown: String, form: Form, file: String?, secrets: [String]) {
        (self.url, self.shown, self.form, self.file) = (url, shown, form, file)
        self.secrets = secrets
    }

    private init(file path: String) throws(MediaError) {
        let name = path.lowercased()
        guard let form = Self.files.first(where: { name.hasSuffix($0.ending) })?.form else {
            throw .badAddress(
                address: path.withoutPasswords,
                reason: "it is neither an address such as rtmp://… nor a file whose name ends in "
                    + Self.files.map(\.ending).joined(separator: ", "))
        }
        self.init(url: "file:" + path, shown: path, form: form, file: path, secrets: [])
    }

    /// What may be seen, and what is secret: what stands behind `?`, and, as in `rtmp://host/app/key`,
    /// behind the second `/` of RTMP and RTSP.
    private static func split(_ url: String, scheme: String) -> (head: String, tail: String) {
        let begin = url.firstRange(of: "://")!.upperBound
        let question = url[begin...].firstIndex(of: "?") ?? url.endIndex
        guard scheme.hasPrefix("rtmp") || scheme.hasPrefix("rtsp"),
            let path = url[begin..<question].firstIndex(of: "/")
        else {
            let cut = question == url.endIndex ? question : url.index(after: question)
            return (String(url[..<cut]), String(url[cut...]))
        }
        let app = url.index(after: path)
        guard let second = url[app..<question].firstIndex(of: "/") else {
            // An application alone is no secret, but what is asked of it is.
            let cut = question == url.endIndex ? question : url.index(after: question)
            return (String(url[..<cut]), String(url[cut...]))
        }
        let cut = url.index(after: second)
        return (String(url[..<cut]), String(url[cut...]))
    }

    private static func userInfo(of url: String) -> [String] {
        let begin = url.firstRange(of: "://")!.upperBound
        let host = url[begin...].prefix { $0 != "/" && $0 != "?" }
        guard let at = host.lastIndex(of: "@") else { return [] }
        return host[..<at].split(separator: ":").dropFirst().map(String.init)
    }

    /// A library's message without what is secret.
    package func cleaned(_ text: String) -> String {
        secrets.reduce(text) { $0.replacing($1, with: "…") }.withoutPasswords
    }
}
