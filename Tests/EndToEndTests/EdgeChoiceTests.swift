import Foundation
import Testing

/// Edges over which only some frames go, over real processes.
@Suite(.serialized) struct EdgeChoiceTests {
    private func frames(_ tool: Tool, _ name: String = "list.txt") -> [Int] {
        let text = (try? String(contentsOfFile: tool.path(of: name), encoding: .utf8)) ?? ""
        return text.split(separator: "\n").compactMap { Int($0.prefix { $0 != " " }) }
    }

    private struct Stream: Decodable {
        struct Dropped: Decodable { let place, reason: String }
        let sink: String
        let frames_in, frames_out, frames_unaccounted: Int
        let dropped: [Dropped]
    }

    private func streams(_ outcome: Tool.Outcome) throws -> [Stream] {
        struct Summary: Decodable { let streams: [Stream] }
        return try JSONDecoder().decode(Summary.self, from: Data(outcome.output.utf8)).streams
    }

    @Test(arguments: [nil, "src", "stage", "sink"])
    func `every third frame goes over an edge, whatever is killed, and the others are in the ledger`(
        victim: String?
    ) throws {
        let tool = try Tool(
            "run",
            graph: """
                nodes:
                  src: { use: test-source, with: { count: 300, bytes: 500, numbered: true } }
                  stage: { use: test-stage, in: { data: { from: src.data, every: 3 } }, with: { work: 5 } }
                  sink: { use: test-sink, in: { data: stage.data }, with: { list: FOLDER/list.txt } }
                  all: { use: test-sink, in: { data: src.data }, with: { list: FOLDER/all.txt } }
                """, "--json")
        try tool.start()
        if let victim {
            #expect(tool.waitUntil { frames(tool).count > 20 })
            #expect(tool.kill(victim) != nil)
        }
        let outcome = tool.finish()

        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(frames(tool) == (0..<100).map { 3 * $0 })
        #expect(frames(tool, "all.txt") == Array(0..<300))
        let streams = try streams(outcome)
        let sink = try #require(streams.first { $0.sink == "sink" })
        #expect(sink.frames_in == 300 && sink.frames_out == 100 && sink.frames_unaccounted == 0)
        #expect(sink.dropped.map(\.reason) == ["left out by the edge's 'every' or 'rate'"])
        #expect(sink.dropped.map(\.place) == ["src.data → stage"])
    }

    @Test func `a number of each frame decides which way it goes, and the ways come together in order`() throws {
        let tool = try Tool(
            "run",
            graph: """
                nodes:
                  pictures: { use: pictures, with: { path: FOLDER/in, rate: 10 } }
                  clock: { use: timer, with: { count: 12, realtime: false } }
                  never: { use: timer, with: { count: 12, realtime: false } }
                  late:
                    use: scale
                    in: { frame: { from: pictures.frame, when: clock.tick } }
                    with: { width: 8 }
                  first:
                    use: scale
                    in: { frame: { from: pictures.frame, unless: clock.tick } }
                    with: { width: 8 }
                  both: { use: either, in: { when: clock.tick, frame: late.frame, otherwise: first.frame } }
                  list: { use: frame-list, in: { frame: both.frame }, with: { path: FOLDER/list.txt } }
                  rest: { use: frame-list, in: { frame: late.frame }, with: { path: FOLDER/rest.txt } }
                  drain: { use: record, in: { tick: never.tick }, with: { path: FOLDER/ticks.rec } }
                """, "--json")
        try FileManager.default.createDirectory(
            atPath: "\(tool.folder)/in", withIntermediateDirectories: false)
        for index in 0..<12 { try Pictures.write(UInt8(index), to: "\(tool.folder)/in/\(index).png") }
        let outcome = try tool.run()

        #expect(outcome.status == 0, "\(outcome.errors)")
        // The clock's first number is 0.
        #expect(frames(tool) == Array(0..<12))
        #expect(frames(tool, "rest.txt") == Array(1..<12))
        let streams = try streams(outcome)
        #expect(streams.allSatisfy { $0.frames_unaccounted == 0 }, "\(outcome.output)")
        let rest = try #require(streams.first { $0.sink == "rest" })
        #expect(rest.dropped.contains { $0.reason == "left out by the input's 'when' or 'unless'" })
    }

    /// A plugin whose input has a condition, and whose outputs go on in part.
    private static let plugin = """
        nodes:
          src: { use: test-source, with: { count: 240, bytes: 500, numbered: true, rate: 200 } }
          fork: { use: test-fork, in: { data: src.data } }
          plugin:
            use: passes
            in: { data: { from: fork.data, when: fork.even } }
            restart: { limit: 100, backoff: 1ms }
          third: { use: test-stage, in: { data: { from: plugin.data, every: 3 } } }
          sink: { use: test-sink, in: { data: third.data }, with: { list: FOLDER/list.txt } }
          tenth: { use: test-sink, in: { data: { from: plugin.data, rate: 10/s } }, with: { list: FOLDER/tenth.txt } }
          evens: { use: test-sink, in: { data: plugin.data }, with: { list: FOLDER/evens.txt } }
        """

    @Test(.enabled(if: Python.isComplete, "python3 with numpy is not here"), arguments: [false, true])
    func `a plugin on the node library knows conditions, and sends a part of its frames on`(
        isKilled: Bool
    ) throws {
        let folder = try Python.passing()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let tool = try Tool("run", graph: Self.plugin, "--json")
        tool.plugins = [folder]
        try tool.start()
        if isKilled {
            for count in [5, 20, 40] {
                #expect(tool.waitUntil { frames(tool, "evens.txt").count > count })
                #expect(tool.kill("plugin") != nil)
            }
        }
        let outcome = tool.finish()

        #expect(frames(tool, "evens.txt") == (0..<120).map { 2 * $0 })
        #expect(frames(tool) == (0..<40).map { 6 * $0 })
        #expect(frames(tool, "tenth.txt") == (0..<12).map { 20 * $0 })
        let streams = try streams(outcome)
        #expect(streams.allSatisfy { $0.frames_in == 240 })
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(streams.allSatisfy { $0.frames_unaccounted == 0 }, "\(outcome.output)")
        let evens = try #require(streams.first { $0.sink == "evens" })
        #expect(Set(evens.dropped.map(\.reason)) == ["left out by the input's 'when' or 'unless'"])
        let sink = try #require(streams.first { $0.sink == "sink" })
        #expect(sink.dropped.contains { $0.reason == "left out by the edge's 'every' or 'rate'" })
    }

    @Test(.enabled(if: Python.hasZMQ, "python3 with zmq and numpy is not here"))
    func `a program that speaks the protocol itself is refused where frames are chosen, and told why`()
        throws
    {
        let folder = try Python.plugin("plain")
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let tool = try Tool(
            "run",
            graph: """
                nodes:
                  camera: { use: camera, with: { device: "lavfi:testsrc=size=200x150:rate=25", frames: 12 } }
                  plugin: { use: plain, in: { frame: { from: camera.frame, keep: all } } }
                  list: { use: frame-list, in: { frame: { from: plugin.frame, every: 2 } }, with: { path: FOLDER/list.txt } }
                """)
        tool.plugins = [folder]
        let outcome = try tool.run()

        #expect(outcome.status == 3)
        #expect(
            outcome.errors.contains("node 'plugin' (plain) failed")
                && outcome.errors.contains("write it with libpersonalive-node, which knows them"),
            "\(outcome.errors)")
    }
}
