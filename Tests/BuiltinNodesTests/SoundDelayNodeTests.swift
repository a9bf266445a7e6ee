import BuiltinNodes
import Foundation
import Media
import NodeKit
import Tensors
import Testing

/// Sound that is played as late as the pictures are, into a file in place of a virtual microphone.
@Suite struct SoundDelayNodeTests {
    private static let ms: Int64 = 1_000_000

    /// 20 ms, silent but for a click at the beginning of every half second.
    private func sound(_ number: Int) -> Tensor<UInt8> {
        let samples = (0..<960).map { Int16(number % 25 == 0 && $0 < 480 ? 20_000 : 0) }
        return AudioPacket(
            samples: samples, sampleRate: 48_000, channels: 1, first: number * 960
        ).encoded()
    }

    /// When clicks begin in a WAV file of two channels, ms from its beginning.
    private func clicks(in path: String) throws -> [Double] {
        let bytes = try [UInt8](Data(contentsOf: URL(fileURLWithPath: path)))
        let begin = try #require(bytes.firstRange(of: Array("data".utf8))).upperBound + 4
        let samples = stride(from: begin, to: bytes.count - 3, by: 4).map {
            Int(Int16(bitPattern: UInt16(bytes[$0]) | UInt16(bytes[$0 + 1]) << 8))
        }
        return samples.indices.dropFirst().filter { samples[$0] > 10_000 && samples[$0 - 1] <= 10_000 }
            .map { Double($0) / 48 }
    }

    @Test func `sound is heard as late as pictures are, and follows them where it is silent`() throws {
        let folder = "/tmp/pl-delay-\(String(UInt32.random(in: 0 ... .max), radix: 36))"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let settings = Settings().setting(SoundDelayNode.device, to: "\(folder)/microphone.wav")
        let picture = Tensor<UInt8>(repeating: 0, shape: [1, 16, 16, 3])
        let start = MonotonicClock.now
        var harness = try NodeHarness(SoundDelayNode.self, settings)

        // Pictures are 200 ms old, and from the fourth second on 350 ms.
        for number in 0..<400 {
            let captured = start + Int64(number) * 20 * Self.ms
            MonotonicClock.sleep(until: captured + 20 * Self.ms)
            let age = (number < 200 ? 200 : 350) * Self.ms
            func stamp(_ captured: Int64) -> Stamp {
                Stamp(frame: UInt64(number), captured: captured, presentation: 0, duration: 40 * Self.ms)
            }
            try harness.tick([.init(SoundDelayNode.audio, sound(number))], stamp: stamp(captured))
            if number % 2 == 0 {
                try harness.tick(
                    [.init(SoundDelayNode.frame, picture)], stamp: stamp(MonotonicClock.now - age))
            }
        }
        try harness.finish()

        let found = try clicks(in: "\(folder)/microphone.wav")
        // The file begins with the node.
        let late = found.map { time in (time - (time / 500).rounded(.down) * 500) }
        #expect(found.count >= 14, "\(found)")
        #expect(late.dropFirst().prefix(5).allSatisfy { abs($0 - 200) < 25 }, "\(late)")
        #expect(late.suffix(3).allSatisfy { abs($0 - 350) < 25 }, "\(late)")
        #expect(harness.warnings.isEmpty, "\(harness.warnings)")
    }

    @Test func `a file that is there is not written over`() throws {
        let folder = "/tmp/pl-delay-\(String(UInt32.random(in: 0 ... .max), radix: 36))"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try Data("mine".utf8).write(to: URL(fileURLWithPath: "\(folder)/voice.wav"))
        let settings = Settings().setting(SoundDelayNode.device, to: "\(folder)/voice.wav")
        var harness = try NodeHarness(SoundDelayNode.self, settings)

        for number in 0..<2000 where harness.warnings.isEmpty {
            try harness.tick(
                [.init(SoundDelayNode.audio, sound(number))],
                stamp: Stamp(frame: 0, captured: MonotonicClock.now, presentation: 0))
            MonotonicClock.sleep(until: MonotonicClock.now + 5 * Self.ms)
        }
        try harness.finish()

        #expect(harness.warnings == ["\(folder)/voice.wav is there already: writing \(folder)/voice-2.wav"])
        #expect(try String(contentsOfFile: "\(folder)/voice.wav", encoding: .utf8) == "mine")
        #expect(try Data(contentsOf: URL(fileURLWithPath: "\(folder)/voice-2.wav")).starts(with: Data("RIFF".utf8)))
    }

    @Test func `what cannot be played on is a sentence, and the graph goes on`() throws {
        let settings = Settings().setting(SoundDelayNode.device, to: "/no/such/folder/microphone.wav")
        var harness = try NodeHarness(SoundDelayNode.self, settings)

        for number in 0..<2000 where harness.warnings.isEmpty {
            try harness.tick(
                [.init(SoundDelayNode.audio, sound(number))],
                stamp: Stamp(frame: 0, captured: MonotonicClock.now, presentation: 0))
            MonotonicClock.sleep(until: MonotonicClock.now + 5 * Self.ms)
        }

        let warning = try #require(harness.warnings.first)
        #expect(
            warning == "sound device /no/such/folder/microphone.wav: No such file or directory; can its "
                + "folder be written to?; it is tried again")
        try harness.finish()
    }
}
