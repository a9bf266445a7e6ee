import Marks
import NodeKit

/// Settings of what marks pictures as AI-generated: the same for every node that writes or sends them.
enum MarkSettings {
    static let label = Setting(
        "label-ai-generated", Bool.self, default: true,
        "say in the file's metadata and in the pictures that they are AI-generated; false is for "
            + "pictures that are not")
    static let sign = Setting(
        "visible-mark", String.self,
        type: .choice(VisibleSign.Corner.allCases.map(\.rawValue) + [off]),
        default: VisibleSign().corner.rawValue,
        "the corner of the sign that people see, for 3 s at the beginning and 2 s every 30 s")
    static let text = Setting(
        "visible-mark-text", String.self, default: VisibleSign().text,
        "what the sign says: 24 letters, digits and . : - + / ! ? at most")
    static let source = Setting(
        "source-type", String.self, type: .choice([generated, composite]), default: generated,
        "composite when pixels of a photo are in the pictures: face-warp, paste-back")

    static let all: [any SettingDescribing] = [label, sign, text, source]

    private static let off = "off", generated = "generated", composite = "composite"

    /// What the settings ask for.
    ///
    /// - Throws: ``MarkSettingError`` for a text that cannot be drawn.
    static func options(from settings: Settings) throws -> MarkOptions {
        let corner = VisibleSign.Corner(rawValue: settings[sign])
        let words = settings[text]
        if settings[label], corner != nil {
            guard !words.allSatisfy({ $0 == " " }), words.count <= VisibleSign.mostLetters,
                VisibleSign.unknownLetters(in: words).isEmpty
            else { throw MarkSettingError(text: words) }
        }
        return MarkOptions(
            isLabelled: settings[label], corner: corner, text: words,
            isComposite: settings[source] == composite, owner: settings.owner)
    }

    /// What a person has to read in the log when a mark was turned off.
    static func warning(for settings: Settings) -> String? {
        if !settings[label] {
            return
                "label-ai-generated: false: nothing says of these pictures that they are AI-generated"
        }
        return settings[sign] == off
            ? "visible-mark: off: the pictures have no sign that people see" : nil
    }
}

/// A text that the visible sign cannot show.
struct MarkSettingError: Error, CustomStringConvertible {
    let text: String

    var description: String {
        let unknown = VisibleSign.unknownLetters(in: text)
        return "visible-mark-text '\(text)' cannot be shown: "
            + (unknown.isEmpty
                ? "1 to \(VisibleSign.mostLetters) characters are needed, not all of them spaces"
                : "the sign has no '\(unknown[0])', only letters A to Z, digits and . : - + / ! ?")
    }
}
