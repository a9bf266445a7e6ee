import Testing

@testable import Marks

struct CBORTests {
    /// Examples of RFC 8949, appendix A.
    @Test(
        arguments: [
            (.number(0), [0x00]), (.number(23), [0x17]), (.number(24), [0x18, 24]),
            (.number(1000), [0x19, 0x03, 0xe8]), (.number(-1), [0x20]),
            (.number(-1000), [0x39, 0x03, 0xe7]),
            (.number(1_000_000_000_000), [0x1b, 0, 0, 0, 0xe8, 0xd4, 0xa5, 0x10, 0]),
            (.bytes([1, 2]), [0x42, 1, 2]), (.text("IETF"), [0x64, 0x49, 0x45, 0x54, 0x46]),
            (.array([.number(1), .array([.number(2)])]), [0x82, 1, 0x81, 2]),
            (.object(["a": .number(1)]), [0xa1, 0x61, 0x61, 1]), (.null, [0xf6]),
            (.tag(0, .text("x")), [0xc0, 0x61, 0x78]),
        ] as [(CBOR, [UInt8])])
    func `it is written and read as the standard says`(_ value: CBOR, _ bytes: [UInt8]) {
        #expect(value.encoded == bytes)
        #expect(CBOR(bytes) == value)
    }

    @Test(
        arguments: [
            [], [0x18], [0x42, 1], [0x81], [0xa1, 1], [0x5f, 0x41, 1, 0xff], [0x1c], [0, 0],
            [0x9b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], [0x1b] + [UInt8](repeating: 255, count: 8),
            [UInt8](repeating: 0x81, count: 100_000),
        ] as [[UInt8]])
    func `what is cut off, too deep or of unknown length is nothing`(_ bytes: [UInt8]) {
        #expect(CBOR(bytes) == nil)
    }

    /// Each byte of an array may be a value that takes many.
    @Test func `what is larger than anything in a manifest is nothing`() {
        let isRead = CBOR([0x9a, 0, 0x20, 0, 0] + [UInt8](repeating: 0, count: 1 << 21)) != nil

        #expect(!isRead)
    }
}
