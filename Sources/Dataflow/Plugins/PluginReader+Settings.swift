import NodeKit

extension PluginReader {
    private enum TypeName: String, CaseIterable {
        case text, flag, integer, number, choice, weights
        case inputFile = "input-file"
        case outputFile = "output-file"

        /// Keys that only settings of this type have.
        var ownKeys: [String] {
            switch self {
            case .integer, .number: ["minimum", "maximum", "unit", "live"]
            case .choice: ["choices", "live"]
            case .text, .flag: ["live"]
            // A file that cannot be read would be found when it is too late to refuse it.
            case .weights, .inputFile, .outputFile: []
            }
        }
    }

    private static let settingKeys = ["type", "default", "optional", "summary"]

    mutating func settings(_ block: YAMLEntry?) -> [SettingSpec] {
        guard let block, let entries = mapping(block.value, "'settings'") else { return [] }
        return entries.compactMap { setting($0) }
    }

    private mutating func setting(_ entry: YAMLEntry) -> SettingSpec? {
        let owner = "setting \(entry.key.quoted)"
        checkName(entry, what: "a setting")
        guard let entries = mapping(entry.value, owner) else { return nil }
        guard let written = entries["type"] else {
            let hint = "it is \(TypeName.allCases.map(\.rawValue).either)"
            report(.missingKey("type", owner: owner, hint: hint), at: entry.keyPlace)
            return nil
        }
        guard let name = choice(written.value, "'type'", of: TypeName.self) else { return nil }
        let known = Self.settingKeys + name.ownKeys
        for part in entries where !known.contains(part.key) {
            unknownKey(part, owner: "\(owner) (\(name.rawValue))", known: known)
        }
        guard let type = type(name, entries, entry) else { return nil }
        let isOptional = entries["optional"].flatMap { flag($0.value, "'optional'") } ?? false
        let unit = entries["unit"].flatMap { scalar($0.value, "'unit'")?.text } ?? ""
        let summary = entries["summary"].flatMap { scalar($0.value, "'summary'")?.text } ?? ""
        let isLive = entries["live"].flatMap { flag($0.value, "'live'") } ?? false
        func spec(_ value: SettingValue?) -> SettingSpec {
            SettingSpec(
                name: entry.key, type: type, defaultValue: value, isOptional: isOptional,
                unit: unit, summary: summary, isLive: isLive)
        }
        let value = entries["default"].flatMap { scalar($0.value, "'default'") }
        return spec(value.flatMap { self.value($0, spec(nil)) })
    }

    private mutating func type(_ name: TypeName, _ entries: [YAMLEntry], _ entry: YAMLEntry)
        -> SettingType?
    {
        switch name {
        case .text: return .text
        case .flag: return .flag
        case .weights: return .weights
        case .inputFile: return .inputFile
        case .outputFile: return .outputFile
        case .choice: return choices(entries, entry)
        case .integer:
            let whole = Int(Int32.min)...Int(Int32.max)
            let low = entries["minimum"].map { self.whole($0.value, "'minimum'", within: whole) }
            let high = entries["maximum"].map { self.whole($0.value, "'maximum'", within: whole) }
            return range(low.map { $0?.value }, high.map { $0?.value }, .min, whole.upperBound, entry)
                .map { .integer($0) }
        case .number:
            let low = entries["minimum"].map { number($0.value, "'minimum'") }
            let high = entries["maximum"].map { number($0.value, "'maximum'") }
            let most = Double.greatestFiniteMagnitude
            return range(low, high, -most, most, entry).map { .number($0) }
        }
    }

    /// Nil when an end could not be read, or the ends are the wrong way round.
    private mutating func range<Bound>(
        _ low: Bound??, _ high: Bound??, _ least: Bound, _ most: Bound, _ entry: YAMLEntry
    ) -> ClosedRange<Bound>? {
        guard let low = low ?? least, let high = high ?? most else { return nil }
        guard low <= high else {
            report(.emptyRange(setting: entry.key), at: entry.keyPlace)
            return nil
        }
        return low...high
    }

    private mutating func number(_ node: YAMLNode, _ what: String) -> Double? {
        guard let scalar = scalar(node, what) else { return nil }
        if let number = scalar.number, number.isFinite { return number }
        let fault = ShapeFault.wrongShape(
            what: what, needed: "a number", found: scalar.text.quoted)
        report(fault, at: scalar.place, notes: [])
        return nil
    }

    private mutating func choices(_ entries: [YAMLEntry], _ entry: YAMLEntry) -> SettingType? {
        guard case .sequence(let nodes)? = entries["choices"]?.value.content, !nodes.isEmpty else {
            report(.noChoices(setting: entry.key), at: entries["choices"]?.keyPlace ?? entry.keyPlace)
            return nil
        }
        let words = nodes.compactMap { scalar($0, "a choice")?.text }
        return words.count == nodes.count ? .choice(words) : nil
    }
}
