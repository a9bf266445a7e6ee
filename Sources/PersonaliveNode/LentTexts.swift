import Glibc

/// Texts whose bytes stay where they are until they are forgotten: what C callers get.
final class LentTexts {
    private var texts: [String: UnsafeMutablePointer<CChar>] = [:]

    deinit { forget() }

    /// The bytes of what `make` gives, with a zero at the end; the same ones for the same key.
    func bytes(_ key: String, _ make: () -> String?) -> UnsafePointer<CChar>? {
        if let found = texts[key] { return UnsafePointer(found) }
        guard let text = make() else { return nil }
        let bytes = strdup(text)
        texts[key] = bytes
        return UnsafePointer(bytes)
    }

    func forget() {
        texts.values.forEach { free($0) }
        texts = [:]
    }
}
