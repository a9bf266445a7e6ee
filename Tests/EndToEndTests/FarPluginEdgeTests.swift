import Foundation
import Glibc
import Testing

/// Plugins whose neighbours are on other machines, as far as their edges go: TCP with keys.
@Suite(.serialized, .enabled(if: Python.hasZMQ, "python3 with zmq and numpy is not here"))
struct FarPluginEdgeTests {
    /// Reached as if they were others.
    private static let machines = """
        machines:
          local: { local: {}, address: 127.0.0.1 }
          other: { local: {}, address: 127.0.0.1 }
          third: { local: {}, address: 127.0.0.1 }

        """

    /// Frame and hash of each line.
    private func frames(_ tool: Tool) throws -> [Substring] {
        let text = try String(contentsOfFile: tool.path(of: "frames.txt"), encoding: .utf8)
        return text.split(separator: "\n").compactMap { line in
            line.lastIndex(of: " ").map { line[..<$0] }
        }
    }

    /// Its source waits: a camera would drop what a busy machine is too slow for.
    private func graph(first: String, second: String) -> String {
        Self.machines + """
            nodes:
              camera: { use: video-file, with: { path: Models/demo/driving.mp4, frames: 50 } }
              grey: { use: grayscale, machine: \(first), in: { frame: { from: camera.frame, keep: all } } }
              again: { use: grayscale, machine: \(second), in: { frame: grey.frame } }
              list: { use: frame-list, in: { frame: again.frame }, with: { path: FOLDER/frames.txt } }
            """
    }

    @Test func `plugins on two machines make the frames that they make on one`() throws {
        let one = try Tool("run", graph: graph(first: "local", second: "local"), "--json")
        let two = try Tool("run", graph: graph(first: "other", second: "third"), "--json")

        for tool in [one, two] {
            tool.plugins = [Python.plugins]
            let outcome = try tool.run()
            #expect(outcome.status == 0, "\(outcome.errors)")
            #expect(outcome.number("frames_out") == 50)
            #expect(outcome.number("frames_unaccounted") == 0)
            #expect(tool.traces.isEmpty, "\(tool.traces)")
        }

        #expect(try frames(one).count == 50)
        #expect(try frames(two) == frames(one))
    }

    @Test func `no frame is lost when the way to a plugin breaks, or it is slower than what comes`() throws {
        let plugin = try Python.passing()
        let outcome = try Tool(bench: [
            "links", "--only", "offline-reset", "--only", "live-pulled", "--seconds", "4",
            "--pull", "2", "--plugin", "/usr/bin/env python3 -m personalive \(plugin)/plugin.py",
        ]).run()

        #expect(outcome.status == 0, "\(outcome.output) \(outcome.errors)")
        #expect(outcome.output.contains("lost, doubled or other than on one machine: 0"))
        #expect(outcome.output.contains("frames unaccounted: 0"))
    }

    @Test func `a plugin takes a node's place, moves, and gives it back while the graph runs`() throws {
        let graph = Self.machines + """
            nodes:
              source: { use: test-source, with: { bytes: 100000, count: 100000, rate: 100, numbered: true } }
              stage: { use: test-stage, machine: other, in: { data: source.data } }
              sink: { use: test-sink, in: { data: stage.data }, with: { list: FOLDER/frames.txt } }
            """
        let tool = try Tool("run", graph: graph, "--json")
        tool.plugins = [try Python.passing()]
        try tool.start()
        #expect(tool.waitUntil { tool.runs })

        let changes = try [
            ["stage=passes"], ["stage", "--machine", "third"], ["stage", "--machine", "local"],
            ["stage", "--machine", "other"], ["stage=test-stage"],
        ].map { words in try tool.ask(["swap"] + words) }
        tool.process.interrupt()
        let outcome = tool.finish()

        #expect(changes.allSatisfy { $0.status == 0 }, "\(changes.map(\.errors))")
        #expect(outcome.status == 130, "\(outcome.errors)")
        #expect(outcome.number("frames_unaccounted") == 0)
        let numbers = try frames(tool).compactMap { $0.split(separator: " ").first }
        #expect(numbers.compactMap { Int($0) } == Array(0..<numbers.count))
        #expect(outcome.number("frames_in") == numbers.count)
        #expect(tool.traces.isEmpty, "\(tool.traces)")
    }

    @Test(arguments: [
        ("stamp().frame == 5 and 1 / 0", "plugin.py:8: ZeroDivisionError: division by zero"),
        ("data = data[None] if stamp().frame == 5 else data", "output 'data' was sent a tensor u8 [1, 1000]"),
    ])
    func `a plugin at fault is named`(change: String, words: String) throws {
        let graph = Self.machines + """
            nodes:
              source: { use: test-source, with: { bytes: 1000, count: 100, rate: 100 } }
              stage: { use: passes, machine: other, in: { data: source.data } }
              sink: { use: test-sink, in: { data: stage.data } }
            """
        let tool = try Tool("run", graph: graph)
        tool.plugins = [try Python.passing(change)]

        let outcome = try tool.run()

        #expect(outcome.status == 3)
        #expect(outcome.errors.contains("node 'stage' (passes) failed"), "\(outcome.errors)")
        #expect(outcome.errors.contains(words), "\(outcome.errors)")
        #expect(tool.nodes.isEmpty)
        #expect(tool.traces.isEmpty, "\(tool.traces)")
    }

    @Test func `a plugin that is killed in a live run comes back, and nothing outlives the supervisor`() throws {
        let graph = "mode: live\n" + Self.machines + """
            nodes:
              source: { use: test-source, with: { bytes: 50000, count: 100000, rate: 50 } }
              stage: { use: passes, machine: other, in: { data: source.data } }
              sink: { use: test-sink, in: { data: stage.data }, with: { list: FOLDER/frames.txt } }
            """
        let tool = try Tool("run", graph: graph)
        tool.plugins = [try Python.passing()]
        try tool.start()
        #expect(tool.waitForFile("frames.txt", bytes: 100))

        tool.kill("stage")
        #expect(tool.waitUntil { (try? tool.ask("status").output.contains("1 restarts")) ?? false })
        let size = try frames(tool).count
        #expect(tool.waitUntil { ((try? frames(tool).count) ?? 0) > size + 5 })
        kill(tool.process.processIdentifier, SIGKILL)
        _ = tool.finish()

        #expect(tool.waitUntil { tool.nodes.isEmpty })
        #expect(tool.waitUntil { tool.traces.isEmpty }, "\(tool.traces)")
    }

    @Test func `a program that speaks the protocol itself is refused, and told what to use`() throws {
        let graph = Self.machines + """
            nodes:
              source: { use: test-source, with: { bytes: 1000, count: 100 } }
              stage: { use: plain, machine: other, in: { data: source.data } }
              sink: { use: test-sink, in: { data: stage.data } }
            """
        let tool = try Tool("run", graph: graph)
        tool.plugins = [try Python.plugin("plain", inputs: Python.bytes, outputs: Python.bytes)]

        let outcome = try tool.run()

        #expect(outcome.status == 3)
        #expect(outcome.errors.contains("write it with libpersonalive-node"), "\(outcome.errors)")
        #expect(tool.nodes.isEmpty && tool.traces.isEmpty)
    }
}
