import Foundation

@testable import Marks

/// A signed stream of small boxes: no pictures, but all that its signatures are about.
struct SampleStream {
    let header: [UInt8]
    var segments: [(name: String, bytes: [UInt8])]
    let keys: SigningKeys

    private static func box(_ kind: String, _ body: [UInt8]) -> [UInt8] { BoxList.make(kind, body) }

    static let plainHeader =
        box("ftyp", Array("iso6".utf8) + [0, 0, 0, 0]) + box("moov", [UInt8](repeating: 3, count: 90))

    /// A fragment as FFmpeg makes it, with a number of its own.
    static func fragment(_ number: UInt8) -> [UInt8] {
        box("moof", box("mfhd", [0, 0, 0, 0, 0, 0, 0, number]) + box("traf", [1, 2, 3]))
            + box("mdat", (0..<60).map { UInt8($0) ^ number })
    }

    /// - Parameters:
    ///   - folder: where its keys are.
    ///   - numbers: of the segments.
    init(keysIn folder: String, numbers: Range<Int> = 700..<704) throws {
        keys = try SigningKeys(in: folder)
        let signer = try SegmentSigner(
            kind: .composite, ingredients: [Ingredient(node: "camera", kind: "camera")], keys: keys)
        header = try signer.signed(header: Self.plainHeader, from: numbers.lowerBound)
        segments = numbers.map { number in
            let fragments = [Self.fragment(1), Self.fragment(2)].flatMap {
                SegmentSigner.numbered($0, number)
            }
            let mark = signer.mark(of: fragments, number: number, duration: 2_000_000_000)
            return ("segment-\(number).m4s", mark + fragments)
        }
    }

    /// What is said of it, with another header or its own.
    func report(header other: [UInt8]? = nil) -> SegmentReport {
        var report = SegmentReport()
        report.check(header: other ?? header, segments: segments)
        return report
    }
}

extension SegmentReport {
    /// Checks segments that are in memory.
    mutating func check(header: [UInt8], segments: [(name: String, bytes: [UInt8])]) {
        check(
            header: header,
            files: segments.map { segment in (name: segment.name, bytes: { segment.bytes }) })
    }
}
