import Media
import Tensors
import Testing

@Suite struct AudioPacketTests {
    private let packet = AudioPacket(
        samples: [1, -2, 3, -4], sampleRate: 16_000, channels: 2, first: 160)

    @Test func `the byte form brings everything back`() throws {
        let copy = try AudioPacket(decoding: packet.encoded())

        #expect(copy == packet)
        #expect(copy.format.codec == "pcm_s16le")
        #expect(copy.format.layout == "stereo")
        #expect(copy.presentationNanoseconds == 10_000_000)
        #expect(copy.data == [1, 0, 0xfe, 0xff, 3, 0, 0xfc, 0xff])
    }

    @Test func `every cut of the bytes is refused`() {
        let bytes = packet.encoded().array

        for count in 0..<bytes.count {
            #expect(throws: MediaError.self) {
                try AudioPacket(decoding: Tensor(bytes.prefix(count), shape: [count]))
            }
        }
    }

    @Test func `another version is named`() {
        var bytes = packet.encoded().array
        bytes[4] = 9

        #expect(throws: MediaError.badAudioPacket(reason: "version 9, but 1 is understood")) {
            try AudioPacket(decoding: Tensor(bytes, shape: [bytes.count]))
        }
    }

    @Test func `no changed byte crashes the reader`() {
        let bytes = packet.encoded().array

        for place in bytes.indices {
            var changed = bytes
            changed[place] ^= 0xff
            _ = try? AudioPacket(decoding: Tensor(changed, shape: [changed.count]))
        }
    }
}
