import Foundation
import Glibc
import Testing
import Wire

@testable import Launch

/// Folders of runs in a place of their own.
@Suite final class RunFolderTests {
    private let parent = "/tmp/pl-folders-\(String(UInt32.random(in: 0 ... .max), radix: 36))"

    deinit { try? FileManager.default.removeItem(atPath: parent) }

    private var folders: Set<String> {
        Set((try? FileManager.default.contentsOfDirectory(atPath: parent)) ?? [])
    }

    /// A folder as another process made it, with its lock or without.
    private func make(_ name: String, holds: Bool) throws -> FileLock? {
        try PrivateFolder.make("\(parent)/\(name)")
        let lock = try FileLock(NodeConfiguration.nameFile(in: "\(parent)/\(name)"))
        return holds ? lock : nil
    }

    @Test(arguments: RunFolder.Owner.allCases)
    func `a folder lives as long as its lock is held`(owner: RunFolder.Owner) throws {
        var first: RunFolder? = try RunFolder(owner, in: parent)
        let path = try #require(first?.path)

        let second = try RunFolder(owner, in: parent)

        #expect(RunFolder.isAlive(path))
        #expect(folders.count == 2)
        first = nil
        #expect(!RunFolder.isAlive(path))
        let third = try RunFolder(owner, in: parent)
        #expect(
            folders
                == Set(
                    [second.path, third.path].map { URL(fileURLWithPath: $0).lastPathComponent }))
    }

    @Test func `what a folder's name says of a process means nothing`() throws {
        // A number that lives here may be nobody's elsewhere, and the other way round.
        let held = try make("run-2147483647-x", holds: true)
        _ = try make("run-\(getpid())-x", holds: false)
        _ = try make("agent-\(getpid())-x", holds: false)

        let new = try RunFolder(.trial, in: parent)

        withExtendedLifetime(held) {}
        #expect(folders == ["run-2147483647-x", URL(fileURLWithPath: new.path).lastPathComponent])
    }

    @Test func `what is not a run's is left alone`() throws {
        try PrivateFolder.make("\(parent)/logs")

        let new = try RunFolder(.supervisor, in: parent)

        #expect(folders == ["logs", URL(fileURLWithPath: new.path).lastPathComponent])
    }

    @Test func `a folder that others may enter is refused`() throws {
        try PrivateFolder.make(parent)
        chmod(parent, 0o755)

        #expect(throws: LaunchError.notOurs(folder: parent)) {
            try RunFolder(.supervisor, in: parent)
        }
    }

    @Test func `a run that is over is found so at once`() throws {
        let folder = try RunFolder(.trial, in: parent)
        let client = try RunClient(folder: folder.path)

        folder.remove()

        #expect(throws: RunClientError.over(folder: folder.path)) { try client.status(seconds: 20) }
    }
}
