import Foundation
import Glibc
import Media
import Testing

/// What runs do to files that were there before them, and to each other's.
@Suite(.serialized) struct OutputTests {
    /// A camera that films a test picture, and a film of it.
    private static let film = """
        nodes:
          camera: { use: camera, with: { device: "lavfi:testsrc=size=64x48:rate=50" } }
          encoder:
            use: video-encoder
            in: { frame: { from: camera.frame, keep: all } }
            with: { path: FOLDER/film.mp4, preset: ultrafast }
        """

    private func graph(_ tool: Tool, _ path: String, _ frames: Int = 30) throws -> String {
        let file = "\(tool.folder)/other.yaml"
        try Self.film.replacing("FOLDER/film.mp4", with: path)
            .replacing("rate=50\"", with: "rate=50\", frames: \(frames)")
            .write(toFile: file, atomically: true, encoding: .utf8)
        return file
    }

    private func frames(in file: String) throws -> Int {
        let reader = try VideoReader(path: file)
        var count = 0
        while let item = try reader.next() { if case .frame = item { count += 1 } }
        return count
    }

    @Test func `a second run with the same film is refused by name, and the first goes on`() throws {
        let tool = try Tool("run", graph: Self.film, "--json")
        try tool.start()
        #expect(tool.waitForFile("film.mp4", bytes: 1000))
        symlink("film.mp4", "\(tool.folder)/link.mp4")

        let second = try tool.ask("run", graph(tool, "\(tool.folder)/link.mp4"))
        tool.process.interrupt()
        let first = tool.finish()

        #expect(second.status == 1)
        #expect(second.errors.contains("film.partial-"), "\(second.errors)")
        #expect(second.errors.contains("nothing was started"), "\(second.errors)")
        #expect(first.status == 130, "\(first.errors)")
        #expect(try frames(in: "\(tool.folder)/film.mp4") == first.number("frames_out"))
        #expect(tool.drafts == [])
    }

    @Test func `two runs that begin at once with one film never mix`() throws {
        let tool = try Tool("run", graph: Self.film, "--json")
        let other = try graph(tool, "\(tool.folder)/film.mp4", 100)
        let racer = Process()
        racer.executableURL = tool.program
        racer.arguments = ["run", "--quiet", other]
        racer.environment = tool.process.environment
        racer.standardOutput = FileHandle.nullDevice
        racer.standardError = FileHandle.nullDevice
        tool.process.arguments = ["run", "--quiet", other, "--name", "first"]

        try tool.start()
        try racer.run()
        let first = tool.finish()
        racer.waitUntilExit()

        let statuses = [first.status, racer.terminationStatus]
        #expect(statuses.contains(0), "\(statuses) \(first.errors)")
        #expect(try frames(in: "\(tool.folder)/film.mp4") == 100)
        #expect(tool.drafts == [])
    }

    @Test func `an encoder that is killed before its first keyframe leaves one film and no rubbish`() throws {
        let tool = try Tool("run", graph: "", "--json")
        tool.process.arguments = ["run", try graph(tool, "\(tool.folder)/film.mp4", 100), "--json"]
        try tool.start()
        #expect(tool.waitUntil { !tool.drafts.isEmpty && tool.nodes["encoder"] != nil })

        tool.kill("encoder")
        let outcome = tool.finish()

        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(try frames(in: "\(tool.folder)/film.mp4") == 100)
        #expect(tool.drafts == [])
    }

    @Test func `a run that is killed whole leaves a film that plays, and the next run names it`() throws {
        let tool = try Tool("run", graph: Self.film, "--json")
        try tool.start()
        #expect(tool.waitForFile("film.mp4", bytes: 60_000))
        // Stopped first, so that nobody sees the others go.
        let processes = Array(tool.nodes.values) + [tool.process.processIdentifier]
        for process in processes { kill(process, SIGSTOP) }
        for process in processes { kill(process, SIGKILL) }
        _ = tool.finish()
        let left = tool.path(of: "film.mp4")

        let next = try tool.ask("run", "--quiet", graph(tool, "\(tool.folder)/film.mp4"))

        #expect(next.status == 0, "\(next.errors)")
        #expect(next.errors.contains("\(left) of an earlier run is left there"), "\(next.errors)")
        #expect(try frames(in: left) > 0)
        #expect(try frames(in: "\(tool.folder)/film.mp4") == 30)
    }

