import Foundation
import Glibc
import Media
import Tensors
import Testing

@Suite struct VideoWriterFailureTests {
    private let folder = TestFolder()

    private func complaint(_ body: () throws -> Void) -> String {
        do {
            try body()
            return "no error"
        } catch {
            return "\(error)"
        }
    }

    @Test func `no frame at all leaves nothing behind`() throws {
        let writer = try VideoWriter(path: folder.file("a.mp4"), options: Sample.fast)

        #expect(throws: MediaError.nothingToWrite(path: folder.file("a.mp4"))) {
            try writer.finish()
        }
        #expect(folder.names == [])
    }

    @Test func `a missing folder is named before any work is done`() {
        let path = folder.file("no/a.mp4")

        #expect(
            complaint { _ = try VideoWriter(path: path) }
                == "\(path) cannot be written: there is no folder \(folder.file("no"))")
    }

    @Test func `a folder in the film's place is an error`() {
        #expect(
            complaint { _ = try VideoWriter(path: folder.path) }
                == "\(folder.path) cannot be written: it is a folder")
    }

    @Test(.enabled(if: FileManager.default.fileExists(atPath: "/proc/self")))
    func `a place where nobody may write is an error`() {
        // Read-only even for root.
        let message = complaint { _ = try VideoWriter(path: "/proc/self/a.mp4") }

        #expect(message.hasPrefix("/proc/self/a.mp4 cannot be written: "))
    }

    @Test func `a film that was not finished can be played`() throws {
        let path = folder.write("the old film", "a.mp4")
        var options = Sample.fast
        options.tune = "zerolatency"
        do {
            let writer = try VideoWriter(path: path, options: options)
            try Sample.tone(seconds: 8, into: writer)
            for i in 0..<200 {
                try writer.write(
                    Sample.frame(red: UInt8(i)), presentation: Int64(i) * 40 * Sample.millisecond,
                    duration: 40 * Sample.millisecond)
            }
            // Here the process is killed: a copy is what the disk has.
            try FileManager.default.copyItem(
                atPath: writer.draftPath, toPath: folder.file("killed.mp4"))
        }

        let contents = try Contents(of: folder.file("killed.mp4"))

        #expect(contents.frames.count > 150)
        #expect(contents.times == (0..<contents.frames.count).map { Double($0) * 40 })
        #expect(contents.sound.count > 200)
        #expect(try String(contentsOfFile: path, encoding: .utf8) == "the old film")
    }

    @Test func `a disk that was full from the start keeps nothing`() throws {
        let disk = folder.file("disk")
        mkdir(disk, 0o755)
        // One page holds the folder's names and nothing else. Needs root.
        guard mount("tmpfs", disk, "tmpfs", 0, "size=4k") == 0 else { return }
        defer { umount(disk) }
        _ = FileManager.default.createFile(atPath: disk + "/full", contents: Data(count: 4096))
        let path = disk + "/a.mp4"
        let writer = try VideoWriter(path: path, options: Sample.fast)

        let message = complaint {
            for i in 0..<100 {
                try writer.write(
                    Sample.noise(i), presentation: Int64(i) * 40 * Sample.millisecond,
                    duration: 40 * Sample.millisecond)
            }
            try writer.finish()
        }

        #expect(message == "\(path) cannot be written: No space left on device")
        #expect(try FileManager.default.contentsOfDirectory(atPath: disk) == ["full"])
    }

    @Test func `a full disk leaves a film that can be played, and says where`() throws {
        let disk = folder.file("disk")
        mkdir(disk, 0o755)
        // Needs root; without, there is nothing to test on.
        guard mount("tmpfs", disk, "tmpfs", 0, "size=256k") == 0 else { return }
        defer { umount(disk) }
        let path = disk + "/a.mp4"
        let writer = try VideoWriter(path: path, options: Sample.fast)
        let partial = writer.draftPath

        let message = complaint {
            for i in 0..<400 {
                try writer.write(
                    Sample.noise(i), presentation: Int64(i) * 40 * Sample.millisecond,
                    duration: 40 * Sample.millisecond)
            }
            try writer.finish()
        }

        #expect(
            message == "\(path) cannot be written: No space left on device; what was written so "
                + "far is in \(partial) and can be played")
        #expect(complaint { try writer.finish() } == message)
        #expect(try Contents(of: partial).frames.count > 3)
    }

    /// Half a second of noise.
    private func writeNoise(_ path: String) throws {
        let writer = try VideoWriter(path: path, options: Sample.fast)
        for i in 0..<13 {
            try writer.write(
                Sample.noise(i), presentation: Int64(i) * 40 * Sample.millisecond,
                duration: 40 * Sample.millisecond)
        }
        try writer.finish()
    }

    @Test func `a disk without room for the finished film keeps the partial one`() throws {
        try writeNoise(folder.file("size.mp4"))
        let size = try Data(contentsOf: URL(fileURLWithPath: folder.file("size.mp4"))).count
        let disk = folder.file("disk")
        mkdir(disk, 0o755)
        guard mount("tmpfs", disk, "tmpfs", 0, "size=\(size * 3 / 2)") == 0 else { return }
        defer { umount(disk) }

        let message = complaint { try writeNoise(disk + "/a.mp4") }

        #expect(message.contains("a.mp4 cannot be written: No space left on device; what was"))
        let left = try FileManager.default.contentsOfDirectory(atPath: disk)
        #expect(left.count == 1)
        #expect(left[0].hasPrefix("a.partial-"))
        #expect(try Contents(of: disk + "/" + left[0]).frames.count == 13)
    }
}
