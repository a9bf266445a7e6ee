import Foundation
import Glibc
import Media
import Tensors
import Testing

/// What the ending of an output's name makes of it, and what outputs that are no files get.
@Suite struct FilmContainerTests {
    private let folder = TestFolder()

    /// The first bytes of a file.
    private func start(_ name: String, _ count: Int = 12) throws -> [UInt8] {
        Array(try Data(contentsOf: URL(fileURLWithPath: folder.file(name))).prefix(count))
    }

    @Test(arguments: ["mp4", "mov", "mkv", "webm"])
    func `a film with sound comes back from each container`(_ ending: String) throws {
        try Sample.film(folder.file("a.\(ending)"), count: 50, sound: true)

        let contents = try Contents(of: folder.file("a.\(ending)"))

        #expect(contents.frames.count == 50)
        let interval = contents.times.last! - contents.times.first!
        #expect(abs(interval - 49 * 40) <= 1)
        let last = try #require(contents.sound.last)
        let end = (last.presentationNanoseconds + last.durationNanoseconds) / 1_000_000
        #expect((1_950...2_150).contains(end), "sound until \(end) ms")
        #expect(folder.names == ["a.\(ending)"])
    }

    @Test func `each file is what its name says, in capitals too`() throws {
        for name in ["a.mp4", "a.MOV", "a.mkv", "a.webm", "a.gif"] { try Sample.film(folder.file(name)) }

        #expect(try start("a.mp4")[4...] == Array("ftypisom".utf8)[...])
        #expect(try start("a.MOV")[4...] == Array("ftypqt  ".utf8)[...])
        for name in ["a.mkv", "a.webm"] { #expect(try start(name, 4) == [0x1a, 0x45, 0xdf, 0xa3]) }
        #expect(try start("a.gif", 6) == Array("GIF89a".utf8))
    }

    @Test func `a gif has its frames and their times, and says that it has no sound`() throws {
        let writer = try VideoWriter(path: folder.file("a.gif"), options: Sample.fast)
        try Sample.tone(seconds: 1, into: writer)
        for i in 0..<25 {
            try writer.write(
                Sample.corners(), presentation: Int64(i) * 40 * Sample.millisecond,
                duration: 40 * Sample.millisecond)
        }
        try writer.finish()

        let contents = try Contents(of: folder.file("a.gif"))

        #expect(writer.takeWarnings() == ["\(folder.file("a.gif")): gif has no room for sound: it is left out"])
        #expect(contents.times == (0..<25).map { Double($0) * 40 })
        #expect(Sample.cornerNames(contents.pictures[24]) == ["red", "green", "blue", "white"])
        #expect(folder.names == ["a.gif"])
    }

    @Test func `every container says that its pictures are AI-generated, unless told not to`() throws {
        var plain = Sample.fast
        plain.labelsAIGenerated = false
        for name in ["a.mp4", "a.mov", "a.mkv", "a.webm", "a.gif", "a/"] {
            for (path, options) in [(folder.file(name), Sample.fast), (folder.file("plain-" + name), plain)] {
                let writer = try makeFrameWriter(path: path, options: options)
                try writer.write(Sample.frame(), presentation: 0, duration: 40 * Sample.millisecond)
                try writer.finish()
                let file = name == "a/" ? path + "000000.png" : path

                let bytes = try Data(contentsOf: URL(fileURLWithPath: file))

                let isLabelled = bytes.range(of: Data("AI-generated: the person".utf8)) != nil
                #expect(isLabelled == options.labelsAIGenerated, "\(path)")
                if name == "a/" { #expect(try ImageReader.read(file).array == Sample.frame().array) }
            }
        }
        #expect(try Contents(of: folder.file("a.gif")).frames.count == 1)
    }

    @Test(arguments: ["a", "a.avi", "a.mp4.bak", ".", "-"])
    func `a name that does not say what it is to be is an error`(_ name: String) {
        #expect(throws: MediaError.self) { try VideoWriter(path: folder.file(name)) }
        #expect(folder.names == [])
    }

    @Test func `a link stays, and the film that it leads to is replaced`() throws {
        _ = folder.write("old", "real.mp4")
        symlink("real.mp4", folder.file("link.mp4"))

        try Sample.film(folder.file("link.mp4"))

        #expect(try FileManager.default.destinationOfSymbolicLink(atPath: folder.file("link.mp4")) == "real.mp4")
        #expect(try Contents(of: folder.file("real.mp4")).frames.count == 10)
        #expect(folder.names == ["link.mp4", "real.mp4"])
    }

    @Test func `a second writer is refused by name while the first lives`() throws {
        let first = try VideoWriter(path: folder.file("a.mp4"), options: Sample.fast)
        symlink("a.mp4", folder.file("b.mp4"))

        do {
            _ = try VideoWriter(path: folder.file("b.mp4"))
            Issue.record("it was not refused")
        } catch { #expect("\(error)".contains(first.draftPath), "\(error)") }
    }

    @Test func `what an earlier run left is said and stays`() throws {
        var left = ""
        do {
            let killed = try VideoWriter(path: folder.file("a.mp4"), options: Sample.fast, owner: "1/film")
            for i in 0..<100 {
                try killed.write(
                    Sample.frame(), presentation: Int64(i) * 40 * Sample.millisecond,
                    duration: 40 * Sample.millisecond)
            }
            left = killed.draftPath
        }
        let before = try Data(contentsOf: URL(fileURLWithPath: left))

        let writer = try VideoWriter(path: folder.file("a.mp4"), options: Sample.fast, owner: "2/film")
        try writer.write(Sample.frame(), presentation: 0, duration: 40 * Sample.millisecond)
        try writer.finish()

        #expect(writer.takeWarnings().contains { $0.contains(left) })
        #expect(try Data(contentsOf: URL(fileURLWithPath: left)) == before)
    }

    /// What a program reads from a pipe until its end.
    private func reading(_ path: String) -> Thread {
        let copy = path + ".copy"
        let thread = Thread {
            guard let file = FileHandle(forReadingAtPath: path) else { return }
            try? file.readToEnd()?.write(to: URL(fileURLWithPath: copy + ".part"))
            rename(copy + ".part", copy)
        }
        thread.start()
        return thread
    }

    @Test(arguments: ["pipe", "pipe.mp4", "pipe.mkv", "pipe.webm"])
    func `a pipe gets the film as it is made, and stays a pipe`(_ name: String) throws {
        let path = folder.file(name)
        mkfifo(path, 0o600)
        let reader = reading(path)

        try Sample.film(path, count: 100, sound: true)
        while !reader.isFinished { usleep(1000) }

        var status = stat()
        stat(path, &status)
        #expect(status.st_mode & S_IFMT == S_IFIFO)
        let contents = try Contents(of: path + ".copy")
        #expect(contents.frames.count == 100)
        #expect(!contents.sound.isEmpty)
        #expect(folder.names == [name, name + ".copy"])
    }

    @Test func `a pipe that nobody reads is an error after a while, which says what to start`() {
        let path = folder.file("pipe.mp4")
        mkfifo(path, 0o600)

        do {
            _ = try VideoWriter(path: path, patience: 0.05)
            Issue.record("it was opened")
        } catch { #expect("\(error)".contains("no program has opened it"), "\(error)") }
    }

    @Test func `a disk is not written to`() throws {
        let path = folder.file("disk.mp4")
        // Needs root.
        guard mknod(path, S_IFBLK | 0o600, 7 << 8 | 99) == 0 else { return }

        #expect(throws: MediaError.self) { try VideoWriter(path: path) }
    }
}