    @Test func `a film is written through a link and into a pipe, and both stay`() throws {
        let tool = try Tool("run", graph: "")
        let (link, pipe) = ("\(tool.folder)/link.mp4", "\(tool.folder)/pipe")
        symlink("real.mp4", link)
        mkfifo(pipe, 0o600)

        let linked = try tool.ask("run", "--quiet", graph(tool, link))
        let reader = Thread {
            let film = FileHandle(forReadingAtPath: pipe).flatMap { try? $0.readToEnd() }
            try? film?.write(to: URL(fileURLWithPath: pipe + ".mp4"), options: .atomic)
        }
        reader.start()
        let piped = try tool.ask("run", "--quiet", graph(tool, pipe))

        #expect([linked.status, piped.status] == [0, 0], "\(linked.errors)\(piped.errors)")
        #expect(try FileManager.default.destinationOfSymbolicLink(atPath: link) == "real.mp4")
        #expect(try frames(in: "\(tool.folder)/real.mp4") == 30)
        #expect(tool.waitUntil { access(pipe + ".mp4", F_OK) == 0 })
        #expect(try frames(in: pipe + ".mp4") == 30)
        var status = stat()
        lstat(pipe, &status)
        #expect(status.st_mode & S_IFMT == S_IFIFO)
    }

    @Test func `Ctrl-C while a pipe waits for its reader is no failure`() throws {
        let tool = try Tool("run", graph: Self.film.replacing("film.mp4", with: "pipe.mp4"))
        mkfifo("\(tool.folder)/pipe.mp4", 0o600)
        try tool.start()
        #expect(tool.waitUntil { tool.nodes.count == 2 })

        tool.process.interrupt()
        let outcome = tool.finish()

        #expect(outcome.status == 130, "\(outcome.errors)")
    }

    @Test func `Ctrl-C at any time gives 130, and an old film stays until there is a new one`() throws {
        for step in 0..<12 {
            let tool = try Tool("run", graph: Self.film, "--quiet")
            try Data("old".utf8).write(to: URL(fileURLWithPath: "\(tool.folder)/film.mp4"))
            try tool.start()
            // The run's folder is there as soon as signals are caught.
            #expect(tool.waitUntil { !tool.traces.filter { $0.hasSuffix("control.sock") }.isEmpty })
            usleep(UInt32(step * 15_000))

            tool.process.interrupt()
            let outcome = tool.finish()

            #expect(outcome.status == 130, "after \(step * 15) ms: \(outcome.errors)")
            let film = try Data(contentsOf: URL(fileURLWithPath: "\(tool.folder)/film.mp4"))
            #expect(film == Data("old".utf8) || film.count > 100)
            #expect(tool.drafts == [])
        }
    }

    @Test func `an old film is not said to be what a failed run has made`() throws {
        let tool = try Tool(
            "run", graph: Self.film.replacing("\"lavfi:testsrc=size=64x48:rate=50\"", with: "/dev/nothing-here"))
        try Data("old".utf8).write(to: URL(fileURLWithPath: "\(tool.folder)/film.mp4"))

        let outcome = try tool.run()

        #expect(outcome.status == 3)
        #expect(!outcome.errors.contains("what was made before"), "\(outcome.errors)")
        #expect(tool.drafts == [])
    }

    @Test func `a node is not swapped for one that would write over an input or the graph`() throws {
        let tool = try Tool("run", graph: Self.film, "--json")
        try tool.start()
        #expect(tool.waitForFile("film.mp4", bytes: 1000))
        symlink("graph.yaml", "\(tool.folder)/graph.mp4")

        let swap = try tool.ask(
            "swap", "encoder=video-encoder", "--set", "path=\(tool.folder)/graph.mp4")
        let set = try tool.ask("swap", "encoder=video-encoder", "--set", "path=\(tool.folder)/next.avi")
        tool.process.interrupt()
        _ = tool.finish()

        #expect([swap.status, set.status] == [1, 1])
        #expect(swap.errors.contains("is the graph file itself"), "\(swap.errors)")
        #expect(set.errors.contains("ends in none of .mp4"), "\(set.errors)")
        #expect(tool.drafts == [])
    }

    @Test func `commands do not write over the graph that they read`() throws {
        let tool = try Tool("run", graph: Self.film)
        let graph = "\(tool.folder)/graph.yaml"
        let before = try Data(contentsOf: URL(fileURLWithPath: graph))
        symlink("graph.yaml", "\(tool.folder)/link.dot")

        let drawing = try tool.ask("graph", graph, "--output", "\(tool.folder)/link.dot")
        let pictures = try tool.ask("graph", graph, "--output", "\(tool.folder)/other.dot")

        #expect(drawing.status == 1)
        #expect(drawing.errors.contains("is the graph file itself"), "\(drawing.errors)")
        #expect(pictures.status == 0)
        #expect(try Data(contentsOf: URL(fileURLWithPath: graph)) == before)
    }
}
