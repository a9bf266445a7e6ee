/// What can be wrong with `settings:`, `--set` and `${name}`.
enum ReferenceFault: Fault {
    case undefined(String, nearest: String?)
    case malformed(String)
    case circular([String])
    case withoutValue(String)
    case unused(String)
    case unknownOverride(String, value: String, nearest: String?, known: [String])
    case notExpandedHere(String)

    var words: FaultWords {
        switch self {
        case .undefined(let name, let nearest):
            FaultWords(
                "undefined-reference", "nothing defines ${\(name)}",
                hint: nearest.map { "did you mean ${\($0)}?" }
                    ?? "define it under 'settings:' at the top of the file")
        case .malformed(let text):
            FaultWords(
                "malformed-reference", "\(text.quoted) holds a '${' that names no setting",
                hint: "write ${name} with letters, digits, '-' and '_'; $${ for the text itself")
        case .circular(let names):
            FaultWords(
                "circular-reference",
                "settings refer to each other: \(names.joined(separator: " → "))")
        case .withoutValue(let name):
            FaultWords(
                "setting-without-value", "the graph's setting \(name.quoted) has no value",
                hint: "give it one here, or with --set \(name)=…")
        case .unused(let name):
            FaultWords(
                "unused-setting", "nothing refers to the setting \(name.quoted)",
                hint: "write ${\(name)} where it is meant, or remove it", severity: .warning)
        case .unknownOverride(let name, let value, let nearest, let known):
            FaultWords(
                "unknown-override",
                "--set \(name)=\(value): the graph has no setting \(name.quoted)",
                hint: nearest.map { "did you mean \($0.quoted)?" }
                    ?? (known.isEmpty ? "it has none at all" : "it has \(known.listed)"))
        case .notExpandedHere(let key):
            FaultWords(
                "reference-not-allowed", "'\(key)' takes no ${name}: it is the same in every run")
        }
    }
}

/// The values of `settings:`, those of `--set` in their place, and what `${name}` stands for.
struct SettingReferences {
    private struct Declaration {
        let name: String
        let place: SourceRange
        var value: Scalar
        var isOverridden = false
        /// Where the graph that uses this file gives the value.
        var givenAt: SourceRange?
        var isUsed = false
        var isBroken = false
    }

    private var declarations: [Declaration] = []
    private var indices: [String: Int] = [:]
    private var path: [String] = []

    /// Adds `name: value` of the block `settings:`; without a value, `--set` must give one.
    mutating func declare(_ name: String, at place: SourceRange, value: Scalar?) {
        let none = Scalar(text: "", isPlain: true, place: place)
        indices[name] = declarations.count
        declarations.append(
            Declaration(
                name: name, place: place, value: value ?? none, isBroken: value == nil))
    }

    /// Puts a value of the command line in the place of the file's; it is taken as it is.
    mutating func override(_ name: String, with text: String, findings: inout Findings) {
        guard let index = indices[name] else {
            let known = declarations.map(\.name)
            let nearest = findings.nearest(to: name, among: known)
            let fault = ReferenceFault.unknownOverride(
                name, value: text, nearest: nearest, known: known)
            return findings.report(fault, at: .wholeFile)
        }
        declarations[index].value.text = text
        declarations[index].value.isPlain = true
        declarations[index].value.isGiven = true
        declarations[index].isOverridden = true
        declarations[index].isBroken = false
    }

    /// Puts a value that the graph around this file gives in the place of the file's.
    mutating func give(
        _ name: Located<String>, _ value: Scalar?, part: String, findings: inout Findings
    ) {
        guard let index = indices[name.value] else {
            let known = declarations.map(\.name)
            let nearest = findings.nearest(to: name.value, among: known)
            let fault = PartFault.unknownSetting(
                name.value, part: part, nearest: nearest, known: known)
            return findings.report(fault, at: name.place)
        }
        declarations[index].givenAt = name.place
        declarations[index].isBroken = value == nil
        if let value {
            declarations[index].value = value
            declarations[index].isOverridden = true
        }
    }

