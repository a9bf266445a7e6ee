/// A word of a graph file, references to settings written out.
struct Scalar {
    var text: String
    /// Without quotes: what looks like a number is one.
    var isPlain: Bool
    var place: SourceRange
    /// The setting that the value came from, for messages.
    var origin: Diagnostic.Note?
    /// Whether it was given on the command line, where it means what it means there.
    var isGiven = false

    var isNull: Bool { isPlain && Self.isNull(text) }

    /// Notes that a fault of this value should carry.
    var notes: [Diagnostic.Note] { origin.map { [$0] } ?? [] }

    static func isNull(_ text: String) -> Bool { ["", "~", "null", "Null", "NULL"].contains(text) }

    /// The value of `true` and `false`; YAML 1.2 keeps `yes`, `on` and their like as text.
    var flag: Bool? {
        guard isPlain else { return nil }
        return [
            "true": true, "True": true, "TRUE": true, "false": false, "False": false,
            "FALSE": false,
        ][text]
    }

    /// The same with a number for a number and its unit, which is always the same: `40` for `40 ms`, and
    /// for `0.04s` where the unit is `ms`. Anything else stays.
    func number(in unit: String) -> Scalar {
        let times = ["ms": 1.0, "s": 1000.0]
        let units = times[unit] == nil ? [unit] : ["ms", "s"]
        for other in units where !other.isEmpty && text.hasSuffix(other) {
            let digits = String(text.dropLast(other.count)).trimmed
            guard let number = Self.number(digits) else { continue }
            let scale = other == unit ? 1 : times[other]! / times[unit]!
            var scalar = self
            (scalar.text, scalar.isPlain) = (scale == 1 ? digits : "\(number * scale)", true)
            return scalar
        }
        return self
    }

    /// A number as YAML 1.2 writes it: `12`, `-3`, `0x1f`, `0o17`, `1e3`, `.5`; nil for all else.
    var number: Double? { isPlain ? Self.number(text) : nil }

    /// A whole number; `1e3` and `3.0` are whole.
    var wholeNumber: Int? {
        guard isPlain else { return nil }
        if let exact = Int(text), Self.isDecimal(text) { return exact }
        return Self.number(text).flatMap { Int(exactly: $0) }
    }

    static func number(_ text: String) -> Double? {
        let unsigned = text.first == "-" || text.first == "+" ? text.dropFirst() : text[...]
        let sign: Double = text.first == "-" ? -1 : 1
        if unsigned == ".inf" || unsigned == ".Inf" || unsigned == ".INF" {
            return sign * .infinity
        }
        for (prefix, radix) in [("0x", 16), ("0o", 8)] where text.hasPrefix(prefix) {
            let digits = text.dropFirst(2)
            guard digits.allSatisfy(\.isHexDigit) else { return nil }
            return UInt64(digits, radix: radix).map { Double($0) }
        }
        return isDecimal(text) ? Double(text) : nil
    }

    /// `[0-9]* (. [0-9]*)? ([eE] [-+]? [0-9]+)?` with a digit before the exponent.
    private static func isDecimal(_ text: some StringProtocol) -> Bool {
        var rest = Array(text.utf8)[...]
        if rest.first == UInt8(ascii: "-") || rest.first == UInt8(ascii: "+") { rest.removeFirst() }
        func digits() -> Int {
            let run = rest.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }.count
            rest = rest.dropFirst(run)
            return run
        }
        var mantissa = digits()
        if rest.first == UInt8(ascii: ".") {
            rest.removeFirst()
            mantissa += digits()
        }
        guard mantissa > 0 else { return false }
        if rest.first == UInt8(ascii: "e") || rest.first == UInt8(ascii: "E") {
            rest.removeFirst()
            if rest.first == UInt8(ascii: "-") || rest.first == UInt8(ascii: "+") {
                rest.removeFirst()
            }
            guard digits() > 0 else { return false }
        }
        return rest.isEmpty
    }
}
