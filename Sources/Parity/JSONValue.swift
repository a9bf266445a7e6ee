/// Any JSON, as fixtures keep it in their metadata.
enum JSONValue: Decodable, Sendable {
    case number(Double)
    case text(String)
    case list([JSONValue])
    case object([String: JSONValue])
    case null

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let number = try? container.decode(Double.self) {
            self = .number(number)
        } else if let text = try? container.decode(String.self) {
            self = .text(text)
        } else if let list = try? container.decode([JSONValue].self) {
            self = .list(list)
        } else if let object = try? container.decode([String: JSONValue].self) {
            self = .object(object)
        } else {
            self = .null
        }
    }

    subscript(_ key: String) -> JSONValue? {
        if case .object(let object) = self { object[key] } else { nil }
    }

    /// The members' names; empty for anything but an object.
    var keys: [String] {
        if case .object(let object) = self { object.keys.sorted() } else { [] }
    }

    var number: Double? { if case .number(let number) = self { number } else { nil } }
    var integer: Int? { number.flatMap { Int(exactly: $0) } }
    var text: String? { if case .text(let text) = self { text } else { nil } }
    var list: [JSONValue]? { if case .list(let list) = self { list } else { nil } }
    var integers: [Int]? {
        guard let list else { return nil }
        let numbers = list.compactMap(\.integer)
        return numbers.count == list.count ? numbers : nil
    }
}
