import Foundation
import Media
import Tensors
import Testing

/// A film that another process goes on with, or finds gone.
@Suite struct VideoWriterResumeTests {
    private let folder = TestFolder()

    private func write(_ frames: Range<Int>, into writer: VideoWriter) throws {
        for i in frames {
            try writer.write(
                Sample.frame(red: UInt8(i % 200)), presentation: Int64(i) * 40 * Sample.millisecond,
                duration: 40 * Sample.millisecond)
        }
    }

    /// What a writer says of a film of so many frames that is not finished.
    private func saved(_ frames: Int, at path: String) throws -> FilmSavePoint {
        let writer = try VideoWriter(path: path, options: Sample.fast, owner: "run/film")
        try write(0..<frames, into: writer)
        return try #require(writer.savePoint())
    }

    @Test func `another writer goes on, and every frame is there once`() throws {
        let path = folder.file("a.mp4")
        let point = try saved(600, at: path)

        let writer = try VideoWriter(path: path, options: Sample.fast, owner: "run/film")
        try writer.resume(from: point.bytes)
        try write(600 - point.missing..<610, into: writer)
        let summary = try writer.finish()

        #expect(summary.frames == 610)
        #expect(try Contents(of: path).times == (0..<610).map { Double($0) * 40 })
        #expect(folder.names == ["a.mp4"])
    }

    @Test func `a writer with other settings goes on, and all of the film can be decoded`() throws {
        let path = folder.file("a.mp4")
        let point = try saved(600, at: path)
        var options = Sample.fast
        (options.crf, options.preset) = (35, "medium")

        let writer = try VideoWriter(path: path, options: options, owner: "run/film")
        try writer.resume(from: point.bytes)
        try write(600 - point.missing..<700, into: writer)
        try writer.finish()

        let contents = try Contents(of: path)
        #expect(contents.warnings == [])
        #expect(contents.frames.count == 700)
        for (number, picture) in contents.pictures.enumerated() {
            let (found, sent) = (Int(picture.pointer[0]), number % 200)
            #expect(abs(found - sent) < 16, "frame \(number): \(found) for \(sent)")
        }
    }

    @Test func `what is gone is said, and the film begins anew, whatever stood there yesterday`() throws {
        let path = folder.file("a.mp4")
        let point = try saved(600, at: path)
        for name in folder.names { try FileManager.default.removeItem(atPath: folder.file(name)) }
        let older = try VideoWriter(path: path, options: Sample.fast, owner: "run/film")
        try write(0..<3, into: older)
        try older.finish()
        try FileManager.default.setAttributes(
            [.modificationDate: Date(timeIntervalSinceNow: -86_400)], ofItemAtPath: path)

        let writer = try VideoWriter(path: path, options: Sample.fast, owner: "run/film")
        try writer.resume(from: point.bytes)
        try write(600..<1200, into: writer)
        let canGoOn = writer.savePoint() != nil
        try writer.finish()

        #expect(writer.takeWarnings().contains { $0.contains("the film begins anew") })
        #expect(canGoOn)
        #expect(try Contents(of: path).times.count == 600)
    }

    @Test func `a film that its first writer finished stays as it is`() throws {
        let path = folder.file("a.mp4")
        let first = try VideoWriter(path: path, options: Sample.fast, owner: "run/film")
        try write(0..<600, into: first)
        let point = try #require(first.savePoint())
        try first.finish()

        let writer = try VideoWriter(path: path, options: Sample.fast, owner: "run/film")
        try writer.resume(from: point.bytes)
        try writer.finish()

        #expect(try Contents(of: path).times.count == 600)
        #expect(folder.names.filter { $0.hasSuffix("mp4") && !$0.contains("partial") } == ["a.mp4"])
    }
}
