/// JSON whose keys keep the order in which they were written.
package indirect enum JSONValue: Sendable {
    case null
    case flag(Bool)
    case integer(Int)
    case number(Double)
    case text(String)
    case array([JSONValue])
    case object([(String, JSONValue)])

    /// The value as text, indented by two spaces; short arrays and objects stay on one line.
    package func serialized(indent: String = "") -> String {
        let compact = serializedOnOneLine()
        if compact.unicodeScalars.count + indent.count <= 88 { return compact }
        let inner = indent + "  "
        switch self {
        case .array(let values):
            let lines = values.map { inner + $0.serialized(indent: inner) }
            return "[\n" + lines.joined(separator: ",\n") + "\n\(indent)]"
        case .object(let members):
            let lines = members.map { name, value in
                inner + Self.escaped(name) + ": " + value.serialized(indent: inner)
            }
            return "{\n" + lines.joined(separator: ",\n") + "\n\(indent)}"
        default: return compact
        }
    }

    private func serializedOnOneLine() -> String {
        switch self {
        case .null: "null"
        case .flag(let flag): flag ? "true" : "false"
        case .integer(let number): String(number)
        case .number(let number): number.isFinite ? "\(number)" : "null"
        case .text(let text): Self.escaped(text)
        case .array(let values):
            "[" + values.map { $0.serializedOnOneLine() }.joined(separator: ", ") + "]"
        case .object(let members):
            "{"
                + members.map { Self.escaped($0) + ": " + $1.serializedOnOneLine() }
                .joined(separator: ", ") + "}"
        }
    }

    private static func escaped(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\t": result += "\\t"
            case "\r": result += "\\r"
            default:
                if scalar.value < 0x20 || scalar.value == 0x7F {
                    let digits = String(scalar.value, radix: 16)
                    result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
                } else {
                    result.unicodeScalars.append(scalar)
                }
            }
        }
        return result + "\""
    }
}
