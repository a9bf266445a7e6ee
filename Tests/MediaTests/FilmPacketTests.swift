import Media
import Tensors
import Testing

@Suite struct FilmPacketTests {
    private let packet = FilmPacket(
        flags: [.key, .labelled], stream: 2, sequence: 0x0102, presentation: 40_000_000,
        duration: 20_000_000, width: 512, height: 256, codec: "h264", header: [0xaa, 0xbb],
        picture: [1, 2, 3],
        sounds: [AudioPacket(samples: [1, -2], sampleRate: 8_000, channels: 1, first: 80)])

    private func hex(_ bytes: some Sequence<UInt8>) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined(separator: " ")
    }

    /// The layout is a promise to whatever takes packets: its bytes are written down here.
    @Test func `the byte form is the documented one`() {
        var plain = packet
        plain.sounds = []

        #expect(
            hex(plain.encoded().array)
                == [
                    "50 4c 46 50", "01 00", "05 00", "02 00 00 00", "02 01 00 00 00 00 00 00",
                    "00 5a 62 02 00 00 00 00", "00 2d 31 01 00 00 00 00", "00 02", "00 01",
                    "04 00 00 00 68 32 36 34", "02 00 00 00 aa bb", "03 00 00 00 01 02 03",
                    "00 00 00 00",
                ].joined(separator: " "))
    }

    @Test func `sound stands behind the picture, each packet with its length`() {
        let sound = packet.sounds[0].encoded().array
        let bytes = packet.encoded().array.suffix(sound.count + 8)

        #expect(hex(bytes.prefix(8)) == "01 00 00 00 " + hex([UInt8(sound.count), 0, 0, 0]))
        #expect(Array(bytes.dropFirst(8)) == sound)
    }

    @Test func `the byte form brings everything back`() throws {
        #expect(try FilmPacket(decoding: packet.encoded()) == packet)
    }

    @Test func `every cut of the bytes is refused as a film packet`() {
        let bytes = packet.encoded().array

        for count in 0..<bytes.count {
            let error = #expect(throws: MediaError.self) {
                try FilmPacket(decoding: Tensor(bytes.prefix(count), shape: [count]))
            }
            guard case .badFilmPacket = error else { return #expect(Bool(false), "\(error!)") }
        }
    }

    @Test func `no changed byte crashes the reader`() {
        let bytes = packet.encoded().array

        for place in bytes.indices {
            var changed = bytes
            changed[place] ^= 0xff
            _ = try? FilmPacket(decoding: Tensor(changed, shape: [changed.count]))
        }
    }
}
