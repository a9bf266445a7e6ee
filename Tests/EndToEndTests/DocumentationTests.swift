import Foundation
import Testing

/// The pages, held to the tool; and what `make install` puts where.
@Suite struct DocumentationTests {
    private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().path

    /// The exit code of one of the repository's programs in Python, which prints what is wrong.
    private func check(_ program: String, _ arguments: String...) -> Int32? {
        Python.start(["\(Self.root)/\(program)"] + arguments)
    }

    /// The folder of the tool, which is built beside the test's own program.
    private func tools() throws -> String {
        try Tool(arguments: []).program.deletingLastPathComponent().path
    }

    @Test func `the reference is what the tool says of itself`() throws {
        #expect(
            check("docs/reference.py", "--check", "--tool", "\(try tools())/personalive") == 0,
            "'make reference' renews it")
    }

    @Test func `commands, settings, files and links on the pages are there`() throws {
        #expect(check("Tests/check_docs.py", "--tools", try tools()) == 0)
    }

    @Test(.enabled(if: Python.isComplete, "python3 with numpy is not here"))
    func `the tutorial's commands do what it says`() throws {
        #expect(check("Tests/run_tutorial.py", "--tools", try tools()) == 0)
    }

    @Test(.enabled(if: FileManager.default.isExecutableFile(atPath: "\(root)/.build/release")))
    func `what is installed runs from anywhere, and all of it can be taken out`() throws {
        let tool = try Tool(arguments: [])
        let (destination, place) = ("\(tool.folder)/packed", "\(tool.folder)/packed/opt/p")

        #expect(try make("install", destination) == 0)
        let page = try String(
            contentsOfFile: "\(place)/share/man/man1/personalive.1", encoding: .utf8)
        tool.process.executableURL = URL(fileURLWithPath: "\(place)/bin/personalive")
        tool.process.arguments = ["check", "\(place)/share/personalive/Graphs/tiny.yaml"]
        tool.process.currentDirectoryURL = URL(fileURLWithPath: tool.folder)
        let outcome = try tool.run()

        #expect(outcome.status == 0, "\(outcome.output) \(outcome.errors)")
        #expect(page.contains(".SS personalive swap"))
        #expect(try make("uninstall", destination) == 0)
        let left = try FileManager.default.subpathsOfDirectory(atPath: destination)
        #expect(left.filter { !isFolder("\(destination)/\($0)") } == [])
    }

    private func make(_ target: String, _ destination: String) throws -> Int32 {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments =
            ["make", "-s", "-C", Self.root, target, "DESTDIR=\(destination)", "PREFIX=/opt/p"]
        process.standardOutput = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        return process.terminationStatus
    }

    private func isFolder(_ path: String) -> Bool {
        var found: ObjCBool = false
        return FileManager.default.fileExists(atPath: path, isDirectory: &found) && found.boolValue
    }
}
