import Foundation
import Glibc
import Testing

/// Processes that end by accident while their graph runs.
@Suite(.serialized) struct RestartTests {
    private static let chain = """
        nodes:
          source: { use: test-source, with: { bytes: 50000, count: 80, rate: 60, numbered: true } }
          stage: { use: test-stage, RESTART in: { data: source.data }, with: { work: 2 } }
          sink: { use: test-sink, in: { data: stage.data }, with: { list: FOLDER/list.txt } }
        """

    private static func chain(restart: String = "") -> String {
        chain.replacing("RESTART", with: restart.isEmpty ? "" : "restart: \(restart),")
    }

    /// Number and hash of every frame that came to the sink, in order.
    private func frames(of tool: Tool) throws -> [Substring] {
        let text = try String(contentsOfFile: tool.path(of: "list.txt"), encoding: .utf8)
        return text.split(separator: "\n").map { $0[..<$0.lastIndex(of: " ")!] }
    }

    @Test func `a run whose processes are killed gives the frames of one that is left alone`() throws {
        let quiet = try Tool("run", graph: Self.chain())
        #expect(try quiet.run().status == 0)
        let undisturbed = try frames(of: quiet)

        let tool = try Tool("run", graph: Self.chain(), "--json")
        try tool.start()
        for name in ["stage", "source", "sink", "stage"] {
            let before = (try? frames(of: tool).count) ?? 0
            #expect(tool.waitUntil { ((try? frames(of: tool).count) ?? 0) > before + 5 })
            tool.kill(name)
        }
        let outcome = tool.finish()

        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(undisturbed.count == 80)
        #expect(try frames(of: tool) == undisturbed)
        #expect(outcome.number("frames_out") == 80)
        #expect(outcome.number("frames_unaccounted") == 0)
        #expect(tool.nodes.isEmpty)
        #expect(tool.traces.isEmpty)
    }

    @Test func `all processes killed at once go on where they were`() throws {
        let tool = try Tool("run", graph: Self.chain(), "--json")
        try tool.start()
        #expect(tool.waitUntil { ((try? frames(of: tool).count) ?? 0) > 10 })

        for name in ["source", "stage", "sink"] { tool.kill(name) }
        let outcome = tool.finish()

        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(try frames(of: tool).count == 80)
        #expect(Set(try frames(of: tool)).count == 80)
    }

    @Test func `a live node that gives up at a frame goes on after it`() throws {
        let graph = """
            mode: live
            nodes:
              source: { use: test-source, with: { bytes: 50000, count: 90, rate: 60, numbered: true } }
              stage: { use: test-stage, in: { data: source.data }, with: { fail-at: 30 } }
              sink: { use: test-sink, in: { data: stage.data }, with: { list: FOLDER/list.txt } }
            """

        let tool = try Tool("run", graph: graph, "--json")
        let outcome = try tool.run()

        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(outcome.number("frames_in") == 90)
        #expect(outcome.number("frames_unaccounted") == 0)
        let numbers = try frames(of: tool).compactMap { Int($0.prefix { $0 != " " }) }
        #expect(!numbers.contains(30))
        #expect(numbers.last == 89)
        #expect(outcome.errors.contains("told to fail at frame 30"), "\(outcome.errors)")
    }

    @Test func `a live camera that is killed sends as many frames as it was told to`() throws {
        let graph = """
            mode: live
            nodes:
              source: { use: camera, with: { device: "lavfi:testsrc=size=64x64:rate=100", frames: 150 } }
              list:
                use: frame-list
                in: { frame: { from: source.frame, keep: all } }
                with: { path: FOLDER/list.txt }
            """
        let tool = try Tool("run", graph: graph, "--json")
        try tool.start()
        #expect(tool.waitForFile("list.txt", bytes: 1000))

        tool.kill("source")
        let outcome = tool.finish()

        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(outcome.errors.contains("'source' (camera) ended: signal 9"), "\(outcome.errors)")
        #expect(outcome.number("frames_in") == 150)
        #expect(outcome.number("frames_out") == 150)
        #expect(try frames(of: tool).compactMap { Int($0.prefix { $0 != " " }) } == Array(0..<150))
    }

