import Foundation

/// Under what terms a repository gives away its files, as far as the hub shows it.
package struct Licence: Sendable {
    /// A file that says so.
    package struct Text: Sendable {
        package let path: String
        /// Where a person can read all of it.
        package let page: String
        /// How it begins; nothing of a file that is no text.
        package let firstLines: [String]
    }

    /// `owner/name`.
    package let repository: String
    /// What the model card calls it; empty where it says nothing.
    package let names: [String]
    /// Where the model card says that the text is.
    package let link: String?
    package let texts: [Text]
    /// What the model card says besides, in its own words.
    package let remarks: [String]
    /// Where the repository is.
    package let page: String
    /// The files that are kept beside the weights.
    package let files: [PublishedModel.File]
    /// Whether it is as it was when it was accepted.
    package let isAccepted: Bool

    /// Where the texts of a repository are, in the folder of weights.
    static func folder(of repository: String) -> String {
        "licences/\(repository.replacing("/", with: "--"))"
    }

    /// What a person is shown before anything is fetched.
    package var description: String {
        let card = names.isEmpty ? [] : ["\(names.joined(separator: ", ")) by its model card"]
        let sources = texts.isEmpty ? [] : ["text in \(texts.map(\.path).joined(separator: ", "))"]
        let words =
            card + sources == []
            ? "no licence found, neither in a model card nor in a file"
            : (card + sources).joined(separator: ", ")
        var lines = ["\(repository): \(words)"]
        lines += ([link] + [texts.first?.page ?? page]).compactMap { $0 }.map { "  \($0)" }
        for text in texts { lines += text.firstLines.map { "  | \($0)" } }
        if !remarks.isEmpty {
            lines.append("  its README.md says:")
            lines += remarks.map { "  | \($0)" }
        }
        return lines.map(Self.printable).joined(separator: "\n")
    }

    /// What came over the network does not speak to the terminal.
    private static func printable(_ line: String) -> String {
        let scalars = line.unicodeScalars.filter { $0.properties.generalCategory != .control }
        let text = String(String.UnicodeScalarView(scalars))
        return text.count > 160 ? String(text.prefix(159)) + "…" : text
    }
}
