import Foundation
import Glibc
import Media
import Testing

/// Whole graphs as separate processes, started by the tool.
@Suite(.serialized) struct RunTests {
    private static let chain = """
        nodes:
          source: { use: test-source, with: { bytes: 200000, count: 50, rate: RATE } }
          stage: { use: test-stage, in: { data: source.data }, with: { work: 1 } }
          sink: { use: test-sink, in: { data: { from: stage.data, keep: KEEP } }, with: { work: WORK } }
        """

    private static func chain(rate: Int = 0, keep: String = "all", work: Int = 0) -> String {
        chain.replacing("RATE", with: "\(rate)").replacing("KEEP", with: keep)
            .replacing("WORK", with: "\(work)")
    }

    /// A camera that films a test picture, and a film of it.
    private static let film = """
        nodes:
          camera: { use: camera, with: { device: "lavfi:testsrc=size=64x48:rate=50" } }
          encoder:
            use: video-encoder
            in: { frame: { from: camera.frame, keep: all } }
            with: { path: FOLDER/film.mp4, preset: ultrafast }
        """

    private func frames(in file: String) throws -> Int {
        let reader = try VideoReader(path: file)
        var count = 0
        while let item = try reader.next() { if case .frame = item { count += 1 } }
        return count
    }

    @Test func `every frame of a chain arrives`() throws {
        let outcome = try Tool("run", graph: Self.chain(), "--json").run()

        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(outcome.number("frames_in") == 50)
        #expect(outcome.number("frames_out") == 50)
        #expect(outcome.number("frames_dropped") == 0)
    }

    @Test func `what a slow sink drops is accounted for, frame by frame`() throws {
        let outcome = try Tool("run", graph: Self.chain(rate: 200, keep: "newest", work: 30), "--json")
            .run()

        let arrived = try #require(outcome.number("frames_out"))
        let dropped = try #require(outcome.number("frames_dropped"))
        #expect(arrived + dropped == 50)
        #expect(dropped > 0)
        #expect(outcome.number("frames_unaccounted") == 0)
    }

    @Test func `each node is a process of its own, and nothing stays behind`() throws {
        let tool = try Tool("run", graph: Self.chain(rate: 20))
        try tool.start()
        let all = tool.waitUntil { tool.nodes.count == 3 }
        let names = tool.nodes.keys.sorted()

        let outcome = tool.finish()

        #expect(all)
        #expect(names == ["sink", "source", "stage"])
        #expect(outcome.status == 0)
        #expect(tool.nodes.isEmpty)
        #expect(tool.traces.isEmpty)
        let shared = (try? FileManager.default.contentsOfDirectory(atPath: "/dev/shm")) ?? []
        #expect(!shared.contains { $0.contains("personalive") })
    }

    @Test func `a node that throws ends the run with its name and its reason`() throws {
        let graph = Self.chain().replacing("work: 1 }", with: "fail-at: 7 }")

        let tool = try Tool("run", graph: graph)
        let outcome = try tool.run()

        #expect(outcome.status == 3)
        #expect(outcome.errors.contains("node 'stage' (test-stage) failed: told to fail at frame 7"))
        #expect(tool.nodes.isEmpty)
        #expect(tool.traces.isEmpty)
    }

    @Test func `a node that cannot start names what it lacks`() throws {
        let graph = """
            nodes:
              camera: { use: camera, with: { device: /dev/nothing-here } }
              encoder: { use: video-encoder, in: { frame: camera.frame }, with: { path: FOLDER/film.mp4 } }
            """

        let tool = try Tool("run", graph: graph)
        let outcome = try tool.run()

        #expect(outcome.status == 3)
        #expect(outcome.errors.contains("node 'camera' (camera) failed"))
        #expect(outcome.errors.contains("/dev/nothing-here"))
        #expect(!FileManager.default.fileExists(atPath: "\(tool.folder)/film.mp4"))
    }

    @Test func `Ctrl-C closes the film, and its frames are those that were taken`() throws {
        let tool = try Tool("run", graph: Self.film, "--json")
        try tool.start()
        #expect(tool.waitForFile("film.mp4", bytes: 1000))

        kill(tool.process.processIdentifier, SIGINT)
        let outcome = tool.finish()

        #expect(outcome.status == 130, "\(outcome.errors)")
        let taken = try #require(outcome.number("frames_out"))
        #expect(try frames(in: "\(tool.folder)/film.mp4") == taken)
        #expect(outcome.number("frames_unaccounted") == 0)
        #expect(tool.nodes.isEmpty)
        #expect(tool.traces.isEmpty)
    }