    /// Writes out all references of a text; nil when one of them was at fault, which is reported.
    mutating func expand(_ scalar: Scalar, findings: inout Findings) -> Scalar? {
        guard scalar.text.unicodeScalars.contains("$") else { return scalar }
        let pieces = Self.pieces(of: scalar.text)
        if case .reference(let name)? = pieces.first, pieces.count == 1 {
            return value(of: name, at: scalar.place, findings: &findings).map {
                var value = Scalar(
                    text: $0.text, isPlain: $0.isPlain, place: scalar.place, origin: $0.origin)
                value.isGiven = $0.isGiven
                return value
            }
        }
        var result = scalar
        result.text = ""
        for piece in pieces {
            switch piece {
            case .text(let text): result.text += text
            case .malformed:
                findings.report(
                    ReferenceFault.malformed(ReferenceMask.unmasked(scalar.text)), at: scalar.place)
                return nil
            case .reference(let name):
                guard let value = value(of: name, at: scalar.place, findings: &findings) else {
                    return nil
                }
                // What begins with a path of the command line is one, whatever stands behind it.
                if result.text.isEmpty { result.isGiven = value.isGiven }
                result.text += value.text
                result.origin = value.origin
            }
        }
        return result
    }

    /// Warns of each setting that nothing referred to, and finds what is wrong with it all the same.
    mutating func reportUnused(to findings: inout Findings) {
        let unused = declarations.filter { !$0.isUsed && !$0.isBroken }
        for declaration in unused {
            findings.report(ReferenceFault.unused(declaration.name), at: declaration.place)
        }
        for declaration in unused where !declaration.value.isNull {
            _ = value(of: declaration.name, at: declaration.place, findings: &findings)
        }
    }

    private mutating func value(
        of name: String, at place: SourceRange, findings: inout Findings
    ) -> Scalar? {
        guard let index = indices[name] else {
            let nearest = findings.nearest(to: name, among: declarations.map(\.name))
            if let meant = nearest.flatMap({ indices[$0] }) { declarations[meant].isUsed = true }
            findings.report(ReferenceFault.undefined(name, nearest: nearest), at: place)
            return nil
        }
        if path.contains(name) {
            findings.report(
                ReferenceFault.circular(path.drop { $0 != name } + [name]),
                at: declarations[index].place)
            declarations[index].isBroken = true
        }
        declarations[index].isUsed = true
        let declaration = declarations[index]
        if declaration.isBroken { return nil }
        if declaration.isOverridden { return traced(declaration.value, declaration) }
        if declaration.value.isNull {
            findings.report(ReferenceFault.withoutValue(name), at: declaration.place)
            declarations[index].isBroken = true
            return nil
        }
        path.append(name)
        defer { path.removeLast() }
        guard let value = expand(declaration.value, findings: &findings) else {
            declarations[index].isBroken = true
            return nil
        }
        return traced(value, declaration)
    }

    private func traced(_ value: Scalar, _ declaration: Declaration) -> Scalar {
        var value = value
        if let place = declaration.givenAt {
            value.origin = Diagnostic.Note("the value is given here", at: place)
            return value
        }
        let text =
            declaration.isOverridden
            ? "the value is that of --set \(declaration.name)=\(value.text)"
            : "the value comes from the setting \(declaration.name.quoted)"
        value.origin = Diagnostic.Note(text, at: declaration.place)
        return value
    }

    private enum Piece {
        case text(String)
        case reference(String)
        case malformed
    }

    /// `$${` is the text `${`; a `${` that ``ReferenceMask`` left alone names nothing.
    private static func pieces(of text: String) -> [Piece] {
        var pieces: [Piece] = []
        var plain = String.UnicodeScalarView()
        var rest = Substring(text).unicodeScalars
        while let scalar = rest.popFirst() {
            let isDollar = scalar == "$"
            if isDollar, rest.first == "$", isOpening(rest.dropFirst().first) {
                rest.removeFirst()
                rest.removeFirst()
                plain += "${".unicodeScalars
            } else if isDollar, rest.first == ReferenceMask.open {
                rest.removeFirst()
                let name = rest.prefix { $0 != ReferenceMask.close }
                rest = rest.dropFirst(name.count + 1)
                if !plain.isEmpty { pieces.append(.text(String(plain))) }
                plain = .init()
                pieces.append(.reference(String(name)))
            } else if isDollar, rest.first == "{" {
                pieces.append(.malformed)
            } else {
                plain.append(scalar == ReferenceMask.close ? "}" : scalar)
            }
        }
        if !plain.isEmpty { pieces.append(.text(String(plain))) }
        return pieces
    }

    private static func isOpening(_ scalar: Unicode.Scalar?) -> Bool {
        scalar == "{" || scalar == ReferenceMask.open
    }
}
