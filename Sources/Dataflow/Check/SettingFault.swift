import NodeKit

/// What can be wrong with a value under a node's `with:`.
enum SettingFault: Fault {
    case unknown(String, kind: String, hint: String?)
    case missing(SettingSpec, node: String)
    case wrongType(SettingSpec, found: Scalar)
    case outOfRange(SettingSpec, found: String)
    case notAChoice(SettingSpec, found: String, nearest: String?)
    case noFile(SettingSpec, path: String, fullPath: String, nearest: String?)
    case noMatch(SettingSpec, pattern: String)
    case twoFiles(SettingSpec, path: String, other: String)
    case unreadableFile(SettingSpec, path: String)
    case noFolder(SettingSpec, path: String, folder: String, full: String)
    case isFolder(SettingSpec, path: String, takesFolder: Bool)
    case notWritable(SettingSpec, folder: String)
    case unwritable(SettingSpec, path: String, reason: String, hint: String?)
    case unknownEnding(SettingSpec, path: String)
    case sameOutput(path: String, node: String)
    case overwritesInput(path: String, node: String)
    case overwritesGraph(path: String)
    case hasty(node: String, isFilm: Bool)

    var words: FaultWords {
        switch self {
        case .unknown(let name, let kind, let hint):
            FaultWords(
                "unknown-setting", "\(kind.quoted) has no setting \(name.quoted)", hint: hint)
        case .missing(let spec, let node):
            FaultWords(
                "missing-setting", "node \(node.quoted) needs the setting \(spec.name.quoted)",
                hint: "add 'with: { \(spec.name): … }': \(spec.summaryOrNeed)")
        case .wrongType(let spec, let found): wrongType(spec, found)
        case .outOfRange(let spec, let found):
            FaultWords(
                "out-of-range",
                "setting \(spec.name.quoted) is \(found), but must be \(spec.neededText)")
        case .notAChoice(let spec, let found, let nearest):
            FaultWords(
                "not-a-choice", "setting \(spec.name.quoted) cannot be \(found.quoted)",
                hint: nearest.map { "did you mean \($0.quoted)?" } ?? "it is \(spec.neededText)")
        default: fileWords
        }
    }

    private var fileWords: FaultWords {
        switch self {
        case .noFile(let spec, let path, let fullPath, let nearest):
            FaultWords(
                "missing-file",
                "setting \(spec.name.quoted): there is no file \(path.quoted)"
                    + (path == fullPath ? "" : " (looked for \(fullPath), and beside the graph)"),
                hint: nearest ?? (path.hasPrefix("~") ? "write '~' out: only shells know it" : nil))
        case .twoFiles(let spec, let path, let other):
            FaultWords(
                "two-files",
                "setting \(spec.name.quoted): there is \(path.quoted) in this folder, which is taken, and "
                    + "beside the graph",
                hint: "write \(other) if that one is meant", severity: .warning)
        case .noMatch(let spec, let pattern):
            FaultWords(
                "missing-file",
                "setting \(spec.name.quoted): no file's name fits the pattern \(pattern.quoted)",
                hint: "'%04d' stands for at least four digits, '*' for anything")
        case .unreadableFile(let spec, let path):
            FaultWords(
                "unreadable-file",
                "setting \(spec.name.quoted): the file \(path.quoted) may not be read",
                hint: "chmod +r \(path)")
        case .noFolder(let spec, let path, let folder, let full):
            FaultWords(
                "missing-folder",
                "setting \(spec.name.quoted): there is no folder for \(path.quoted) "
                    + "(looked for \(full))",
                hint: "mkdir -p \(folder)")
        case .isFolder(let spec, let path, let takesFolder):
            FaultWords(
                "output-is-folder",
                "setting \(spec.name.quoted): \(path.quoted) is a folder, not a file to write",
                hint: takesFolder
                    ? "add a file name, or write '\(path)/' for a folder of pictures"
                    : "add a file name")
        case .notWritable(let spec, let folder):
            FaultWords(
                "folder-not-writable",
                "setting \(spec.name.quoted): nothing may be written in \(folder)")
        case .unwritable(let spec, let path, let reason, let hint):
            FaultWords(
                "output-not-writable",
                "setting \(spec.name.quoted): \(path.quoted) cannot be written: \(reason)",
                hint: hint)
        case .unknownEnding(let spec, let path):
            FaultWords(
                "unknown-ending",
                "setting \(spec.name.quoted): \(path.quoted) ends in none of \(spec.endingsText)",
                hint: "its ending says what it is to be: write \((path + spec.endings[0]).quoted)")
        case .overwritesGraph(let path):
            FaultWords(
                "output-overwrites-graph",
                "\(path.quoted) is the graph file itself, or a part of it",
                hint: "give it another name")
        case .sameOutput(let path, let node):
            FaultWords("same-output", "\(path.quoted) is already written by node \(node.quoted)")
        case .overwritesInput(let path, let node):
            FaultWords(
                "output-overwrites-input",
                "\(path.quoted) would be overwritten while node \(node.quoted) reads it")
        case .hasty(let node, let isFilm):
            FaultWords(
                "not-realtime",
                "node \(node.quoted) sends its frames as fast as they are read, and in a live graph "
                    + "all but a few of them will be dropped",
                hint: isFilm
                    ? "add 'realtime: true' to its 'with:', as a camera has it"
                    : "remove 'pace: flat-out'",
                severity: .warning)
        default: preconditionFailure("handled above")
        }
    }

