import Foundation
import Media
import Tensors
import Testing

@Suite struct VideoWriterTests {
    private let folder = TestFolder()

    @Test func `frames come back with their times and colours`() throws {
        let path = folder.file("a.mp4")
        let writer = try VideoWriter(path: path, options: Sample.fast)
        let orange = Sample.frame(red: 230, green: 120, blue: 40)
        for i in 0..<10 {
            try writer.write(
                orange, presentation: Int64(i) * 40 * Sample.millisecond,
                duration: 40 * Sample.millisecond)
        }
        let summary = try writer.finish()

        let contents = try Contents(of: path)

        #expect(summary.frames == 10 && summary.end == 400 * Sample.millisecond)
        #expect(contents.times == (0..<10).map { Double($0) * 40 })
        #expect(contents.durations == [Double](repeating: 40, count: 10))
        let pixel = try #require(contents.pictures.last).array.prefix(3).map { Int($0) }
        #expect(zip(pixel, [230, 120, 40]).allSatisfy { abs($0 - $1) <= 3 }, "\(pixel)")
        #expect(folder.names == ["a.mp4"])
    }

    @Test func `a variable frame rate and a late start stay`() throws {
        let path = folder.file("a.mp4")
        let times: [Int64] = [500, 517, 600, 633, 1_000, 1_010]
        var options = Sample.fast
        options.preset = "medium"  // with B-frames
        let writer = try VideoWriter(path: path, options: options)
        try Sample.tone(seconds: 1, into: writer)
        for (i, time) in times.enumerated() {
            let next = i + 1 < times.count ? times[i + 1] : 1_260
            try writer.write(
                Sample.frame(red: UInt8(i * 40)), presentation: time * Sample.millisecond,
                duration: (next - time) * Sample.millisecond)
        }
        try writer.finish()

        let contents = try Contents(of: path)

        #expect(contents.times == times.map(Double.init))
        #expect(contents.durations == [17, 83, 33, 367, 10, 250])
    }

    @Test func `a film that joins a stream in its course begins with what came first`() throws {
        let path = folder.file("a.mp4")
        let writer = try VideoWriter(path: path, options: Sample.fast)
        for i in 0..<5 {
            try writer.write(
                Sample.frame(), presentation: Int64(12_000 + 40 * i) * Sample.millisecond,
                duration: 40 * Sample.millisecond)
        }
        try writer.finish()

        let contents = try Contents(of: path)

        #expect(contents.times == [0, 40, 80, 120, 160])
    }

    @Test func `24000 over 1001 frames a second keep their exact times`() throws {
        let path = folder.file("a.mp4")
        let writer = try VideoWriter(path: path, options: Sample.fast)
        let times = (0..<6).map { Int64((Double($0) * 1_001_000_000_000 / 24_000).rounded()) }
        for time in times {
            try writer.write(Sample.frame(), presentation: time, duration: 41_708_333)
        }
        try writer.finish()

        let contents = try Contents(of: path)

        for (found, time) in zip(contents.frames.map(\.presentation), times) {
            #expect(abs(found - time) <= 1)
        }
    }

