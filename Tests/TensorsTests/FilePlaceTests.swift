import Foundation
import Glibc
import Tensors
import Testing

/// Files are told apart by what they are, not by what they are called.
@Suite struct FilePlaceTests {
    private let folder = TemporaryFolder()

    private func place(_ name: String) throws -> FilePlace { try FilePlace(folder.path(name)) }

    @Test func `links, hard links and linked folders lead to the same place`() throws {
        mkdir(folder.path("real"), 0o755)
        FileManager.default.createFile(atPath: folder.path("real/a"), contents: Data([1]))
        symlink("real", folder.path("linked"))
        symlink("real/a", folder.path("link"))
        link(folder.path("real/a"), folder.path("hard"))

        let names = ["linked/a", "link", "hard", "real/../real/./a", "real//a"]

        for name in names { #expect(try place(name) == place("real/a")) }
    }

    @Test func `so they do for a file that is not there yet`() throws {
        mkdir(folder.path("real"), 0o755)
        symlink("real", folder.path("linked"))
        symlink("real/new", folder.path("dangling"))

        #expect(try place("linked/new") == place("real/new"))
        #expect(try place("dangling") == place("real/new"))
        #expect(try place("real/other") != place("real/new"))
        #expect(try place("new") != place("real/new"))
    }

    @Test func `a link that leads to itself is an error, and so is a missing folder`() throws {
        symlink("loop", folder.path("loop"))

        #expect(throws: FilePlace.Fault.self) { try place("loop") }
        #expect(throws: FilePlace.Fault.noFolder(folder.path("no"))) { try place("no/a") }
    }

    @Test func `a pipe is one, and a process's own open file is another thing`() throws {
        mkfifo(folder.path("pipe"), 0o644)
        symlink("/dev/stdout", folder.path("out"))

        #expect(try place("pipe").kind == .pipe)
        #expect(try FilePlace("/dev/stdout").kind == .descriptor)
        #expect(try FilePlace("/dev/fd/1").kind == .descriptor)
        #expect(try FilePlace("/proc/self/fd/1").kind == .descriptor)
    }

    @Test func `a folder may hold pictures if it is new or empty`() throws {
        mkdir(folder.path("empty"), 0o755)
        mkdir(folder.path("full"), 0o755)
        FileManager.default.createFile(atPath: folder.path("full/.a"), contents: nil)

        #expect(try place("new/").folderObstacle == nil)
        #expect(try place("empty/").folderObstacle == nil)
        #expect(try place("full/").folderObstacle?.contains("new or empty") == true)
    }

    @Test func `where nothing may be written is found out`() throws {
        // Read-only even for root.
        #expect(try FilePlace("/proc/cpuinfo").obstacle != nil)
        guard geteuid() != 0 else { return }
        mkdir(folder.path("shut"), 0o555)

        #expect(try place("shut/a").obstacle?.contains("nothing may be written") == true)
    }
}
