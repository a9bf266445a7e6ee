/// The boxes at the top of some bytes (ISO/IEC 14496-12, 4.2).
struct BoxList {
    struct Box: Equatable {
        /// Four letters.
        var kind: [UInt8]
        /// With its header.
        var range: Range<Int>
        /// Without it.
        var body: Range<Int>
    }

    let boxes: [Box]
    /// Whether the boxes take all of the bytes.
    let isWhole: Bool

    /// More no segment has.
    private static let most = 100_000

    init(_ bytes: ArraySlice<UInt8>) {
        var boxes: [Box] = []
        var place = bytes.startIndex
        while place < bytes.endIndex, boxes.count < Self.most,
            let box = Self.box(bytes, at: place)
        {
            boxes.append(box)
            place = box.range.upperBound
        }
        (self.boxes, isWhole) = (boxes, place == bytes.endIndex)
    }

    init(_ bytes: [UInt8]) { self.init(bytes[...]) }

    private static func box(_ bytes: ArraySlice<UInt8>, at place: Int) -> Box? {
        guard place + 8 <= bytes.endIndex else { return nil }
        func number(_ from: Int, _ count: Int) -> Int? {
            guard from + count <= bytes.endIndex else { return nil }
            return Int(exactly: bytes[from..<from + count].reduce(0 as UInt64) { $0 << 8 | UInt64($1) })
        }
        guard var length = number(place, 4) else { return nil }
        var head = 8
        if length == 1 {
            guard let long = number(place + 8, 8) else { return nil }
            (length, head) = (long, 16)
        } else if length == 0 {
            length = bytes.endIndex - place
        }
        guard length >= head, length <= bytes.endIndex - place else { return nil }
        return Box(
            kind: Array(bytes[place + 4..<place + 8]), range: place..<place + length,
            body: place + head..<place + length)
    }

    /// A box with what is in it.
    static func make(_ kind: String, _ body: [UInt8]) -> [UInt8] {
        bytes(UInt32(8 + body.count)) + Array(kind.utf8) + body
    }

    static func bytes<Number: FixedWidthInteger>(_ number: Number) -> [UInt8] {
        withUnsafeBytes(of: number.bigEndian) { Array($0) }
    }
}

extension BoxList.Box {
    func isCalled(_ name: String) -> Bool { kind.elementsEqual(name.utf8) }
}

/// C2PA's sum of a file of boxes (C2PA 2.4, 18.6.2): of each box that counts its place, eight bytes, and then
/// itself.
enum BoxSum {
    static func bytes(of file: [UInt8], without isLeftOut: (BoxList.Box) -> Bool) -> [UInt8] {
        var counted: [UInt8] = []
        for box in BoxList(file).boxes where !isLeftOut(box) {
            counted += BoxList.bytes(UInt64(box.range.lowerBound)) + file[box.range]
        }
        return SHA256.bytes(of: counted)
    }
}
