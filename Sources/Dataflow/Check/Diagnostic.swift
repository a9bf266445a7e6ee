/// What a fault is called, what it says, and what would mend it.
package struct FaultWords: Sendable, Equatable {
    /// Stable, in kebab-case: tools may rely on it, people may search for it.
    package let code: String
    package let message: String
    package let hint: String?
    package let severity: Diagnostic.Severity

    init(
        _ code: String, _ message: String, hint: String? = nil,
        severity: Diagnostic.Severity = .error
    ) {
        self.code = code
        self.message = message
        self.hint = hint
        self.severity = severity
    }
}

/// The facts of one fault; ``words`` is the one place where they become a text.
package protocol Fault: Sendable {
    var words: FaultWords { get }
}

/// One fault of a graph file, with its place.
package struct Diagnostic: Sendable {
    package enum Severity: String, Sendable {
        case error, warning
    }

    /// Another place that explains the fault.
    package struct Note: Sendable, Hashable {
        package let place: SourceRange
        package let text: String

        init(_ text: String, at place: SourceRange) {
            self.text = text
            self.place = place
        }
    }

    /// The facts.
    package let fault: any Fault
    /// Where the graph file has to be mended.
    package let place: SourceRange
    package let notes: [Note]
    private let words: FaultWords

    init(_ fault: any Fault, at place: SourceRange, notes: [Note] = []) {
        self.fault = fault
        self.place = place
        self.notes = notes
        words = fault.words
    }

    /// Stable name of this sort of fault, in kebab-case.
    package var code: String { words.code }
    package var severity: Severity { words.severity }
    package var message: String { Self.oneLine(words.message) }
    package var hint: String? { words.hint.map(Self.oneLine) }

    /// The diagnostic as compilers write it, with the source line, carets and notes.
    ///
    /// - Parameter sources: the files that places are in.
    package func text(in sources: SourceText...) -> String { text(in: sources) }

    func text(in sources: [SourceText]) -> String {
        func source(_ place: SourceRange) -> SourceText { sources[min(place.file, sources.count - 1)] }
        return notes.reduce(
            "\(source(place).location(place)): \(severity): \(message)\n"
                + source(place).excerpt(place, remark: hint)
        ) { text, note in
            text + "\(source(note.place).location(note.place)): note: \(Self.oneLine(note.text))\n"
                + source(note.place).excerpt(note.place, remark: nil)
        }
    }

    /// The diagnostic for programs: `file`, `line`, `column`, `length`, `severity`, `code`,
    /// `message`, `hint`, `notes`.
    package func json(file: String) -> JSONValue { json(files: [file]) }

    func json(files: [String]) -> JSONValue {
        func file(_ place: SourceRange) -> String { files[min(place.file, files.count - 1)] }
        return .object([
            ("file", .text(file(place))), ("line", .integer(place.line)),
            ("column", .integer(place.column)), ("length", .integer(place.length)),
            ("severity", .text(severity.rawValue)), ("code", .text(code)),
            ("message", .text(message)), ("hint", hint.map { .text($0) } ?? .null),
            (
                "notes",
                .array(
                    notes.map { note in
                        .object([
                            ("file", .text(file(note.place))),
                            ("line", .integer(note.place.line)),
                            ("column", .integer(note.place.column)),
                            ("length", .integer(note.place.length)),
                            ("message", .text(Self.oneLine(note.text))),
                        ])
                    })
            ),
        ])
    }

    /// Control characters in a value must not reach a terminal, nor a line break end the message.
    private static func oneLine(_ text: String) -> String {
        var line = ""
        for scalar in text.unicodeScalars {
            switch scalar.value {
            case 0x0A: line += "\\n"
            case 0x00..<0x20, 0x7F...0x9F, 0x2028, 0x2029:
                line += "\\u{" + String(scalar.value, radix: 16) + "}"
            default: line.unicodeScalars.append(scalar)
            }
        }
        return line
    }
}

extension Diagnostic: Hashable {
    package static func == (left: Diagnostic, right: Diagnostic) -> Bool {
        left.place == right.place && left.words == right.words && left.notes == right.notes
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(place)
        hasher.combine(words.code)
    }
}

extension String {
    /// The text in single quotes, cut when nobody would read all of it.
    var quoted: String {
        let short = unicodeScalars.count > 60 ? String(unicodeScalars.prefix(57)) + "…" : self
        return "'" + short + "'"
    }
}

extension Collection<String> {
    /// `'a', 'b' and 'c'`.
    var listed: String {
        let words = map(\.quoted)
        guard words.count > 1 else { return words.first ?? "" }
        return words.dropLast().joined(separator: ", ") + " and " + words.last!
    }
}
