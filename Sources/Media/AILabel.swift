import Marks

/// What a film says of its making, for people, search engines and networks.
///
/// Key and text for readers of mp4 metadata, and the IPTC's digital source type as XMP (Photo
/// Metadata Standard 2023.1), which platforms look for.
struct AILabel {
    /// The IPTC's term for how the pictures were made.
    private let sourceType: String

    init(_ kind: WatermarkPayload.Kind) { sourceType = kind.digitalSourceType }

    static let comment =
        "AI-generated: the person in this video was animated by a computer program."

    var metadata: KeyValuePairs<String, String> {
        ["comment": Self.comment, "ai-generated": "true", "digital-source-type": sourceType]
    }

    /// Identifier of the box that holds XMP in mp4 (XMP specification, part 3).
    static let xmpBox: [UInt8] = [
        0xbe, 0x7a, 0xcf, 0xcb, 0x97, 0xa9, 0x42, 0xe8, 0x9c, 0x71, 0x99, 0x94, 0x91, 0xe3, 0xaf,
        0xac,
    ]

    var xmp: String {
        """
        <?xpacket begin="\u{feff}" id="W5M0MpCehiHzreSzNTczkc9d"?>
        <x:xmpmeta xmlns:x="adobe:ns:meta/">
        <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
        <rdf:Description rdf:about=""
        xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
        Iptc4xmpExt:DigitalSourceType="\(sourceType)"/>
        </rdf:RDF>
        </x:xmpmeta>
        <?xpacket end="r"?>
        """
    }
}
