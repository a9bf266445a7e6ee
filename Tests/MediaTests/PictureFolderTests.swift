import Foundation
import Glibc
import Media
import Tensors
import Testing

/// Frames as numbered pictures in a folder.
@Suite struct PictureFolderTests {
    private let folder = TestFolder()

    private func write(_ frames: Range<Int>, into writer: PictureFolder) throws {
        for i in frames {
            try writer.write(
                Sample.frame(red: UInt8(i)), presentation: Int64(i) * 40 * Sample.millisecond,
                duration: 40 * Sample.millisecond)
        }
    }

    private var names: [String] {
        (try? FileManager.default.contentsOfDirectory(atPath: folder.file("out")).sorted()) ?? []
    }

    @Test func `every frame is a picture with its number, all of them there at once`() throws {
        let writer = try PictureFolder(path: folder.file("out/"), marks: .none)
        try write(0..<12, into: writer)

        #expect(names == [])
        try writer.finish()

        #expect(names.count == 12)
        #expect(names.first == "000000.png")
        #expect(names.last == "000011.png")
        #expect(try ImageReader.read(folder.file("out/000007.png")).array == Sample.frame(red: 7).array)
        #expect(folder.names == ["out"])
    }

    @Test func `a folder with something in it is not touched`() throws {
        mkdir(folder.file("out"), 0o755)
        _ = folder.write("mine", "out/mine.txt")

        #expect(throws: MediaError.self) { try PictureFolder(path: folder.file("out/")) }

        #expect(names == ["mine.txt"])
        #expect(folder.names == ["out"])
    }

    @Test func `an empty folder is filled, through a link too`() throws {
        mkdir(folder.file("out"), 0o755)
        symlink("out", folder.file("link"))
        let writer = try PictureFolder(path: folder.file("link/"))
        try write(0..<2, into: writer)
        try writer.finish()

        #expect(names == ["000000.png", "000001.png"])
        #expect(folder.names == ["link", "out"])
    }

    @Test func `another process goes on, and every frame is there once`() throws {
        var state: [UInt8] = []
        do {
            let killed = try PictureFolder(path: folder.file("out/"), owner: "run/film")
            try write(0..<5, into: killed)
            state = try #require(killed.savePoint()).bytes
            try write(5..<7, into: killed)
        }

        let writer = try PictureFolder(path: folder.file("out/"), owner: "run/film")
        try writer.resume(from: state)
        try write(5..<9, into: writer)
        let summary = try writer.finish()

        #expect(summary.frames == 9)
        #expect(names.count == 9)
        #expect(folder.names == ["out"])
    }

    @Test func `no frame at all leaves nothing behind`() throws {
        let writer = try PictureFolder(path: folder.file("out/"))

        #expect(throws: MediaError.nothingToWrite(path: folder.file("out/"))) { try writer.finish() }
        #expect(folder.names == [])
    }
}
