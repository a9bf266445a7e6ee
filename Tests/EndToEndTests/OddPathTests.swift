import Foundation
import Glibc
import Testing

/// Graph files that are none: whatever a person may type where a file is meant.
@Suite(.timeLimit(.minutes(3))) struct OddPathTests {
    private static let paths = [
        ".", "..", "/", "", "a", "a/", "g", "./g", "g/", "./", "../", "~", "-", "pipe", "x.yaml",
        "loop",
        "empty", "socket",
    ]

    /// A folder with a graph of no sense, folders, a pipe, a socket, and a link to itself.
    private static func folder() throws -> String {
        let folder = "/tmp/pl-\(String(UInt32.random(in: 0 ... .max), radix: 36))"
        for name in ["a", "x.yaml"] {
            try FileManager.default.createDirectory(
                atPath: "\(folder)/\(name)", withIntermediateDirectories: true)
        }
        try Data("nodes:\n".utf8).write(to: URL(fileURLWithPath: "\(folder)/g"))
        try Data().write(to: URL(fileURLWithPath: "\(folder)/empty"))
        try #require(mkfifo("\(folder)/pipe", 0o600) == 0)
        try #require(mknod("\(folder)/socket", mode_t(S_IFSOCK) | 0o600, 0) == 0)
        try #require(symlink("loop", "\(folder)/loop") == 0)
        return folder
    }

    private func run(
        _ arguments: [String], in folder: String
    ) throws -> (status: Int32, reason: Process.TerminationReason, output: String) {
        let own = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        let process = Process(), pipe = Pipe()
        process.executableURL = URL(fileURLWithPath: own).deletingLastPathComponent()
            .appendingPathComponent("personalive")
        process.arguments = arguments
        process.currentDirectoryURL = URL(fileURLWithPath: folder)
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = pipe
        process.standardError = pipe
        try process.run()
        let data = pipe.fileHandleForReading.readAll()
        process.waitUntilExit()
        return (
            process.terminationStatus, process.terminationReason,
            String(decoding: data, as: UTF8.self)
        )
    }

    @Test(arguments: [
        ["check"], ["graph"], ["plan"], ["run"], ["doctor"], ["deploy", "--kubernetes", "out"],
    ])
    func `no path ends a command without a message`(command: [String]) throws {
        let folder = try Self.folder()
        defer { try? FileManager.default.removeItem(atPath: folder) }

        // One after the other: the message of a pipe takes its time.
        for path in Self.paths {
            let outcome = try run(command + [path], in: folder)

            #expect(outcome.reason == .exit, "\(command) '\(path)': \(outcome.output)")
            #expect([1, 2, 64].contains(outcome.status), "\(command) '\(path)': \(outcome.output)")
            #expect(
                outcome.output.contains("error") || outcome.output.contains("Error"),
                "\(command) '\(path)'")
        }
    }

    @Test func `a folder and a pipe without a writer are named as such`() throws {
        let folder = try Self.folder()
        defer { try? FileManager.default.removeItem(atPath: folder) }

        #expect(try run(["check", "."], in: folder).output.contains("it is a folder"))
        #expect(
            try run(["check", "pipe"], in: folder).output.contains(
                "it is a pipe that no program writes to"))
    }

    @Test func `a graph comes through a pipe, however slowly`() throws {
        let folder = try Self.folder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let writer = Thread {
            let descriptor = open("\(folder)/pipe", O_WRONLY)
            for byte in "nodes: {}\n".utf8 {
                _ = withUnsafeBytes(of: byte) { write(descriptor, $0.baseAddress, 1) }
                usleep(1000)
            }
            close(descriptor)
        }
        writer.start()

        let outcome = try run(["check", "pipe"], in: folder)

        #expect(outcome.output.hasPrefix("pipe:1:"), "\(outcome.output)")
    }

    @Test func `apply refuses what is no file, and the run goes on`() throws {
        let tool = try Tool(
            "run",
            graph: """
                nodes:
                  source: { use: test-source, with: { bytes: 64, count: 100000, rate: 20 } }
                  sink: { use: test-sink, in: { data: source.data }, with: { list: FOLDER/log.txt } }
                """)
        try tool.start()
        #expect(tool.waitForFile("log.txt", bytes: 1))
        #expect(mkfifo("\(tool.folder)/pipe", 0o600) == 0)

        for path in [".", "/", "", tool.folder, "\(tool.folder)/pipe"] {
            let outcome = try tool.ask("apply", path)
            #expect(outcome.status == 1, "'\(path)': \(outcome.output)")
            #expect(
                outcome.errors.contains("is no file that can be read"),
                "'\(path)': \(outcome.errors)")
        }
        let status = try tool.ask("status")
        tool.process.interrupt()
        let outcome = tool.finish()

        #expect(status.status == 0)
        #expect(outcome.status == 130, "\(outcome.errors)")
    }
}
