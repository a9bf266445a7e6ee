/// Who agreed to the use of a portrait: without that none is taken, and the audit log keeps it.
struct Consent: Sendable, Equatable {
    /// As the user wrote it.
    let person: String

    private static let longest = 200
    /// What the studio's page asks for.
    static let purpose = "animation of the picture in a run of personalive's studio"

    /// - Throws: ``StudioError/malformed(_:)`` when nobody is named.
    init(_ text: String?) throws(StudioError) {
        let words = (text ?? "").split { $0.isWhitespace || $0.isNewline }.joined(separator: " ")
        guard !words.isEmpty, words.utf8.count <= Self.longest else {
            throw .malformed(
                "say who is in the picture and agreed to its use, in 1 to \(Self.longest) bytes: "
                    + "?consent=NAME")
        }
        person = words
    }

    /// What the audit log says of it.
    var record: String { ", with the consent of \(person)" }
}
