import NodeKit

/// Describes kinds of node to people and programs.
package struct NodeListing {
    private let specs: [NodeSpec]

    package init(_ specs: [NodeSpec]) { self.specs = specs }

    /// One line for each kind.
    package var summary: String {
        let width = specs.map(\.kind.count).max() ?? 0
        return specs.map { "\($0.kind.padded(to: width))  \($0.summary)\n" }.joined()
    }

    /// Ports and settings of each kind.
    package var details: String { specs.map(Self.details).joined(separator: "\n") }

    /// All kinds for programs.
    package var json: JSONValue { .array(specs.map(\.json)) }

    private static func details(_ spec: NodeSpec) -> String {
        var text = "\(spec.kind): \(spec.summary)\n"
        if spec.heldFrames > 0 {
            let way = spec.chunkSetting.map { "; fewer with a smaller '\($0)'" } ?? ""
            text += "Keeps \(spec.heldFrames) frames to itself before the first one leaves it\(way).\n"
        }
        text += block("inputs", spec.inputs.map { ($0.name, lines($0, isInput: true)) })
        text += block("outputs", spec.outputs.map { ($0.name, lines($0, isInput: false)) })
        text += block("settings", spec.settings.map { ($0.name, lines($0)) })
        return text
    }

    private static func block(_ title: String, _ entries: [(name: String, lines: [String])])
        -> String
    {
        guard !entries.isEmpty else { return "" }
        let width = entries.map(\.name.count).max() ?? 0
        return "\n\(title)\n"
            + entries.map { name, lines in
                "  \(name.padded(to: width))  "
                    + lines.joined(separator: "\n" + String(repeating: " ", count: width + 4))
                    + "\n"
            }.joined()
    }

    private static func lines(_ port: PortSpec, isInput: Bool) -> [String] {
        var remarks: [String] = []
        if port.isOptional { remarks.append("may stay unconnected") }
        switch port.pace {
        case .frame: break
        case .own: remarks.append("a stream of its own pace")
        case .each: remarks.append("each frame is a tick by itself")
        case .last: remarks.append("a value that stays valid until the next")
        }
        let remark = isInput && !remarks.isEmpty ? "  (\(remarks.joined(separator: ", ")))" : ""
        let cases = port.cases.map { "with \($0.setting): \($0.value), \(port.typeText($0))" }
        return [port.typeText + remark] + cases + (port.summary.isEmpty ? [] : [port.summary])
    }

    private static func lines(_ setting: SettingSpec) -> [String] {
        let presence =
            setting.defaultValue.map { "default \($0.text)" }
            ?? (setting.isOptional ? "optional" : "required")
            + (setting.waiver.map { ", but for \($0.setting): \($0.value)" } ?? "")
        let live = setting.isLive ? "; live" : ""
        return ["\(setting.neededText); \(presence)\(live)"]
            + (setting.summary.isEmpty ? [] : [setting.summary])
    }
}

extension NodeSpec {
    /// Everything there is to know of the kind.
    package var json: JSONValue {
        .object([
            ("kind", .text(kind)), ("summary", .text(summary)),
            ("inputs", .array(inputs.map(\.json))), ("outputs", .array(outputs.map(\.json))),
            ("settings", .array(settings.map(\.json))), ("heldFrames", .integer(heldFrames)),
        ])
    }
}

extension PortSpec {
    fileprivate var json: JSONValue {
        .object([
            ("name", .text(name)), ("elementType", .text(elementType.name)),
            ("axes", .array(axes.map { .text($0.description) })), ("meaning", .text(meaning)),
            ("pace", .text(pace.rawValue)), ("optional", .flag(isOptional)),
            ("summary", .text(summary)), ("cases", .array(cases.map(Self.json))),
        ])
    }

    private static func json(_ found: Case) -> JSONValue {
        .object([
            ("setting", .text(found.setting)), ("value", .text(found.value)),
            ("axes", .array(found.axes.map { .text($0.description) })),
            ("meaning", .text(found.meaning)),
        ])
    }
}

extension SettingSpec {
    fileprivate var json: JSONValue {
        var members: [(String, JSONValue)] = [("name", .text(name))] + typeMembers
        if !unit.isEmpty { members.append(("unit", .text(unit))) }
        return .object(
            members + [
                ("default", defaultValue?.json ?? .null), ("required", .flag(isRequired)),
                ("live", .flag(isLive)),
                ("summary", .text(summary)),
            ])
    }

    private var typeMembers: [(String, JSONValue)] {
        switch type {
        case .text: [("type", .text("text"))]
        case .flag: [("type", .text("flag"))]
        case .integer(let range):
            [
                ("type", .text("integer")), ("minimum", .integer(range.lowerBound)),
                ("maximum", .integer(range.upperBound)),
            ]
        case .number(let range): [("type", .text("number"))] + range.jsonBounds
        case .choice(let words):
            [("type", .text("choice")), ("choices", .array(words.map { .text($0) }))]
        case .inputFile: [("type", .text("input-file"))]
        case .inputMedia: [("type", .text("input-media"))]
        case .outputFile: [("type", .text("output-file"))]
        case .weights: [("type", .text("weights"))]
        }
    }
}

extension ClosedRange<Double> {
    /// `minimum` and `maximum`, where they are more than the limits of the number's type.
    var jsonBounds: [(String, JSONValue)] {
        (lowerBound <= -1e300 ? [] : [("minimum", .number(lowerBound))])
            + (upperBound >= 1e300 ? [] : [("maximum", .number(upperBound))])
    }
}

extension SettingValue {
    var json: JSONValue {
        switch self {
        case .text(let text): .text(text)
        case .flag(let flag): .flag(flag)
        case .integer(let number): .integer(number)
        case .number(let number): .number(number)
        }
    }
}
