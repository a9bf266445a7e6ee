/// The order in which people number things: `frame2` before `frame10`.
enum NaturalOrder {
    /// Whether `a` comes before `b`: digits count as numbers, all else byte by byte.
    static func areInOrder(_ a: String, _ b: String) -> Bool {
        var (one, two) = (Array(a.utf8)[...], Array(b.utf8)[...])
        while let left = one.first, let right = two.first {
            if isDigit(left) && isDigit(right) {
                let (x, y) = (number(&one), number(&two))
                if x.count != y.count { return x.count < y.count }
                if x != y { return x.lexicographicallyPrecedes(y) }
            } else {
                if left != right { return left < right }
                one.removeFirst()
                two.removeFirst()
            }
        }
        if one.isEmpty && two.isEmpty { return a.utf8.lexicographicallyPrecedes(b.utf8) }
        return one.isEmpty
    }

    /// Takes the digits at the beginning, without leading zeros.
    private static func number(_ bytes: inout ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        let digits = bytes.prefix(while: isDigit)
        bytes = bytes.dropFirst(digits.count)
        return digits.drop { $0 == UInt8(ascii: "0") }
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }
}
