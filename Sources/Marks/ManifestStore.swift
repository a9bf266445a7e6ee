/// What lies in the place of a manifest: boxes of JUMBF (ISO/IEC 19566-5) with labels, as C2PA nests them.
///
/// It is read for what libc2pa_c does not tell, and without a check of its sums: those are that library's.
struct ManifestStore {
    /// One box with a label: an assertion, a claim, a manifest.
    struct Box {
        var kind: [UInt8]
        var label: String
        var content: [UInt8]
        var boxes: [Box]

        func box(_ label: String) -> Box? { boxes.first { $0.label == label } }
    }

    /// The last manifest, which is the one of the file.
    let active: Box

    private static let deepest = 8

    /// - Parameter file: the whole of an mp4, PNG or GIF.
    init?(file: [UInt8]) {
        guard let store = Self.place(in: file), let root = BoxList(store).boxes.first,
            let box = Self.box(store, root, depth: 0),
            let active = box.boxes.last(where: { $0.kind.starts(with: "c2ma".utf8) })
        else { return nil }
        self.active = active
    }

    /// The certificate of the file's signature: the first of its chain.
    var leaf: [UInt8]? {
        guard let content = active.box("c2pa.signature")?.content,
            let signature = CBOR(content).flatMap({ COSESignature($0) })
        else { return nil }
        let chain = signature.header?[COSESignature.chain] ?? signature.unprotected[COSESignature.chain]
        return chain?.asBytes ?? chain?.asArray?.first?.asBytes
    }

    /// What an assertion holds.
    func assertion(_ label: String) -> CBOR? {
        active.box("c2pa.assertions")?.box(label).flatMap { CBOR($0.content) }
    }

    private static func box(_ bytes: [UInt8], _ box: BoxList.Box, depth: Int) -> Box? {
        let inner = BoxList(bytes[box.body]).boxes
        guard depth < deepest, box.isCalled("jumb"), let head = inner.first, head.isCalled("jumd"),
            head.body.count > 17
        else { return nil }
        let label = bytes[head.body].dropFirst(17).prefix { $0 != 0 }
        let rest = inner.dropFirst()
        return Box(
            kind: Array(bytes[head.body].prefix(16)), label: String(decoding: label, as: UTF8.self),
            content: rest.first { !$0.isCalled("jumb") }.map { Array(bytes[$0.body]) } ?? [],
            boxes: rest.compactMap { Self.box(bytes, $0, depth: depth + 1) })
    }

    // MARK: Where it lies

    private static func place(in file: [UInt8]) -> [UInt8]? {
        if file.starts(with: [0x89, 0x50, 0x4e, 0x47]) { return png(file) }
        if file.starts(with: "GIF8".utf8) { return gif(file) }
        guard file.count >= 8, file[4..<8].elementsEqual("ftyp".utf8) else { return nil }
        // Behind C2PA's identifier: four bytes of zeros, a word with its end, and eight bytes of a place.
        let box = BoxList(file).boxes.first {
            $0.isCalled("uuid") && file[$0.body].starts(with: ManifestPlace.box)
        }
        guard let body = box?.body, body.count > 20 else { return nil }
        let word = file[body].dropFirst(20).prefix { $0 != 0 }
        guard word.elementsEqual("manifest".utf8), word.endIndex + 9 <= body.upperBound else {
            return nil
        }
        return Array(file[word.endIndex + 9..<body.upperBound])
    }

    /// Chunks of a length, a word, their data and a sum.
    private static func png(_ file: [UInt8]) -> [UInt8]? {
        var place = 8
        while place + 12 <= file.count {
            let length = file[place..<place + 4].reduce(0) { $0 << 8 | Int($1) }
            guard length <= file.count - place - 12 else { return nil }
            if file[place + 4..<place + 8].elementsEqual("caBX".utf8) {
                return Array(file[place + 8..<place + 8 + length])
            }
            place += 12 + length
        }
        return nil
    }

    /// Blocks of at most 255 bytes behind the name of the extension.
    private static func gif(_ file: [UInt8]) -> [UInt8]? {
        guard let name = file.firstRange(of: [0x21, 0xff, 0x0b] + Array("C2PA_GIF".utf8)) else {
            return nil
        }
        var place = name.upperBound + 3
        var bytes: [UInt8] = []
        while place < file.count, file[place] > 0 {
            let end = place + 1 + Int(file[place])
            guard end <= file.count else { return nil }
            bytes += file[place + 1..<end]
            place = end
        }
        return bytes
    }

    // MARK: Writing

    /// A box with a label around others.
    static func write(_ kind: String, _ label: String, _ boxes: [UInt8]...) -> [UInt8] {
        // The end of the identifiers of ISO's boxes; the label is given, and the box may be asked for.
        let suffix: [UInt8] = [
            0x00, 0x11, 0x00, 0x10, 0x80, 0x00, 0x00, 0xaa, 0x00, 0x38, 0x9b, 0x71,
        ]
        let head = Array(kind.utf8) + suffix + [3] + Array(label.utf8) + [0]
        return BoxList.make("jumb", BoxList.make("jumd", head) + boxes.flatMap { $0 })
    }

    /// The box of a file around a store.
    static func fileBox(_ store: [UInt8]) -> [UInt8] {
        BoxList.make(
            "uuid",
            ManifestPlace.box + [0, 0, 0, 0] + Array("manifest".utf8) + [0]
                + BoxList.bytes(0 as UInt64) + store)
    }
}