    private func wrongType(_ spec: SettingSpec, _ found: Scalar) -> FaultWords {
        let isQuotedNumber = !found.isPlain && Scalar.number(found.text) != nil
        let isQuotedFlag =
            !found.isPlain && spec.type == .flag && ["true", "false"].contains(found.text)
        let isQuoted = isQuotedNumber && spec.type.isNumeric || isQuotedFlag
        let written = found.isPlain ? found.text.quoted : "\"\(found.text)\""
        return FaultWords(
            "wrong-type",
            "setting \(spec.name.quoted) must be \(spec.neededText), but "
                + (isQuoted ? "\(written) in quotes is text" : "is \(written)"),
            hint: isQuoted ? "remove the quotes: \(found.text)" : advice(spec, found))
    }

    private func advice(_ spec: SettingSpec, _ found: Scalar) -> String? {
        if spec.type == .flag {
            let meanings = ["yes": "true", "on": "true", "no": "false", "off": "false"]
            return meanings[found.text.lowercased()].map { "write \($0)" }
        }
        let joined = found.text.filter { $0 != "_" && $0 != "," && $0 != " " }
        if joined != found.text, Scalar.number(joined) != nil { return "write \(joined)" }
        let start = String(found.text.prefix { $0.isASCII && ($0.isNumber || $0 == ".") })
        if !spec.unit.isEmpty, Scalar.number(start) != nil {
            return "its unit is \(spec.unit): write \(start) or \(start)\(spec.unit)"
        }
        return nil
    }
}

extension SettingType {
    var isNumeric: Bool {
        switch self {
        case .integer, .number: true
        default: false
        }
    }
}

extension SettingSpec {
    /// What the setting takes, as in "must be …": `a whole number from 1 to 60 (fps)`.
    package var neededText: String {
        let unit = unit.isEmpty ? "" : " (\(unit))"
        return switch type {
        case .text: "text"
        case .flag: "true or false"
        case .integer(let range):
            "a whole number"
                + Self.rangeText(
                    range.lowerBound == .min ? nil : "\(range.lowerBound)",
                    range.upperBound >= Int(Int32.max) ? nil : "\(range.upperBound)") + unit
        case .number(let range):
            "a number"
                + Self.rangeText(
                    range.lowerBound <= -1e300 ? nil : Self.short(range.lowerBound),
                    range.upperBound >= 1e300 ? nil : Self.short(range.upperBound)) + unit
        case .choice(let words): words.either
        case .inputFile: "a file that exists"
        case .outputFile:
            endings.isEmpty ? "a file to write" : "a file to write that ends in \(endingsText)"
        case .inputMedia: "a file or folder that exists, a pattern of names, or an address"
        case .weights: "'synthetic', or a file or folder of weights"
        }
    }

    /// The endings that an output may have: `.mp4, .mov or '/' for a folder`.
    var endingsText: String {
        let words = endings.map { $0 == "/" ? "'/' (a folder)" : $0 }
        return words.dropLast().joined(separator: ", ") + (words.count > 1 ? " or " : "")
            + (words.last ?? "")
    }

    var summaryOrNeed: String { summary.isEmpty ? neededText : summary }

    private static func rangeText(_ low: String?, _ high: String?) -> String {
        switch (low, high) {
        case (let low?, let high?): " from \(low) to \(high)"
        case (let low?, nil): " of at least \(low)"
        case (nil, let high?): " of at most \(high)"
        case (nil, nil): ""
        }
    }

    private static func short(_ number: Double) -> String {
        Int(exactly: number).map { "\($0)" } ?? "\(number)"
    }
}

extension SettingValue {
    /// The value as YAML has it.
    package var text: String {
        switch self {
        case .text(let text): text
        case .flag(let flag): "\(flag)"
        case .integer(let number): "\(number)"
        case .number(let number): Int(exactly: number).map { "\($0)" } ?? "\(number)"
        }
    }
}
