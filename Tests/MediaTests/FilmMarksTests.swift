import Foundation
import Marks
import Media
import Tensors
import Testing

/// Films, streams and pictures have their marks, and ``MarkReport`` finds them.
@Suite struct FilmMarksTests {
    private let folder = TestFolder()
    private static let interval = 40 * Sample.millisecond
    private static let options = MarkOptions(payload: WatermarkPayload(run: 0x0ab_c123))

    /// A drawn face that moves a little, as a film of the demo has it.
    private static func frame(_ number: Int, size: Int = 256) -> Tensor<UInt8> {
        DemoMedia.drawFrame(number, size: size)
    }

    private func write(
        _ frames: Range<Int>, to path: String, crf: Int = 20, marks: MarkOptions = options
    ) throws {
        var options = VideoWriterOptions()
        (options.crf, options.threads, options.marks) = (crf, 1, marks)
        options.labelsAIGenerated = marks != .none
        let writer = try makeFrameWriter(path: path, options: options)
        for number in frames {
            try writer.write(
                Self.frame(number), presentation: Int64(number) * Self.interval,
                duration: Self.interval)
        }
        try writer.finish()
    }

    private func report(_ path: String) throws -> MarkReport {
        try MarkReport(of: path, limit: 200)
    }

    @Test(arguments: ["a.mp4", "a.webm", "a.mkv", "a.gif", "a/"])
    func `every kind of film has the watermark, the sign and the label`(_ name: String) throws {
        let path = folder.file(name)
        try write(0..<30, to: path)

        let report = try report(path)

        #expect(report.frames == 30)
        #expect(report.watermark.isFound && report.watermark.payload?.run == 0x0ab_c123)
        #expect(report.signCorner == .topRight)
        #expect(report.isMarked)
        if name == "a.mp4" { #expect(report.sourceType == "trainedAlgorithmicMedia") }
    }

    @Test(arguments: ["a.mp4", "a/"])
    func `pixels of a photo are named in watermark and label`(_ name: String) throws {
        var marks = Self.options
        marks.payload?.kind = .composite
        try write(0..<30, to: folder.file(name), marks: marks)

        let report = try report(folder.file(name == "a/" ? "a/000001.png" : name))

        #expect(report.watermark.payload?.kind == .composite)
        #expect(report.sourceType == "compositeWithTrainedAlgorithmicMedia")
        #expect(report.isMarked)
    }

    @Test func `a film without marks has none`() throws {
        try write(0..<30, to: folder.file("a.mp4"), marks: .none)

        let report = try report(folder.file("a.mp4"))

        #expect(!report.watermark.isFound && report.signCorner == nil && report.sourceType == nil)
        #expect(!report.isMarked)
    }

    @Test func `the watermark outlives another compression at CRF 28, and a removed label`() throws
    {
        try write(0..<60, to: folder.file("a.mp4"))
        let reader = try VideoReader(path: folder.file("a.mp4"))
        var options = VideoWriterOptions()
        (options.crf, options.threads, options.marks) = (28, 1, .none)
        options.labelsAIGenerated = false
        let writer = try VideoWriter(path: folder.file("b.mp4"), options: options)
        while let item = try reader.next() {
            guard case .frame(let time) = item else { continue }
            let frame = Tensor<UInt8>(uninitialized: reader.shape)
            try reader.copyFrame(into: frame)
            try writer.write(frame, presentation: time.presentation, duration: time.duration)
        }
        try writer.finish()

        let report = try report(folder.file("b.mp4"))

        #expect(report.sourceType == nil)
        #expect(report.watermark.isFound && report.watermark.payload?.run == 0x0ab_c123)
        #expect(report.signCorner == .topRight)
    }

    /// A film may begin in the course of a stream.
    @Test(arguments: [("a.mp4", 0), ("a.mp4", 95), ("a/", 95)])
    func `the sign is seen at the film's beginning, and at thirty seconds again`(
        _ name: String, _ start: Int
    ) throws {
        var options = VideoWriterOptions()
        (options.threads, options.marks) = (1, Self.options)
        options.crf = 0
        options.preset = "ultrafast"
        let writer = try makeFrameWriter(path: folder.file(name), options: options)
        for seconds in [0, 2, 3, 29, 30, 31, 32] {
            try writer.write(
                Self.frame(0), presentation: Int64(start + seconds) * 1000 * Sample.millisecond,
                duration: 1000 * Sample.millisecond)
        }
        try writer.finish()

        #expect(try hasSign(name) == [true, true, false, false, true, true, false])
    }

    /// Which pictures of a film have the sign.
    private func hasSign(_ name: String) throws -> [Bool] {
        try Contents(of: folder.file(name)).pictures.map { picture in
            var detector = SignDetector()
            detector.add(picture, at: 0)
            return detector.finish().corner == .topRight
        }
    }

    @Test func `pictures that another process goes on with have the sign at the beginning only`()
        throws
    {
        func open() throws -> PictureFolder {
            try PictureFolder(path: folder.file("a/"), marks: Self.options, owner: "run/film")
        }
        func write(_ seconds: Range<Int>, into writer: PictureFolder) throws {
            for second in seconds {
                try writer.write(
                    Self.frame(0), presentation: Int64(95 + second) * 1000 * Sample.millisecond,
                    duration: 1000 * Sample.millisecond)
            }
        }
        func begin() throws -> FilmSavePoint {
            let writer = try open()
            try write(0..<2, into: writer)
            return try #require(writer.savePoint())
        }
        let point = try begin()

        let other = try open()
        try other.resume(from: point.bytes)
        try write(2..<5, into: other)
        _ = try other.finish()

        #expect(try hasSign("a/") == [true, true, true, false, false])
    }

    @Test func `a film that another process goes on with is the same`() throws {
        var options = Sample.fast
        options.marks = Self.options
        func write(_ frames: Range<Int>, into writer: VideoWriter) throws {
            for number in frames {
                try writer.write(
                    Sample.frame(width: 128, height: 128, red: UInt8(number % 200)),
                    presentation: Int64(number) * Self.interval, duration: Self.interval)
            }
        }
        let whole = try VideoWriter(path: folder.file("whole.mp4"), options: options)
        try write(0..<160, into: whole)
        try whole.finish()
        func begin() throws -> FilmSavePoint {
            let writer = try VideoWriter(
                path: folder.file("a.mp4"), options: options, owner: "run/film")
            try write(0..<120, into: writer)
            return try #require(writer.savePoint())
        }
        let point = try begin()

        let other = try VideoWriter(path: folder.file("a.mp4"), options: options, owner: "run/film")
        try other.resume(from: point.bytes)
        try write(120 - point.missing..<160, into: other)
        try other.finish()

        // What is decoded: x264 decides anew at the seam, so bytes may differ where they were not lossless.
        let comparison = try FilmComparison(folder.file("whole.mp4"), folder.file("a.mp4"))
        #expect(comparison.squaredErrors.count == 160)
        #expect(comparison.worst!.decibels > 40)
    }

    @Test func `a live stream's packets have the marks`() throws {
        var options = LiveEncoder.Options()
        options.marks = Self.options
        options.threads = 1
        let encoder = LiveEncoder(options, name: "live")
        var plainOptions = options
        plainOptions.marks = .none
        let plain = LiveEncoder(plainOptions, name: "plain")
        let frame = Self.frame(0)

        let marked = try encoder.encode(frame, at: 0, for: Self.interval)
        let unmarked = try plain.encode(frame, at: 0, for: Self.interval)

        #expect(marked.picture != unmarked.picture)
        #expect(!marked.flags.contains(.composite))
        var photoOptions = options
        photoOptions.marks.payload?.kind = .composite
        let photo = try LiveEncoder(photoOptions, name: "photo").encode(
            frame, at: 0, for: Self.interval)
        #expect(photo.flags.contains(.composite))
        let path = folder.file("a.h264")
        try Data(marked.picture).write(to: URL(fileURLWithPath: path))
        let report = try report(path)
        #expect(report.watermark.isFound && report.signCorner == .topRight)
    }

    @Test func `a picture of a film is recognised`() throws {
        try write(0..<2, to: folder.file("a/"))

        let report = try report(folder.file("a/000001.png"))

        #expect(report.frames == 1)
        #expect(report.watermark.isFound && report.sourceType == "trainedAlgorithmicMedia")
    }

    @Test func `what is no film is an error`() throws {
        try Data("no film".utf8).write(to: URL(fileURLWithPath: folder.file("a.mp4")))

        #expect(throws: MediaError.self) { try report(folder.file("a.mp4")) }
        #expect(throws: MediaError.self) { try report(folder.file("missing.mp4")) }
    }

    @Test(
        arguments: [
            ("", nil), ("cv.iptc.org/newscodes/digitalsourcetype/", nil),
            (
                "x http://cv.iptc.org/newscodes/digitalsourcetype/digitalCapture\" y",
                "digitalCapture"
            ),
            (
                "cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia",
                "trainedAlgorithmicMedia"
            ),
        ] as [(String, String?)])
    func `the source type is what follows the list's address`(_ text: String, _ type: String?) {
        #expect(MarkReport.sourceType(in: Array(text.utf8)[...]) == type)
    }
}
