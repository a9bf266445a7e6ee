import Foundation

/// Who agreed to the use of a portrait, when and for what, signed with the user's key.
///
/// A text that people can read: lines of a name and a value, then the signature of those lines and the
/// certificate of its key. It says that nothing in it was changed since; that the person agreed is the
/// word of whoever signed it.
package struct ConsentFile: Equatable, Sendable {
    package let person, purpose: String
    /// When it was written down: `2026-11-30T22:41:03Z`.
    package let given: String
    /// SHA-256 of the picture, hexadecimal.
    package let picture: String
    /// Whose certificate it is.
    package let signer: String
    /// SHA-256 of the file itself, hexadecimal.
    package let digest: String

    private static let title = "personalive consent, version 1"
    private static let names = ["picture-sha256", "person", "purpose", "given"]
    private static let signature = "signature: "
    /// Bytes of a person's name or a purpose.
    package static let longest = 500
    private static let largestFile = 1 << 16

    /// The file that is looked for where none is named: beside the picture.
    package static func path(besides picture: String) -> String { picture + ".consent" }

    /// The text of a new one.
    ///
    /// - Parameter picture: its path.
    /// - Throws: ``ConsentError`` for a picture that cannot be read and for words that do not fit into a
    ///   line, ``SigningError`` for a key that cannot be used.
    package static func text(
        for picture: String, person: String, purpose: String, given: Date = Date(),
        keys: SigningKeys
    ) throws -> String {
        guard let sum = SHA256.text(ofFile: picture) else {
            throw ConsentError.unreadable(path: picture)
        }
        let values = [sum, line(person), line(purpose), given.formatted(.iso8601)]
        for (name, value) in zip(names, values) where value.isEmpty || value.utf8.count > longest {
            throw ConsentError.badWords(name: name, longest: longest)
        }
        let head =
            title + "\n" + zip(names, values).map { "\($0): \($1)\n" }.joined()
        guard let signature = keys.sign(Array(head.utf8)), let leaf = keys.leaf?.pem else {
            throw SigningError.badKey(path: keys.folder, reason: "OpenSSL could not sign with it")
        }
        return head + Self.signature + Data(signature).base64EncodedString() + "\n"
            + String(decoding: leaf, as: UTF8.self)
    }

    /// Words in one line, without what a terminal would obey.
    private static func line(_ words: String) -> String {
        let scalars = words.unicodeScalars.map {
            $0.properties.generalCategory == .control ? " " : $0
        }
        return String(String.UnicodeScalarView(scalars)).split(separator: " ")
            .joined(separator: " ")
    }

    /// Reads a file whose signature holds.
    package init(contentsOf path: String) throws(ConsentError) {
        guard let data = Self.contents(of: path) else { throw .unreadable(path: path) }
        let text = String(decoding: data, as: UTF8.self)
        guard text.hasPrefix(Self.title + "\n") else { throw .notConsent(path: path) }
        guard let mark = text.range(of: "\n" + Self.signature) else {
            throw .damaged(path: path, reason: "it has no signature")
        }
        let head = String(text[..<mark.lowerBound]) + "\n"
        let rest = text[mark.upperBound...].split(separator: "\n", maxSplits: 1)
        guard rest.count == 2, let signature = Data(base64Encoded: String(rest[0])),
            let certificate = Certificate(pem: Array(rest[1].utf8)), let key = certificate.publicKey
        else { throw .damaged(path: path, reason: "its signature cannot be read") }
        guard key.holds(Array(signature), of: Array(head.utf8)) else {
            throw .damaged(path: path, reason: "it was changed since it was signed")
        }
        var values: [String: String] = [:]
        for line in head.split(separator: "\n").dropFirst() {
            guard let colon = line.range(of: ": ") else { continue }
            values[String(line[..<colon.lowerBound])] = String(line[colon.upperBound...])
        }
        guard let picture = values["picture-sha256"], let person = values["person"],
            let purpose = values["purpose"], let given = values["given"]
        else { throw .damaged(path: path, reason: "it lacks a line") }
        (self.picture, self.person, self.purpose, self.given) = (picture, person, purpose, given)
        (signer, digest) = (certificate.name, SHA256.text(of: Array(data)))
    }

    private static func contents(of path: String) -> Data? {
        guard let file = FileHandle(forReadingAtPath: path),
            let data = try? file.read(upToCount: largestFile), data.count < largestFile
        else { return nil }
        return data
    }

    /// The consent to a picture: the one that is named, else the one beside it; nil where there is none.
    ///
    /// - Throws: ``ConsentError`` for a named one that is no consent to this picture.
    package static func find(
        for picture: String, named: String?
    ) throws(ConsentError) -> ConsentFile? {
        let sum = SHA256.text(ofFile: picture)
        let beside = try? ConsentFile(contentsOf: path(besides: picture))
        // The studio puts another picture in the place of the one that the graph names a consent for.
        if let beside, beside.picture == sum { return beside }
        guard let named else { return nil }
        let consent = try ConsentFile(contentsOf: named)
        try consent.check(isFor: picture, in: named)
        return consent
    }

    /// - Parameter path: of the file itself.
    /// - Throws: ``ConsentError/otherPicture(path:picture:named:found:)``.
    package func check(isFor picture: String, in path: String) throws(ConsentError) {
        let sum = SHA256.text(ofFile: picture)
        guard self.picture != sum else { return }
        throw .otherPicture(
            path: path, picture: picture, named: self.picture, found: sum ?? "no file")
    }
}
