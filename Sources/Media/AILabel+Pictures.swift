import CFFmpeg

/// The label in files that FFmpeg writes no metadata into.
extension AILabel {
    /// A PNG with the label behind its header, as a comment and as XMP (PNG specification, 11.3.4.5).
    func labelled(png bytes: [UInt8]) -> [UInt8] {
        // Eight bytes of signature, and a header of 25.
        let start = 33
        let text = Array("Comment\0".utf8) + Array(Self.comment.utf8)
        let packet = Array("XML:com.adobe.xmp\0\0\0\0\0".utf8) + Array(xmp.utf8)
        return bytes[..<start] + Self.chunk("tEXt", text) + Self.chunk("iTXt", packet)
            + bytes[start...]
    }

    private static func chunk(_ type: String, _ data: [UInt8]) -> [UInt8] {
        let body = Array(type.utf8) + data
        let sum = ~av_crc(av_crc_get_table(AV_CRC_32_IEEE_LE), .max, body, body.count)
        return bigEndian(UInt32(data.count)) + body + bigEndian(sum)
    }

    private static func bigEndian(_ number: UInt32) -> [UInt8] {
        withUnsafeBytes(of: number.bigEndian) { Array($0) }
    }

    /// The end of a GIF: a comment (GIF89a, section 24) and the trailer.
    static var gifEnd: [UInt8] {
        let text = Array(comment.utf8)
        return [0x21, 0xfe, UInt8(text.count)] + text + [0, 0x3b]
    }
}
