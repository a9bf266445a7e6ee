import NodeKit
import Tensors

extension PluginReader {
    private static let inputKeys = [
        "type", "axes", "meaning", "pace", "optional", "live-window", "summary", "when",
    ]
    private static let outputKeys = ["type", "axes", "meaning", "pace", "summary", "when"]
    private static let caseKeys = ["axes", "meaning"]

    mutating func ports(_ block: YAMLEntry?, isInput: Bool) -> [PortSpec] {
        guard let block, let entries = mapping(block.value, block.key.quoted) else { return [] }
        return entries.compactMap { port($0, isInput: isInput) }
    }

    private mutating func port(_ entry: YAMLEntry, isInput: Bool) -> PortSpec? {
        let owner = "port \(entry.key.quoted)"
        checkName(entry, what: "a port")
        guard let entries = mapping(entry.value, owner) else { return nil }
        let known = isInput ? Self.inputKeys : Self.outputKeys
        for part in entries where !known.contains(part.key) {
            unknownKey(part, owner: owner, known: known)
        }
        for key in ["type", "axes", "meaning"]
        where entries[key] == nil && !isMeant(key, among: entries, known: known) {
            let hint = "a port says its 'type', its 'axes' and its 'meaning'"
            report(.missingKey(key, owner: owner, hint: hint), at: entry.keyPlace)
        }
        let type = entries["type"].flatMap { elementType($0.value) }
        let axes = entries["axes"].flatMap { self.axes($0.value, port: entry.key) }
        let meaning = entries["meaning"].flatMap { self.meaning($0.value, port: entry.key) }
        let pace = entries["pace"].map { choice($0.value, "'pace'", of: Pace.self) } ?? .frame
        let isOptional = entries["optional"].map { flag($0.value, "'optional'") } ?? false
        let summary = entries["summary"].flatMap { scalar($0.value, "'summary'")?.text }
        let window = entries["live-window"].flatMap {
            whole($0.value, "'live-window'", within: 1...64)
        }
        guard let type, let axes, let meaning, let pace, let isOptional else { return nil }
        let cases = entries["when"].map { self.cases($0, of: entry.key, axes) } ?? []
        var port = PortSpec(
            name: entry.key, elementType: type, axes: axes, meaning: meaning, pace: pace,
            isOptional: isOptional, summary: summary ?? "", cases: cases)
        port.liveWindow = window?.value
        return port
    }

    private mutating func elementType(_ node: YAMLNode) -> ElementType? {
        guard let scalar = scalar(node, "'type'") else { return nil }
        if let type = ElementType(name: scalar.text) { return type }
        let names = ElementType.allCases.map(\.name)
        let fault = ShapeFault.notAmong(
            what: "'type'", found: scalar.text, nearest: nearest(to: scalar.text, among: names),
            choices: names)
        report(fault, at: scalar.place, notes: [])
        return nil
    }

    private mutating func axes(_ node: YAMLNode, port: String) -> [Axis]? {
        guard let scalar = scalar(node, "'axes'") else { return nil }
        if let axes = Axis.parse(scalar.text), axes.count <= 8 { return axes }
        report(.badAxes(scalar.text, port: port), at: scalar.place)
        return nil
    }

    private mutating func meaning(_ node: YAMLNode, port: String) -> String? {
        guard let scalar = scalar(node, "'meaning'") else { return nil }
        if !scalar.text.isEmpty { return scalar.text }
        report(.noMeaning(port: port), at: scalar.place)
        return nil
    }

    mutating func flag(_ node: YAMLNode, _ what: String) -> Bool? {
        guard let scalar = scalar(node, what) else { return nil }
        if let flag = scalar.flag { return flag }
        let fault = ShapeFault.notAmong(
            what: what, found: scalar.text, nearest: nil, choices: ["true", "false"])
        report(fault, at: scalar.place, notes: [])
        return nil
    }

    /// `when: { variant: { flux2: { axes: n 32 h w, meaning: latent/flux2 } } }`.
    private mutating func cases(_ block: YAMLEntry, of port: String, _ axes: [Axis])
        -> [PortSpec.Case]
    {
        var cases: [PortSpec.Case] = []
        for setting in mapping(block.value, "'when'") ?? [] {
            if !declared.contains(setting.key) {
                report(.noSetting(setting.key, port: port, known: declared), at: setting.keyPlace)
            }
            if live.contains(setting.key) {
                report(.livePort(setting: setting.key, port: port), at: setting.keyPlace)
            }
            for value in mapping(setting.value, setting.key.quoted) ?? [] {
                let found = self.axesAndMeaning(value, of: port, count: axes.count)
                guard let found else { continue }
                cases.append(
                    PortSpec.Case(
                        setting: setting.key, value: value.key, axes: found.0, meaning: found.1))
            }
        }
        return cases
    }

    private mutating func axesAndMeaning(_ entry: YAMLEntry, of port: String, count: Int)
        -> ([Axis], String)?
    {
        let owner = "case \(entry.key.quoted)"
        guard let entries = mapping(entry.value, owner) else { return nil }
        for part in entries where !Self.caseKeys.contains(part.key) {
            unknownKey(part, owner: owner, known: Self.caseKeys)
        }
        for key in Self.caseKeys where entries[key] == nil {
            let hint = "a case says its 'axes' and its 'meaning'"
            report(.missingKey(key, owner: owner, hint: hint), at: entry.keyPlace)
        }
        guard let written = entries["axes"], let axes = axes(written.value, port: port),
            let meaning = entries["meaning"].flatMap({ self.meaning($0.value, port: port) })
        else { return nil }
        if axes.count != count {
            let text = axes.map(\.description).joined(separator: " ")
            report(.otherAxes(text, count: count, port: port), at: written.value.place)
        }
        return (axes, meaning)
    }
}