    @Test func `sound is copied bit by bit and stays in sync`() throws {
        let source = folder.file("source.mp4")
        try Sample.film(source, count: 25, sound: true)
        let before = try Contents(of: source)
        let path = folder.file("copy.mp4")
        let writer = try VideoWriter(path: path, options: Sample.fast)
        for packet in before.sound { try writer.write(packet) }
        for (frame, picture) in zip(before.frames, before.pictures) {
            try writer.write(picture, presentation: frame.presentation, duration: frame.duration)
        }
        try writer.finish()

        let after = try Contents(of: path)

        #expect(before.sound.count > 40)
        #expect(after.sound.map(\.data) == before.sound.map(\.data))
        #expect(
            after.sound.map(\.presentationNanoseconds)
                == before.sound.map(\.presentationNanoseconds))
        #expect(after.sound.first?.format == before.sound.first?.format)
        #expect(after.frames == before.frames)
        #expect(writer.takeWarnings().isEmpty)
    }

    @Test func `sound that begins later than the pictures stays later`() throws {
        let path = folder.file("a.mp4")
        let writer = try VideoWriter(path: path, options: Sample.fast)
        for i in 0..<25 {
            try writer.write(
                Sample.frame(), presentation: Int64(i) * 40 * Sample.millisecond,
                duration: 40 * Sample.millisecond)
        }
        try Sample.tone(seconds: 0.5, from: 0.5, into: writer)
        try writer.finish()

        let contents = try Contents(of: path)

        // One packet of priming (1024 samples, 21 ms) comes before the first true sample.
        let start = try #require(contents.sound.first).presentationNanoseconds
        #expect(abs(start - 478_666_666) < Sample.millisecond, "\(start)")
        #expect(contents.times.first == 0)
    }

    @Test func `sound that comes after seconds of pictures is not lost`() throws {
        let path = folder.file("a.mp4")
        let writer = try VideoWriter(path: path, options: Sample.fast)
        for i in 0..<100 {
            try writer.write(
                Sample.frame(), presentation: Int64(i) * 40 * Sample.millisecond,
                duration: 40 * Sample.millisecond)
        }
        try Sample.tone(seconds: 1, from: 2, into: writer)
        try writer.finish()

        let contents = try Contents(of: path)

        #expect(contents.sound.count > 40)
        #expect(contents.frames.count == 100)
    }

    @Test func `an odd size is padded by its edge, with a warning`() throws {
        let path = folder.file("a.mp4")
        let writer = try VideoWriter(path: path, options: Sample.fast)
        try writer.write(
            Sample.frame(width: 33, height: 17, red: 200, green: 50, blue: 50), presentation: 0,
            duration: 40 * Sample.millisecond)
        try writer.finish()

        let contents = try Contents(of: path)

        let picture = try #require(contents.pictures.first)
        #expect(picture.shape == [1, 18, 34, 3])
        let corner = picture.array.suffix(3).map { Int($0) }
        #expect(zip(corner, [200, 50, 50]).allSatisfy { abs($0 - $1) <= 6 }, "\(corner)")
        #expect(
            writer.takeWarnings() == [
                "\(path): 33x17 is padded to 34x18, since H.264 needs even sides"
            ])
    }

    @Test func `a frame of one pixel becomes a film`() throws {
        let path = folder.file("a.mp4")
        let writer = try VideoWriter(path: path, options: Sample.fast)
        try writer.write(
            Tensor([200, 100, 50], shape: [1, 1, 1, 3]), presentation: 0,
            duration: 40 * Sample.millisecond)
        try writer.finish()

        #expect(try VideoReader(path: path).shape == [1, 2, 2, 3])
    }

    @Test func `frames of another size are scaled to the first`() throws {
        let path = folder.file("a.mp4")
        let writer = try VideoWriter(path: path, options: Sample.fast)
        try writer.write(Sample.frame(), presentation: 0, duration: 40 * Sample.millisecond)
        try writer.write(
            Sample.corners(width: 30, height: 20), presentation: 40 * Sample.millisecond,
            duration: 40 * Sample.millisecond)
        try writer.finish()

        let contents = try Contents(of: path)

        #expect(contents.pictures.count == 2)
        #expect(Sample.cornerNames(contents.pictures[1]) == ["red", "green", "blue", "white"])
        #expect(writer.takeWarnings().first?.contains("30x20 are scaled to the first") == true)
    }

    @Test func `the film says that it is AI-generated, unless told not to`() throws {
        try Sample.film(folder.file("a.mp4"), count: 2)
        var options = Sample.fast
        options.labelsAIGenerated = false
        let writer = try VideoWriter(path: folder.file("b.mp4"), options: options)
        try writer.write(Sample.frame(), presentation: 0, duration: 40 * Sample.millisecond)
        try writer.finish()

        let labelled = try Data(contentsOf: URL(fileURLWithPath: folder.file("a.mp4")))
        let plain = try Data(contentsOf: URL(fileURLWithPath: folder.file("b.mp4")))

        for words in ["ai-generated", "AI-generated: ", "DigitalSourceType=\"http://cv.iptc.org"] {
            #expect(labelled.range(of: Data(words.utf8)) != nil)
            #expect(plain.range(of: Data(words.utf8)) == nil)
        }
    }

    @Test func `the finished film begins with its index`() throws {
        try Sample.film(folder.file("a.mp4"), count: 3)

        let data = try Data(contentsOf: URL(fileURLWithPath: folder.file("a.mp4")))

        let index = try #require(data.range(of: Data("moov".utf8)))
        let pictures = try #require(data.range(of: Data("mdat".utf8)))
        #expect(index.lowerBound < pictures.lowerBound)
        #expect(data.range(of: Data("moof".utf8)) == nil)
    }

    @Test func `sound of a broadcast loses its frames and nothing else`() throws {
        try Sample.film(folder.file("a.mp4"), count: 25, sound: true)
        let source = try Contents(of: folder.file("a.mp4"))
        let path = folder.file("b.mp4")
        let writer = try VideoWriter(path: path, options: Sample.fast)
        for packet in source.sound {
            var wrapped = packet
            // ISO 13818-7: sync word, AAC-LC at 48 kHz in mono, length of header and data.
            let size = packet.data.count + 7
            wrapped.data = [
                0xff, 0xf1, 0x4c, 0x40 | UInt8(size >> 11), UInt8(size >> 3 & 0xff),
                UInt8(size << 5 & 0xff) | 0x1f, 0xfc,
            ]
            wrapped.data += packet.data
            wrapped.format.header = []
            try writer.write(wrapped)
        }
        for (frame, picture) in zip(source.frames, source.pictures) {
            try writer.write(picture, presentation: frame.presentation, duration: frame.duration)
        }
        try writer.finish()

        let contents = try Contents(of: path)

        #expect(contents.sound.map(\.data) == source.sound.map(\.data))
        #expect(contents.sound.first?.format.header.isEmpty == false)
    }
}
