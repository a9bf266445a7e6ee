import NodeKit

/// Checks the values under `with:` against what the node's kind takes.
struct SettingChecker {
    private(set) var findings: Findings
    private var files: FileChecker
    private let folders: GraphFolders
    private var outputs = OutputChecker()
    /// Files of plugins, each with the node that they serve.
    private var programs: [String: String] = [:]

    init(findings: Findings, folders: GraphFolders = GraphFolders(files: [])) {
        self.findings = findings
        self.folders = folders
        files = FileChecker()
    }

    /// All values of a node by name, defaults included; what was at fault is missing.
    ///
    /// - Parameter isLocal: files on other machines cannot be looked for.
    mutating func values(of node: NodeDeclaration, _ spec: NodeSpec, isLocal: Bool)
        -> [String: SettingValue]
    {
        var values: [String: SettingValue] = [:]
        var meant: Set<String> = []
        for (name, scalar) in node.settings {
            guard let setting = spec.settings.first(where: { $0.name == name.value }) else {
                if let name = reportUnknown(name, spec) { meant.insert(name) }
                continue
            }
            guard let scalar, var value = value(scalar, setting) else { continue }
            if isLocal, case .text(let path) = value {
                value = .text(folders.place(of: path, scalar, setting))
                if let other = folders.twin(of: path, scalar, setting) {
                    findings.report(
                        SettingFault.twoFiles(setting, path: path, other: other), at: scalar.place,
                        notes: scalar.notes)
                }
            }
            values[name.value] = value
            if isLocal {
                checkFile(value, setting, scalar, node)
            } else if let fault = OutputChecker.spellingFault(of: value.text, setting) {
                findings.report(fault, at: scalar.place, notes: scalar.notes)
            }
        }
        meant.formUnion(node.settings.map(\.name.value))
        // Defaults first: they can make a setting that has none superfluous.
        let unsaid = spec.settings.filter { !meant.contains($0.name) }
        for setting in unsaid.filter({ !$0.isRequired }) + unsaid.filter(\.isRequired) {
            addDefault(setting, to: &values, of: node, isLocal: isLocal)
        }
        return values
    }

    /// Reports outputs that meet another node's files, or the graph's own.
    mutating func checkCollisions(graphs: [String]) {
        let read = files.inputs.merging(programs) { node, _ in node }
        findings.add(outputs.collisions(inputs: read, graphs: graphs))
    }

    /// A node is served by these files.
    mutating func note(program: [String], of node: String) {
        for file in program where file.contains("/") { programs[file] = node }
    }

    private mutating func addDefault(
        _ setting: SettingSpec, to values: inout [String: SettingValue], of node: NodeDeclaration,
        isLocal: Bool
    ) {
        if var value = setting.defaultValue {
            let place = node.kind?.place ?? node.place
            let scalar = Scalar(text: value.text, isPlain: true, place: place)
            if isLocal, case .text(let path) = value {
                value = .text(folders.place(of: path, scalar, setting))
            }
            values[setting.name] = value
            if isLocal { checkFile(value, setting, scalar, node) }
        } else if setting.isRequired(beside: values), !node.unreadBlocks.contains("with") {
            findings.report(SettingFault.missing(setting, node: node.name), at: node.place)
        }
    }

    /// Returns the setting that was probably meant.
    private mutating func reportUnknown(_ name: Located<String>, _ spec: NodeSpec) -> String? {
        let known = spec.settings.map(\.name)
        let nearest = findings.nearest(to: name.value, among: known)
        let isInput = spec.inputs.contains { $0.name == name.value }
        let hint =
            isInput
            ? "it is an input: write it under 'in:'"
            : nearest.map { "did you mean \($0.quoted)?" }
                ?? (known.isEmpty ? "it has none" : "its settings are \(known.listed)")
        findings.report(
            SettingFault.unknown(name.value, kind: spec.kind, hint: hint), at: name.place)
        return nearest
    }

    /// What a setting is given; nil when it does not take that, which is reported.
    mutating func value(_ written: Scalar, _ setting: SettingSpec) -> SettingValue? {
        let scalar = setting.type.isNumeric ? written.number(in: setting.unit) : written
        var fault: SettingFault?
        var value: SettingValue?
        switch setting.type {
        case .text: value = .text(scalar.text)
        case .flag: value = scalar.flag.map { .flag($0) }
        case .integer(let range): (value, fault) = integer(scalar, range, setting)
        case .number(let range):
            value = scalar.number.map { .number($0) }
            if let number = scalar.number, !range.contains(number) {
                (value, fault) = (nil, .outOfRange(setting, found: scalar.text))
            }
        case .choice(let words):
            let nearest = findings.nearest(to: scalar.text, among: words)
            value = words.contains(scalar.text) ? .text(scalar.text) : nil
            fault = .notAChoice(setting, found: scalar.text, nearest: nearest)
        case .inputFile, .inputMedia, .outputFile, .weights:
            value = scalar.text.isEmpty ? nil : .text(scalar.text)
        }
        if value == nil {
            let fault = fault ?? .wrongType(setting, found: scalar)
            findings.report(fault, at: scalar.place, notes: scalar.notes)
        }
        return value
    }

    private func integer(_ scalar: Scalar, _ range: ClosedRange<Int>, _ setting: SettingSpec)
        -> (SettingValue?, SettingFault?)
    {
        guard let number = scalar.wholeNumber else {
            let isHuge = (scalar.number.map { abs($0) } ?? 0) >= 0x1p63
            return (nil, isHuge ? .outOfRange(setting, found: scalar.text) : nil)
        }
        guard range.contains(number) else {
            return (nil, .outOfRange(setting, found: scalar.text))
        }
        return (.integer(number), nil)
    }

    private mutating func checkFile(
        _ value: SettingValue, _ setting: SettingSpec, _ scalar: Scalar, _ node: NodeDeclaration
    ) {
        guard case .text(let text) = value else { return }
        let readsMedia = [.inputFile, .inputMedia].contains(setting.type)
        guard let path = readsMedia ? MediaPath.file(text) : text,
            readsMedia || setting.type == .outputFile || !text.contains("://")
        else { return }
        let fault: SettingFault?
        switch setting.type {
        case .weights where path == "synthetic": fault = nil
        case .inputFile, .inputMedia, .weights:
            fault = files.input(path, setting, node: node.name)
        case .outputFile:
            fault = outputs.fault(of: path, setting, node: node.name, at: scalar)
        default: fault = nil
        }
        if let fault { findings.report(fault, at: scalar.place, notes: scalar.notes) }
    }
}
