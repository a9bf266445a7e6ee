import Foundation
import Glibc
import Testing

/// A studio with a run of a graph, ready to be asked.
final class StudioProcess {
    /// Pictures without a model: a test source that a viewer ends.
    static let graph = """
        # A test picture.
        settings:
          rate: 25
          portrait: FOLDER/me.png

        mode: live

        nodes:
          portrait: { use: image-file, with: { path: "${portrait}" } }
          source:
            use: camera
            with: { device: "lavfi:testsrc=size=320x240:rate=${rate}" }
          row: { use: side-by-side, in: { portrait: portrait.image, driver: source.frame, result: source.frame } }
          shown: { use: viewer, in: { frame: row.frame } }

        """

    static let repository = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().path

    /// A browser's camera that comes back as it is.
    static let echo = """
        # The browser's camera, and nothing else.
        settings:
          portrait: FOLDER/me.png

        mode: live

        nodes:
          portrait: { use: image-file, with: { path: "${portrait}" } }
          camera: { use: browser-camera }
          row: { use: side-by-side, in: { portrait: portrait.image, driver: camera.frame, result: camera.frame } }
          shown: { use: viewer, in: { frame: row.frame } }

        """

    let tool: Tool
    /// For control, as the studio printed it.
    let address: String
    let port: Int
    let control, view: String

    /// - Parameters:
    ///   - graph: its text, in which `FOLDER` stands for the test's folder.
    ///   - prepare: called with the folder's files there, before the studio begins.
    init(
        _ arguments: String..., graph: String = StudioProcess.graph,
        prepare: (Tool) throws -> Void = { _ in }
    ) throws {
        tool = try Tool("studio", graph: graph, "--port", "0")
        tool.process.arguments! += arguments
        try FileManager.default.copyItem(
            atPath: "\(Self.repository)/Models/demo/portrait.png", toPath: "\(tool.folder)/me.png")
        tool.process.currentDirectoryURL = URL(fileURLWithPath: tool.folder)
        try prepare(tool)
        try tool.start()
        let tool = tool
        #expect(tool.waitUntil { tool.printed.contains("look on:") || !tool.process.isRunning })
        let lines = tool.printed.split(separator: "\n").map(String.init)
        let addresses = lines.compactMap { $0.split(separator: " ").last.map(String.init) }
        try #require(addresses.count == 2, "\(tool.errorsSoFar)")
        address = addresses[0]
        port = try #require(URL(string: address)?.port)
        let tokens = addresses.map {
            ($0.components(separatedBy: "#t=").last ?? "").components(separatedBy: "&")[0]
        }
        (control, view) = (tokens[0], tokens[1])
        let own = port
        #expect(tool.waitUntil { (try? Self.curl(["http://127.0.0.1:\(own)/"]).status) == 200 })
    }

    func ask(_ path: String, _ arguments: String..., token: String? = nil) throws -> (
        status: Int, body: String
    ) {
        try Self.curl(
            ["-H", "Authorization: Bearer \(token ?? control)"] + arguments
                + ["http://127.0.0.1:\(port)/api/v1\(path)"])
    }

    func status() throws -> [String: Any] {
        let body = try ask("/runs/-").body
        let object = try JSONSerialization.jsonObject(with: Data(body.utf8))
        return object as? [String: Any] ?? [:]
    }

    /// Waits until pictures reach the sink.
    func waitForPictures() {
        #expect(tool.waitUntil { ((try? status()["frames_out"] as? Int) ?? 0) > 10 })
    }

    @discardableResult
    func stop() -> Tool.Outcome {
        kill(tool.process.processIdentifier, SIGINT)
        return tool.finish()
    }

    // MARK: Other programs

    /// The process that serves.
    func server() throws -> Int32 {
        try #require(Tool.children(of: tool.process.processIdentifier)["studio"])
    }

    /// What one of the scripts prints that drive the page in a browser.
    func drive(_ script: String, _ arguments: String...) throws -> [String: Any] {
        let (status, output) = try Self.run(
            Self.bounded + ["\(Self.repository)/Tests/\(script)", address] + arguments)
        #expect(status == 0)
        let seen = try JSONSerialization.jsonObject(with: Data(output.utf8)) as? [String: Any] ?? [:]
        #expect(seen["failed"] == nil, "\(seen)")
        return seen
    }

    /// Python for a script that drives a browser, which may hang: the script's group is ended then.
    static let bounded = ["timeout", "-k", "10", "600", "python3"]

    /// What curl gets: the status and the body.
    static func curl(_ arguments: [String]) throws -> (status: Int, body: String) {
        let text = try run(["curl", "-s", "-m", "60", "-w", "\n%{http_code}"] + arguments).output
        var lines = text.components(separatedBy: "\n")
        let status = Int(lines.removeLast()) ?? 0
        return (status, lines.joined(separator: "\n"))
    }

    /// Runs a program to its end.
    ///
    /// - Parameter environment: what it gets besides the test's own.
    static func run(
        _ arguments: [String], in folder: String? = nil, environment: [String: String] = [:],
        withErrors: Bool = false
    ) throws -> (status: Int32, output: String) {
        let process = Process(), output = Pipe()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        if let folder { process.currentDirectoryURL = URL(fileURLWithPath: folder) }
        process.standardOutput = output
        process.standardError = withErrors ? output : FileHandle.standardError
        try process.run()
        let text = String(decoding: output.fileHandleForReading.readAll(), as: UTF8.self)
        process.waitUntilExit()
        return (process.terminationStatus, text)
    }
}
