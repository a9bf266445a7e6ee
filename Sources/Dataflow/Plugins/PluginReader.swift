import Foundation
import NodeKit

/// Reads what a `node.yaml` says: `Plugins/README.md` has its keys.
struct PluginReader {
    static let keys = [
        "kind", "summary", "command", "inputs", "outputs", "settings", "held-frames", "chunk",
        "state", "start-within", "requirements",
    ]
    static let defaultStart = Duration.seconds(60)

    let file: String
    private(set) var findings: Findings
    /// What the plugin calls itself, readable or not in all else.
    private(set) var kind: Located<String>?
    /// Names of all settings, those included that are at fault.
    private(set) var declared: [String] = []
    /// Names of those that change while the node runs.
    private(set) var live: Set<String> = []

    init(file: String, findings: Findings) {
        self.file = file
        self.findings = findings
    }

    /// The folder that `./` stands for, from the root.
    private var folder: String {
        URL(fileURLWithPath: file).standardizedFileURL.deletingLastPathComponent().path
    }

    /// The plugin, unless its file is at fault.
    mutating func plugin(_ root: YAMLNode) -> Plugin? {
        guard let entries = mapping(root, "a plugin's file") else { return nil }
        for entry in entries where !Self.keys.contains(entry.key) && !entry.key.hasPrefix("x-") {
            unknownKey(entry, owner: "a plugin's file", known: Self.keys)
        }
        kind = required("kind", of: entries).flatMap { name($0) }
        let summary = required("summary", of: entries).flatMap { scalar($0.value, "'summary'") }
        let command = required("command", of: entries).flatMap { self.command($0.value) }
        let settings = self.settings(entries["settings"])
        declared = Self.keys(of: entries["settings"])
        live = Set(settings.filter(\.isLive).map(\.name))
        let inputs = ports(entries["inputs"], isInput: true)
        let outputs = ports(entries["outputs"], isInput: false)
        if entries["inputs"] == nil, entries["outputs"] == nil { report(.noPorts, at: root.place) }
        let held = entries["held-frames"].flatMap {
            whole($0.value, "'held-frames'", within: 0...100_000)
        }
        let chunk = entries["chunk"].flatMap { whole($0.value, "'chunk'", within: 1...64) }
        let start = entries["start-within"].flatMap { duration($0.value, "'start-within'") }
        let requirements = entries["requirements"].flatMap { self.requirements($0, command ?? []) }
        let state = entries["state"].flatMap { choice($0.value, "'state'", of: NodeState.self) }
        guard !findings.hasErrors, let kind, let summary, let command else { return nil }
        return Plugin(
            spec: NodeSpec(
                kind: kind.value, summary: summary.text, inputs: inputs, outputs: outputs,
                settings: settings, heldFrames: held?.value ?? 0, chunk: chunk?.value ?? 1,
                state: state ?? .unknown),
            command: Self.command(command, with: requirements), requirements: requirements,
            startWithin: start ?? Self.defaultStart, file: file)
    }

    mutating func report(_ fault: PluginFault, at place: SourceRange) {
        findings.report(fault, at: place)
    }

    private static func keys(of block: YAMLEntry?) -> [String] {
        guard case .mapping(let entries)? = block?.value.content else { return [] }
        return entries.map(\.key)
    }

    private mutating func required(_ key: String, of entries: [YAMLEntry]) -> YAMLEntry? {
        if let entry = entries[key] { return entry }
        guard !isMeant(key, among: entries, known: Self.keys) else { return nil }
        let hints = [
            "kind": "write the word that graphs have after 'use:'",
            "summary": "write one sentence for 'personalive nodes'",
            "command": "write the program and its arguments: [python3, ./node.py]",
        ]
        let fault = PluginFault.missingKey(key, owner: "the plugin", hint: hints[key] ?? "")
        report(fault, at: SourceRange(line: 1, column: 1, length: 1))
        return nil
    }

