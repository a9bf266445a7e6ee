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
}
