import Foundation
import Media
import Testing

/// Microphones: FFmpeg's test sources stand for them, and a file that comes and goes for one that is plugged
/// in and out.
@Suite struct MicrophoneTests {
    private static let ms: Int64 = 1_000_000

    /// Sound of so many seconds: each packet's samples, its time and when it was captured.
    private func listen(
        _ microphone: Microphone, seconds: Double
    ) throws -> [(samples: [Int16], time: Int64, captured: Int64)] {
        var pieces: [(samples: [Int16], time: Int64, captured: Int64)] = []
        let end = MonotonicClock.now + Int64(seconds * 1e9)
        while MonotonicClock.now < end {
            guard let (packet, captured) = microphone.next() else { continue }
            let samples = stride(from: 0, to: packet.data.count, by: 2).map {
                Int16(bitPattern: UInt16(packet.data[$0]) | UInt16(packet.data[$0 + 1]) << 8)
            }
            pieces.append((samples, packet.presentationNanoseconds, captured))
        }
        return pieces
    }

    @Test func `sound comes at its pace, with the time of its capture`() throws {
        let microphone = Microphone(device: "lavfi:sine=frequency=440:sample_rate=44100")
        let began = MonotonicClock.now

        let pieces = try listen(microphone, seconds: 0.4)

        let took = MonotonicClock.now - began
        #expect(took > 380 * Self.ms)
        #expect(microphone.state == "listening to lavfi:sine=frequency=440:sample_rate=44100")
        #expect(microphone.takeWarnings().isEmpty)
        #expect(pieces.allSatisfy { $0.samples.contains { $0.magnitude > 1000 } })
        // Captured when it says, and one after the other without a gap.
        for piece in pieces {
            let off = piece.captured - pieces[0].captured - piece.time
            #expect(off.magnitude < UInt64(2 * Self.ms), "\(off)")
        }
    }

    @Test func `one that is not there is a sentence, and it is heard when it comes`() throws {
        let folder = TestFolder()
        let path = folder.file("voice.wav")
        let microphone = Microphone(device: "lavfi:amovie=\(path)")

        #expect(try listen(microphone, seconds: 0.3).isEmpty)
        let state = microphone.state, warnings = microphone.takeWarnings()
        #expect(state.hasPrefix("no sound from lavfi:amovie=\(path): "), "\(state)")
        #expect(warnings.count == 1, "\(warnings)")
        try Self.wave(seconds: 0.5).write(to: URL(fileURLWithPath: path))
        // It is there, unplugged (the file ended), and there again.
        let pieces = try listen(microphone, seconds: 3.5)

        let sentences = microphone.takeWarnings()
        #expect(sentences.filter { $0 == "microphone lavfi:amovie=\(path): it is there again" }.count >= 2)
        #expect(sentences.contains("microphone lavfi:amovie=\(path): it ended: is it still plugged in?; it is tried again"))
        // Half a second of each time that it was there.
        let count = pieces.reduce(0) { $0 + $1.samples.count }
        #expect(count > 76_800, "\(count)")
        let times = pieces.map(\.time)
        #expect(zip(times, times.dropFirst()).allSatisfy { $0 < $1 })
        #expect(times.last! - times[0] > 1_000 * Self.ms)
        for piece in pieces {
            let off = piece.captured - pieces[0].captured - piece.time + times[0]
            #expect(off.magnitude < UInt64(40 * Self.ms), "\(off)")
        }
    }

    @Test func `a device of ALSA or PulseAudio that is not there says what to do`() throws {
        for device in ["hw:31", "pulse:no-such-source"] {
            let microphone = Microphone(device: device)
            #expect(microphone.next() == nil)

            let state = microphone.state
            #expect(state.contains("no sound from \(device): "), "\(state)")
            #expect(state.contains(device == "hw:31" ? "arecord -L" : "pactl list short sources"), "\(state)")
        }
    }

    /// A tone in a WAV file.
    private static func wave(seconds: Double) -> Data {
        let count = Int(seconds * 48_000)
        var data = Data("RIFF".utf8)
        func put<Value: FixedWidthInteger>(_ value: Value) {
            withUnsafeBytes(of: value.littleEndian) { data.append(contentsOf: $0) }
        }
        put(UInt32(36 + 2 * count))
        data += Data("WAVEfmt ".utf8)
        put(UInt32(16)); put(UInt16(1)); put(UInt16(1)); put(UInt32(48_000)); put(UInt32(96_000))
        put(UInt16(2)); put(UInt16(16))
        data += Data("data".utf8)
        put(UInt32(2 * count))
        for number in 0..<count { put(Int16(8000 * sin(Double(number) / 10))) }
        return data
    }
}
