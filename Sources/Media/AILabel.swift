/// What a film says of its making, for people, search engines and networks.
///
/// Key and text for readers of mp4 metadata, and the IPTC's digital source type as XMP (Photo
/// Metadata Standard 2023.1; newscodes `trainedAlgorithmicMedia`), which platforms look for.
enum AILabel {
    static let sourceType =
        "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"

    static let metadata: KeyValuePairs<String, String> = [
        "comment": "AI-generated: the person in this video was animated by a computer program.",
        "ai-generated": "true",
        "digital-source-type": sourceType,
    ]

    /// Identifier of the box that holds XMP in mp4 (XMP specification, part 3).
    static let xmpBox: [UInt8] = [
        0xbe, 0x7a, 0xcf, 0xcb, 0x97, 0xa9, 0x42, 0xe8, 0x9c, 0x71, 0x99, 0x94, 0x91, 0xe3, 0xaf,
        0xac,
    ]

    static let xmp = """
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
