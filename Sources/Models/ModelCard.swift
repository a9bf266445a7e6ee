import Foundation

/// What a repository's README.md says of its licence: a hub's model card.
struct ModelCard {
    /// Words of its front matter: `license`, `license_name`.
    let licences: [String]
    private let link: String?
    /// Sentences that speak of what is allowed.
    let remarks: [String]

    init(_ text: String) {
        let lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).map(
            String.init)
        var front: [String] = []
        var body = lines[...]
        if lines.first == "---", let end = lines.dropFirst().firstIndex(of: "---") {
            (front, body) = (Array(lines[1..<end]), lines[(end + 1)...])
        }
        licences =
            Self.values(of: "license", in: front) + Self.values(of: "license_name", in: front)
        link = Self.values(of: "license_link", in: front).first
        remarks = Array(body.filter(Self.speaksOfUse).prefix(4))
    }

    /// Where the front matter says that the text is, if that is an address.
    var address: String? { link.flatMap { $0.contains("://") ? $0 : nil } }

    /// The same, if it is a file of the repository.
    var file: String? {
        guard let link, address == nil, !link.hasPrefix("/"), !link.contains("..") else {
            return nil
        }
        return link.hasPrefix("./") ? String(link.dropFirst(2)) : link
    }

    /// The values of a key of the outermost level: one, a list in brackets, or one with a dash a line.
    private static func values(of key: String, in lines: [String]) -> [String] {
        guard let index = lines.firstIndex(where: { $0.hasPrefix("\(key):") }) else { return [] }
        let rest = lines[index].dropFirst(key.count + 1).trimmingCharacters(in: .whitespaces)
        if !rest.isEmpty {
            return rest.trimmingCharacters(in: CharacterSet(charactersIn: "[]")).split(
                separator: ","
            )
            .map(plain).filter { !$0.isEmpty }
        }
        return lines[(index + 1)...].map { $0.trimmingCharacters(in: .whitespaces) }
            .prefix { $0.hasPrefix("- ") }.map { plain($0.dropFirst(2)) }
    }

    private static func plain(_ text: Substring) -> String {
        text.trimmingCharacters(in: CharacterSet(charactersIn: " \"'"))
    }

    private static func speaksOfUse(_ line: String) -> Bool {
        let line = line.lowercased()
        return ["licen", "academic", "commercial", "research only", "research purpose"].contains {
            line.contains($0)
        }
    }
}
