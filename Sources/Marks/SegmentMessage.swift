/// The box in a segment that holds its signature: an event message of version 0 (ISO/IEC 23009-1, 5.10.3.3)
/// of C2PA's scheme.
struct SegmentMessage: Equatable {
    static let scheme = "urn:c2pa:verifiable-segment-info"
    private static let value = "fseg"

    /// How long the segment is shown.
    var milliseconds: UInt32
    var number: UInt32
    /// A ``COSESignature``.
    var data: [UInt8]

    var box: [UInt8] {
        let words = Array(Self.scheme.utf8) + [0] + Array(Self.value.utf8) + [0]
        let numbers = [1000, 0, milliseconds, number].flatMap { BoxList.bytes($0 as UInt32) }
        return BoxList.make("emsg", [0, 0, 0, 0] + words + numbers + data)
    }

    init(milliseconds: UInt32, number: UInt32, data: [UInt8]) {
        (self.milliseconds, self.number, self.data) = (milliseconds, number, data)
    }

    /// - Parameter body: of the box.
    init?(_ body: ArraySlice<UInt8>) {
        let words = Array(Self.scheme.utf8) + [0] + Array(Self.value.utf8) + [0]
        guard body.starts(with: [0, 0, 0, 0] + words), body.count > 4 + words.count + 16 else {
            return nil
        }
        let rest = body.dropFirst(4 + words.count)
        func number(_ place: Int) -> UInt32 {
            rest.dropFirst(4 * place).prefix(4).reduce(0) { $0 << 8 | UInt32($1) }
        }
        self.init(milliseconds: number(2), number: number(3), data: Array(rest.dropFirst(16)))
    }

    /// Whether a box is one of this scheme, well made or not: it is no part of the sum.
    static func isOne(_ box: BoxList.Box, of file: [UInt8]) -> Bool {
        box.isCalled("emsg") && file[box.body].dropFirst(4).starts(with: scheme.utf8)
    }

    /// The sum of a segment.
    static func sum(of segment: [UInt8]) -> [UInt8] {
        BoxSum.bytes(of: segment) { isOne($0, of: segment) }
    }
}
