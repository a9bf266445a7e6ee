import NodeKit
import Testing
import Wire

@Suite struct EnvelopeTests {
    private var full: Envelope {
        var envelope = Envelope(.data)
        envelope.stamp = Stamp(
            frame: 7, captured: 1, presentation: 40_000_000, duration: 40_000_000, epoch: 2)
        envelope.sequence = 9
        envelope.sent = 123
        envelope.elementType = .float32
        envelope.shape = [1, 4, 64, 64]
        envelope.place = .init(slot: 3, process: 77, descriptor: 12, capacity: 65536)
        envelope.released = [1, 2, 3]
        return envelope
    }

    @Test func `a header comes back as it was`() throws {
        let decoded = try full.encoded().withUnsafeBytes { try Envelope(decoding: $0) }

        #expect(decoded == full)
        #expect(decoded.payloadBytes == 65536)
    }

    @Test func `the bytes are those written down for plugins`() {
        var envelope = Envelope(.grant)
        envelope.count = 1
        envelope.released = [5]

        let bytes = envelope.encoded()

        #expect(bytes.prefix(8) == [0x50, 0x4C, 0x56, 0x01, 2, 1, 0, 0])
        #expect(bytes.count == 72)
        #expect(bytes.suffix(12) == [1, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0])
    }

    @Test func `a frame's number that no set of frames could hold is refused at its sender's edge`() {
        var envelope = full
        envelope.stamp.frame = 1 << 53

        #expect(throws: (any Error).self) {
            try envelope.encoded().withUnsafeBytes { try Envelope(decoding: $0) }
        }
    }

    @Test func `a header cut anywhere is refused or read, never crashes`() {
        let bytes = full.encoded()

        for length in 0..<bytes.count {
            let cut = Array(bytes.prefix(length))
            let decoded = cut.withUnsafeBytes { try? Envelope(decoding: $0) }
            if length < 64 + 32 + 24 { #expect(decoded == nil) }
        }
    }

    @Test func `times and frame numbers whose sums would overflow are refused`() {
        for change: (inout Envelope) -> Void in [
            { $0.sent = .min }, { $0.stamp.captured = .min }, { $0.stamp.frame = .max },
            { $0.stamp.presentation = .max }, { $0.stamp.duration = -1 }, { $0.sequence = .max },
        ] {
            var envelope = full
            change(&envelope)
            #expect(throws: WireError.self) {
                try envelope.encoded().withUnsafeBytes { try Envelope(decoding: $0) }
            }
        }
    }

    @Test func `mutated headers never claim more than 4 GiB`() {
        var random = SystemRandomNumberGenerator.seeded(20_251_211)

        for _ in 0..<20_000 {
            var bytes = full.encoded()
            for _ in 0..<Int.random(in: 1...6, using: &random) {
                bytes[Int.random(in: 4..<bytes.count, using: &random)] = .random(
                    in: 0...255, using: &random)
            }
            let decoded = bytes.withUnsafeBytes { try? Envelope(decoding: $0) }
            if let size = decoded?.payloadBytes { #expect(size <= 1 << 32) }
        }
    }
}

/// A generator whose numbers can be had again.
struct Seeded: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

extension SystemRandomNumberGenerator {
    static func seeded(_ seed: UInt64) -> Seeded { Seeded(state: seed) }
}