    @Test func `SIGTERM closes the film too`() throws {
        let tool = try Tool("run", graph: Self.film)
        try tool.start()
        #expect(tool.waitForFile("film.mp4", bytes: 1000))

        kill(tool.process.processIdentifier, SIGTERM)
        let outcome = tool.finish()

        #expect(outcome.status == 130, "\(outcome.errors)")
        #expect(try frames(in: "\(tool.folder)/film.mp4") > 0)
    }

    @Test func `a killed supervisor leaves a film that plays and nothing else`() throws {
        let tool = try Tool("run", graph: Self.film)
        try tool.start()
        #expect(tool.waitForFile("film.mp4", bytes: 1000))
        #expect(tool.nodes.count == 2)

        kill(tool.process.processIdentifier, SIGKILL)
        _ = tool.finish()

        #expect(tool.waitUntil { tool.nodes.isEmpty })
        #expect(tool.waitUntil { tool.traces.isEmpty }, "\(tool.traces)")
        #expect(try frames(in: "\(tool.folder)/film.mp4") > 0)
    }

    @Test func `a killed node ends the run by name, and the film so far plays`() throws {
        let tool = try Tool("run", graph: Self.film)
        try tool.start()
        #expect(tool.waitForFile("film.mp4", bytes: 1000))

        kill(try #require(tool.nodes["camera"]), SIGKILL)
        let outcome = tool.finish()

        #expect(outcome.status == 3)
        #expect(outcome.errors.contains("node 'camera' (camera) failed: signal 9 (SIGKILL)"))
        #expect(try frames(in: "\(tool.folder)/film.mp4") > 0)
        #expect(tool.nodes.isEmpty)
    }

    @Test func `a killed encoder leaves what it wrote, and it plays`() throws {
        let graph = Self.film.replacing("use: video-encoder", with: "use: video-encoder\n    restart: never")
        let tool = try Tool("run", graph: graph)
        try tool.start()
        #expect(tool.waitForFile("film.mp4", bytes: 60_000))

        kill(try #require(tool.nodes["encoder"]), SIGKILL)
        let outcome = tool.finish()

        #expect(outcome.status == 3)
        #expect(outcome.errors.contains("node 'encoder' (video-encoder) failed: signal 9"))
        let draft = tool.path(of: "film.mp4")
        #expect(draft.contains("film.partial-"))
        #expect(try frames(in: draft) > 0)
        #expect(outcome.errors.contains("what was made before that is in \(draft)"), "\(outcome.errors)")
        #expect(tool.drafts.count == 1, "\(tool.drafts)")
        #expect(!FileManager.default.fileExists(atPath: "\(tool.folder)/film.mp4"))
    }

    @Test func `a join of a long and a short stream ends with the short one`() throws {
        let graph = """
            nodes:
              long: { use: test-source, with: { bytes: 100000, count: 60 } }
              short: { use: test-source, with: { bytes: 100000, count: 7 } }
              join: { use: test-join, in: { a: long.data, b: short.data } }
            """

        let outcome = try Tool("run", graph: graph, "--json").run()

        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(outcome.number("frames_out") == 7)
        #expect(outcome.number("frames_unaccounted") == 0)
    }

    @Test func `large frames without a partner are dropped by name, and the run goes on`() throws {
        let graph = """
            nodes:
              source: { use: test-source, with: { bytes: 100000, count: 40, rate: 200 } }
              slow:
                use: test-stage
                in: { data: { from: source.data, keep: newest } }
                with: { work: 20 }
              join: { use: test-join, in: { a: source.data, b: slow.data } }
            """

        let outcome = try Tool("run", graph: graph, "--json").run()

        #expect(outcome.status == 0, "\(outcome.errors)")
        let (arrived, dropped) = (outcome.number("frames_out"), outcome.number("frames_dropped"))
        #expect((arrived ?? 0) > 0)
        #expect((arrived ?? 0) + (dropped ?? 0) == 40)
        #expect(outcome.number("frames_unaccounted") == 0)
    }
}
