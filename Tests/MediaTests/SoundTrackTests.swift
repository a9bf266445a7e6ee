import Foundation
import Media
import Tensors
import Testing

/// Sound is copied where the container takes it without special leave, and coded anew elsewhere.
@Suite struct SoundTrackTests {
    private let folder = TestFolder()

    /// A tone in a film of this ending, and what the writer says of it.
    private func film(_ name: String, of sound: [AudioPacket]) throws -> [String] {
        let writer = try VideoWriter(path: folder.file(name), options: Sample.fast)
        for packet in sound { try writer.write(packet) }
        for i in 0..<50 {
            try writer.write(
                Sample.frame(), presentation: Int64(i) * 40 * Sample.millisecond,
                duration: 40 * Sample.millisecond)
        }
        try writer.finish()
        return writer.takeWarnings()
    }

    private func tone() -> [AudioPacket] {
        (0..<96).map { chunk in
            let samples = (0..<1000).map { Int16(8_000 * sin(Double(chunk * 1000 + $0) * 0.0576)) }
            return AudioPacket(samples: samples, sampleRate: 48_000, channels: 1, first: chunk * 1000)
        }
    }

    /// What the sound of a film is coded as.
    private func codec(of name: String) throws -> String? {
        try Contents(of: folder.file(name)).sound.first?.format.codec
    }

    @Test func `Opus is copied from webm into mkv and mp4`() throws {
        _ = try film("a.webm", of: tone())
        let opus = try Contents(of: folder.file("a.webm")).sound

        #expect(try film("b.mkv", of: opus) == [])
        #expect(try film("b.mp4", of: opus) == [])
        #expect(try film("b.webm", of: opus) == [])

        for name in ["b.mkv", "b.mp4", "b.webm"] {
            let copied = try Contents(of: folder.file(name)).sound
            #expect(copied.map(\.data) == opus.map(\.data), "\(name)")
        }
    }

    @Test func `uncompressed sound is coded as the container's own, and that is said`() throws {
        for (name, codec) in [("a.mp4", "AAC"), ("a.webm", "Opus")] {
            let warnings = try film(name, of: tone())

            let reason = "\(name.dropFirst(2)) has no room for 'pcm_s16le'"
            #expect(warnings == ["\(folder.file(name)): \(reason): the sound is coded as \(codec)"])
        }
        #expect(try codec(of: "a.mp4") == "aac")
        #expect(try codec(of: "a.webm") == "opus")
    }

    @Test func `uncompressed sound is copied where there is room for it`() throws {
        for name in ["a.mov", "a.mkv"] {
            #expect(try film(name, of: tone()) == [])
            #expect(try codec(of: name) == "pcm_s16le")
        }
    }

    @Test func `copied sound with priming stays in time with the pictures in mkv`() throws {
        _ = try film("a.mp4", of: tone())
        let aac = try Contents(of: folder.file("a.mp4")).sound
        #expect(aac[0].presentationNanoseconds < 0)

        _ = try film("a.mkv", of: aac)

        let contents = try Contents(of: folder.file("a.mkv"))
        let before = Double(aac[0].presentationNanoseconds) / 1e6
        let after = Double(contents.sound[0].presentationNanoseconds) / 1e6
        #expect(abs((contents.times[0] - after) - (0 - before)) < 2)
        #expect(contents.sound.map(\.data) == aac.map(\.data))
    }
}