    @Test func `a live sink that cannot write is not started again, and says why`() throws {
        let graph = """
            mode: live
            nodes:
              source: { use: camera, with: { device: "lavfi:testsrc=size=64x64:rate=30" } }
              film: { use: video-encoder, in: { frame: source.frame }, with: { path: FOLDER/disk/film.mp4 } }
            """
        let tool = try Tool("run", graph: graph)
        let disk = "\(tool.folder)/disk"
        mkdir(disk, 0o755)
        // Needs root; without, there is nothing to test on.
        guard mount("tmpfs", disk, "tmpfs", 0, "size=4k") == 0 else { return }
        defer { umount(disk) }
        _ = FileManager.default.createFile(atPath: disk + "/full", contents: Data(count: 4096))

        let outcome = try tool.run()

        #expect(outcome.status == 3, "\(outcome.errors)")
        #expect(outcome.errors.contains("'film' (video-encoder) failed"), "\(outcome.errors)")
        #expect(outcome.errors.contains("No space left on device"), "\(outcome.errors)")
        #expect(!outcome.errors.contains("SIGKILL"), "\(outcome.errors)")
        #expect(!outcome.errors.contains("starting it again"), "\(outcome.errors)")
    }

    @Test func `a crash loop ends the run with the node and its last crash`() throws {
        let tool = try Tool("run", graph: Self.chain(restart: "{ limit: 2, backoff: 10ms }"))
        try tool.start()
        for _ in 0..<3 {
            #expect(tool.waitUntil { tool.nodes["stage"] != nil })
            let old = tool.kill("stage")
            #expect(tool.waitUntil { tool.nodes["stage"] != old })
        }
        let outcome = tool.finish()

        #expect(outcome.status == 3)
        #expect(outcome.errors.contains("node 'stage' (test-stage) failed: signal 9 (SIGKILL)"))
        #expect(outcome.errors.contains("it had been started again 2 times"))
    }

    @Test func `a node that is never to be restarted ends the run`() throws {
        let tool = try Tool("run", graph: Self.chain(restart: "never"))
        try tool.start()
        #expect(tool.waitUntil { ((try? frames(of: tool).count) ?? 0) > 5 })

        tool.kill("stage")
        let outcome = tool.finish()

        #expect(outcome.status == 3)
        #expect(outcome.errors.contains("node 'stage' (test-stage) failed: signal 9"))
    }

    @Test func `a stopped process is noticed and replaced`() throws {
        let tool = try Tool("run", graph: "mode: live\n" + Self.chain(), "--json")
        try tool.start()
        #expect(tool.waitUntil { ((try? frames(of: tool).count) ?? 0) > 5 })

        tool.kill("stage", SIGSTOP)
        let outcome = tool.finish()

        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(outcome.errors.contains("node 'stage' (test-stage) ended: it has not been heard of"))
        #expect(outcome.number("frames_unaccounted") == 0)
    }

    /// As a laptop's lid, a debugger or a terminal's Ctrl-Z does; who wakes first is chance.
    @Test(arguments: [0, 700_000] as [useconds_t])
    func `a live run that was stopped as a whole goes on with the same processes`(head: useconds_t) throws {
        let graph = "mode: live\n" + Self.chain().replacing("count: 80", with: "count: 100000")
        let tool = try Tool("run", graph: graph, "--json")
        try tool.start()
        #expect(tool.waitUntil { ((try? frames(of: tool).count) ?? 0) > 5 })
        let before = tool.nodes, supervisor = tool.process.processIdentifier

        for process in [supervisor] + before.values { Glibc.kill(process, SIGSTOP) }
        // Longer than a node may be silent.
        usleep(3_000_000)
        Glibc.kill(supervisor, SIGCONT)
        usleep(head)
        for process in before.values { Glibc.kill(process, SIGCONT) }
        let count = try frames(of: tool).count
        #expect(tool.waitUntil { ((try? frames(of: tool).count) ?? 0) > count + 20 })
        let after = tool.nodes
        tool.process.interrupt()
        let outcome = tool.finish()

        #expect(after == before)
        #expect(!outcome.errors.contains("starting it again"), "\(outcome.errors)")
        #expect(outcome.status == 130, "\(outcome.errors)")
    }
}