    /// A name is one wherever it stands, as a key or as a value.
    private mutating func name(_ entry: YAMLEntry) -> Located<String>? {
        guard let scalar = scalar(entry.value, "'kind'") else { return nil }
        checkName(
            YAMLEntry(key: scalar.text, keyPlace: scalar.place, value: entry.value),
            what: "a kind of node")
        return Located(value: scalar.text, place: scalar.place)
    }

    // MARK: The program

    private mutating func command(_ node: YAMLNode) -> [String]? {
        var nodes = [node]
        if case .sequence(let words) = node.content { nodes = words }
        let words = nodes.compactMap { scalar($0, "a word of 'command'") }
        guard words.count == nodes.count else { return nil }
        guard let first = words.first, !first.text.isEmpty else {
            report(.emptyCommand, at: node.place)
            return nil
        }
        guard let program = program(first) else { return nil }
        return words.dropFirst().reduce(into: [program]) { command, word in
            if let path = argument(word) { command.append(path) }
        }
    }

    /// How a command begins that can be told what it needs, behind the name of the Python.
    private static let module = ["-m", "personalive"]

    /// A file of the plugin's own folder.
    private mutating func requirements(_ entry: YAMLEntry, _ command: [String]) -> String? {
        guard let name = scalar(entry.value, "'requirements'") else { return nil }
        let path = URL(fileURLWithPath: "\(folder)/\(name.text)").standardizedFileURL.path
        if !Self.isFile(path) || !path.hasPrefix(folder + "/") {
            report(.noRequirements(name.text, looked: folder), at: name.place)
        } else if !command.isEmpty, Array(command.dropFirst().prefix(2)) != Self.module {
            report(.requirementsOfAnother, at: entry.keyPlace)
        }
        return path
    }

    /// The program is told the file, wherever it is started.
    private static func command(_ command: [String], with requirements: String?) -> [String] {
        guard let requirements else { return command }
        return Array(command.prefix(3)) + ["--requirements", requirements] + command.dropFirst(3)
    }

    /// `./file` is of the plugin's own folder, whatever folder the run is started in.
    private mutating func argument(_ word: Scalar) -> String? {
        guard word.text.hasPrefix("./") else { return word.text }
        let path = "\(folder)/\(word.text.dropFirst(2))"
        if !FileManager.default.fileExists(atPath: path) {
            report(.noProgram(word.text, looked: folder), at: word.place)
            return nil
        }
        return path
    }

    private mutating func program(_ word: Scalar) -> String? {
        let search = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
        let candidates =
            word.text.hasPrefix("/")
            ? [word.text]
            : word.text.contains("/")
                ? ["\(folder)/\(word.text)"] : search.map { "\($0)/\(word.text)" }
        let found = candidates.filter { Self.isFile($0) }
        if let program = found.first(where: FileManager.default.isExecutableFile) {
            return URL(fileURLWithPath: program).standardizedFileURL.path
        }
        let looked = word.text.contains("/") ? candidates[0] : "the folders of PATH"
        report(
            found.isEmpty ? .noProgram(word.text, looked: looked) : .notExecutable(found[0]),
            at: word.place)
        return nil
    }

    private static func isFile(_ path: String) -> Bool {
        var isFolder: ObjCBool = false
        return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
            && !isFolder.boolValue
    }
}

// MARK: - Values

extension PluginReader: GraphValueReading {
    /// A plugin's file has no references.
    mutating func expand(_ scalar: Scalar) -> Scalar? { scalar }

    mutating func report(_ fault: any Fault, at place: SourceRange, notes: [Diagnostic.Note]) {
        findings.report(fault, at: place, notes: notes)
    }

    mutating func nearest(to word: String, among candidates: [String]) -> String? {
        findings.nearest(to: word, among: candidates)
    }

    /// A default must be what its setting takes.
    mutating func value(_ scalar: Scalar, _ setting: SettingSpec) -> SettingValue? {
        var checker = SettingChecker(findings: findings)
        let value = checker.value(scalar, setting)
        findings = checker.findings
        return value
    }
}
