extension CheckpointError.OtherContent {
    /// What bytes are that cannot be a checkpoint; nil where they may be one.
    ///
    /// Both formats begin with numbers, of which some bytes are no text: safetensors' first eight
    /// are the length of a header, whose upper half is zero.
    init?(of bytes: UnsafeRawBufferPointer) {
        let start = bytes.prefix(64)
        guard start.count >= 8, start.allSatisfy(Self.isText) else { return nil }
        let text = String(decoding: start, as: UTF8.self)
        let words = text.drop(while: \.isWhitespace).lowercased()
        self =
            if text.hasPrefix("version https://git-lfs") {
                .gitLFSPointer
            } else if words.hasPrefix("<!doctype") || words.hasPrefix("<html")
                || words.hasPrefix("<?xml")
            {
                .webPage
            } else {
                .text(
                    text.split(whereSeparator: \.isNewline).first.map { String($0.prefix(40)) }
                        ?? "")
            }
    }

    private static func isText(_ byte: UInt8) -> Bool {
        byte >= 0x20 && byte != 0x7f || byte == 0x09 || byte == 0x0a || byte == 0x0d
    }
}
