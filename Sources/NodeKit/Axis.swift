/// The extent of one axis of a port.
public enum Axis: Sendable, Equatable, CustomStringConvertible {
    /// Always this many.
    case constant(Int)
    /// `factor` times what `name` stands for; names are shared by the ports of one node.
    case named(String, factor: Int)

    public var description: String {
        switch self {
        case .constant(let extent): String(extent)
        case .named(let name, let factor): factor == 1 ? name : "\(factor)\(name)"
        }
    }

    /// Reads axes separated by spaces, such as `n 8h 8w 3`; nil when one of them cannot be read.
    public static func parse(_ text: String) -> [Axis]? {
        var axes: [Axis] = []
        for word in text.split(separator: " ") {
            let digits = word.prefix { $0.isNumber }
            let name = word.dropFirst(digits.count)
            guard digits.isEmpty || (Int(digits) ?? 0) > 0 else { return nil }
            if name.isEmpty {
                axes.append(.constant(Int(digits)!))
            } else {
                guard name.allSatisfy({ $0.isLetter || $0 == "-" }) else { return nil }
                axes.append(.named(String(name), factor: Int(digits) ?? 1))
            }
        }
        return axes
    }
}
