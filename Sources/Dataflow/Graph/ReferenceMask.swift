/// Lets `${name}` stand where YAML alone would see the start of a mapping.
///
/// In `with: { path: ${driving} }` the braces would end the text, as every YAML reader has it. They
/// are swapped for letters of a private area, one for one, so that places stay what they were.
enum ReferenceMask {
    static let open: Unicode.Scalar = "\u{E001}"
    static let close: Unicode.Scalar = "\u{E002}"

    /// The bytes of a file with the braces of each `${name}` masked.
    static func masked(_ bytes: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count + 64)
        var index = 0
        while index < bytes.count {
            if bytes[index] == UInt8(ascii: "$"), let end = referenceEnd(bytes, from: index) {
                result.append(bytes[index])
                result += Array(String(open).utf8)
                result += bytes[(index + 2)..<end]
                result += Array(String(close).utf8)
                index = end + 1
            } else {
                result.append(bytes[index])
                index += 1
            }
        }
        return result
    }

    /// The text as it stood in the file.
    static func unmasked(_ text: String) -> String {
        guard text.unicodeScalars.contains(open) else { return text }
        var result = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            result.append(scalar == open ? "{" : scalar == close ? "}" : scalar)
        }
        return String(result)
    }

    /// Whether a byte may be part of a setting's name.
    static func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
            true
        default: false
        }
    }

    /// Index of the `}` that ends the reference starting at `start`; nil when there is none.
    private static func referenceEnd(_ bytes: [UInt8], from start: Int) -> Int? {
        guard start + 2 < bytes.count, bytes[start + 1] == UInt8(ascii: "{") else { return nil }
        var index = start + 2
        while index < bytes.count, isNameByte(bytes[index]) { index += 1 }
        let isReference =
            index > start + 2 && index < bytes.count && bytes[index] == UInt8(ascii: "}")
        return isReference ? index : nil
    }
}
