/// Why a consent does not count.
package enum ConsentError: Error, Equatable, CustomStringConvertible {
    case unreadable(path: String)
    case notConsent(path: String)
    case damaged(path: String, reason: String)
    case otherPicture(path: String, picture: String, named: String, found: String)
    case missing(picture: String)
    case badWords(name: String, longest: Int)

    package var description: String {
        switch self {
        case .unreadable(let path): "'\(path)' cannot be read"
        case .notConsent(let path): "'\(path)' is no consent to a picture"
        case .damaged(let path, let reason): "the consent '\(path)' does not count: \(reason)"
        case .otherPicture(let path, let picture, let named, let found):
            "the consent '\(path)' is for another picture: it names SHA-256 \(named.prefix(12))…, and "
                + "'\(picture)' has \(found.prefix(12))…"
        case .missing(let picture):
            "'\(picture)' has no consent, and 'require-consent: true' asks for one"
        case .badWords(let name, let longest):
            "a consent needs its '\(name)' in 1 to \(longest) bytes"
        }
    }

    /// What helps.
    package func remedy(for picture: String) -> String {
        "personalive consent new \(picture) --person NAME --purpose WHAT-FOR"
    }
}
