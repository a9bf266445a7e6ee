import Foundation
import Testing

/// Every frame of a live graph is delivered, or dropped where its edge and the reason are said,
/// whatever happens to the processes.
@Suite(.serialized) struct LedgerTests {
    /// A source that is far faster than the stage behind it.
    private static let dropping = """
        mode: live
        nodes:
          src: { use: test-source, with: { rate: 60, count: 300, bytes: 1000, numbered: true } }
          stage: { use: test-stage, in: { data: src.data }, with: { work: 40 } }
          sink: { use: test-sink, in: { data: stage.data }, with: { list: FOLDER/list.txt } }
        """

    private struct Summary: Decodable {
        struct Stream: Decodable {
            struct Dropped: Decodable { let place, reason: String, frames: [[UInt64]] }
            let sources: [String], sink: String
            let frames_in, frames_out, frames_dropped, frames_unaccounted, frames_late: Int
            let dropped: [Dropped]
        }
        let streams: [Stream]
    }

    private func streams(_ outcome: Tool.Outcome) throws -> [Summary.Stream] {
        try JSONDecoder().decode(Summary.self, from: Data(outcome.output.utf8)).streams
    }

    private func lines(_ tool: Tool, _ name: String = "list.txt") -> [Substring] {
        ((try? String(contentsOfFile: tool.path(of: name), encoding: .utf8)) ?? "").split(
            separator: "\n")
    }

    @Test(arguments: ["src", "stage", "sink"])
    func `a node that is killed beside an edge that drops costs the balance no frame`(
        node: String
    ) throws {
        let tool = try Tool("run", graph: Self.dropping, "--json")
        try tool.start()
        for count in [20, 40] {
            #expect(tool.waitUntil { lines(tool).count > count })
            tool.kill(node)
        }
        let outcome = tool.finish()

        #expect(outcome.status == 0, "\(outcome.errors)")
        let stream = try streams(outcome)[0]
        #expect(stream.frames_in == 300)
        #expect(stream.frames_out == lines(tool).count)
        #expect(stream.frames_in == stream.frames_out + stream.frames_dropped)
        #expect(stream.frames_unaccounted == 0)
        // What the list has and what is said to be dropped are all frames, and share none.
        let shown = Set(lines(tool).compactMap { UInt64($0.prefix { $0 != " " }) })
        let dropped = Set(stream.dropped.flatMap { $0.frames.flatMap { Array($0[0]...$0[1]) } })
        #expect(shown.isDisjoint(with: dropped))
        #expect(shown.union(dropped) == Set(0..<300))
        // Two processes may take a few frames along, and no more.
        let along = stream.dropped.filter {
            $0.reason.hasPrefix("under way when") || $0.reason.hasPrefix("in its process")
        }.flatMap(\.frames).reduce(0) { $0 + Int($1[1] - $1[0]) + 1 }
        #expect(along <= 12)
    }

    private static let forked = """
        nodes:
          src: { use: test-source, with: { count: 20, bytes: 1000 } }
          fork: { use: KIND, in: { data: src.data } }
          all: { use: test-sink, in: { data: fork.data } }
          half: { use: test-sink, in: { data: fork.half } }
        """

    /// A fork in Python, whose second output gets the even frames only.
    private func pythonFork() throws -> String {
        let bytes = "{ type: u8, axes: bytes, meaning: bytes }"
        return try Python.node(
            "python-fork", inputs: "data: \(bytes)", outputs: "{ data: \(bytes), half: \(bytes) }",
            """
            @node
            def fork(data):
                return {"data": data} if stamp().frame % 2 else {"data": data, "half": data}
            """)
    }

    @Test(arguments: ["test-fork"] + (Python.isComplete ? ["python-fork"] : []))
    func `frames for which one of two outputs is given nothing are dropped there`(
        kind: String
    ) throws {
        let tool = try Tool("run", graph: Self.forked.replacing("KIND", with: kind), "--json")
        let folder = kind == "python-fork" ? try pythonFork() : nil
        defer { if let folder { try? FileManager.default.removeItem(atPath: folder) } }
        tool.plugins = [folder].compactMap { $0 }

        let outcome = try tool.run()

        #expect(outcome.status == 0, "\(outcome.errors)")
        let streams = try streams(outcome)
        #expect(streams.map(\.sink) == ["all", "half"])
        #expect(streams.map(\.frames_out) == [20, 10])
        #expect(streams.map(\.frames_unaccounted) == [0, 0])
        #expect(streams[0].dropped.isEmpty)
        #expect(streams[1].dropped.map(\.place) == ["fork"])
        #expect(streams[1].dropped.map(\.reason) == ["it gave no 'half' for them"])
    }

    @Test func `nodes that are swapped beside an edge that drops cost the balance no frame`() throws
    {
        let tool = try Tool("run", graph: Self.dropping, "--name", "swapped", "--json")
        try tool.start()
        for count in [10, 25, 40, 55] {
            #expect(tool.waitUntil { lines(tool).count > count })
            let swap = try tool.ask("swap", "swapped", "stage=test-stage", "--set", "work=40")
            #expect(swap.status == 0, "\(swap.errors)")
        }
        let outcome = tool.finish()

        #expect(outcome.status == 0, "\(outcome.errors)")
        let stream = try streams(outcome)[0]
        #expect(stream.frames_in == 300 && stream.frames_out == lines(tool).count)
        #expect(stream.frames_unaccounted == 0)
    }

    @Test func `the count of drops never goes back`() throws {
        let tool = try Tool("run", graph: Self.dropping, "--name", "counting", "--json")
        try tool.start()
        func dropped() -> Int {
            let text = (try? tool.ask("status", "counting", "--json").output) ?? ""
            let counts = text.matches(of: #/"dropped_count"\s*:\s*(\d+)/#).compactMap { Int($0.1) }
            return counts.reduce(0, +)
        }
        #expect(tool.waitUntil { dropped() > 30 })
        let before = dropped()

        tool.kill("src")
        #expect(tool.waitUntil { tool.nodes["src"] != nil })
        var after: [Int] = []
        #expect(
            tool.waitUntil {
                after.append(dropped()); return after.last! > before + 10
            })
        let outcome = tool.finish()

        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(after.filter { $0 > 0 }.allSatisfy { $0 >= before }, "\(before) and then \(after)")
    }

    @Test func `two streams of one graph have a balance each`() throws {
        let tool = try Tool(
            "run",
            graph: """
                mode: live
                nodes:
                  src1: { use: test-source, with: { count: 60, bytes: 10, rate: 60 } }
                  sink1: { use: test-sink, in: { data: src1.data }, with: { work: 50 } }
                  src2: { use: test-source, with: { count: 50, bytes: 10, rate: 50 } }
                  sink2: { use: test-sink, in: { data: src2.data } }
                """, "--json")

        let outcome = try tool.run()

        #expect(outcome.status == 0, "\(outcome.errors)")
        let streams = try streams(outcome)
        #expect(
            Set(streams.map { "\($0.sources.joined()) \($0.sink) \($0.frames_in)" })
                == ["src1 sink1 60", "src2 sink2 50"])
        #expect(streams.allSatisfy { $0.frames_unaccounted == 0 })
        #expect(streams.allSatisfy { $0.frames_in == $0.frames_out + $0.frames_dropped })
    }

    @Test func `two edges between the same nodes are counted apart, over a kill`() throws {
        let tool = try Tool(
            "run",
            graph: """
                mode: live
                nodes:
                  src: { use: test-source, with: { count: 200, bytes: 10, rate: 100 } }
                  join:
                    use: test-join
                    in:
                      a: { from: src.data, keep: all }
                      b: { from: src.data, keep: newest }
                """, "--name", "twins", "--json")
        try tool.start()
        func sent() -> [Int] {
            let text = (try? tool.ask("status", "twins", "--json").output) ?? ""
            return text.matches(of: #/"sent"\s*:\s*(\d+)/#).compactMap { Int($0.1) }
        }
        #expect(tool.waitUntil { sent().count == 2 && sent().allSatisfy { $0 > 30 } })
        tool.kill("src")
        var counts: [Int] = []
        #expect(
            tool.waitUntil {
                counts = sent()
                return counts.count == 2 && counts.allSatisfy { $0 > 100 }
            })
        let outcome = tool.finish()

        #expect(outcome.status == 0, "\(outcome.errors)")
        try #require(counts.count == 2)
        #expect(abs(counts[0] - counts[1]) < 60, "\(counts)")
        #expect(try streams(outcome)[0].frames_unaccounted == 0)
    }

    @Test func `frames older than the latency budget are dropped where edges drop, and counted`()
        throws
    {
        let tool = try Tool(
            "run",
            graph: """
                mode: live
                latency_budget: 60ms
                nodes:
                  src: { use: test-source, with: { count: 60, bytes: 10, rate: 30 } }
                  slow: { use: test-stage, in: { data: src.data }, with: { work: 70 } }
                  sink: { use: test-sink, in: { data: { from: slow.data, keep: newest } } }
                  all: { use: test-sink, in: { data: { from: slow.data, keep: all } } }
                """, "--json", "--ignore-budget")

        let outcome = try tool.run()

        #expect(outcome.status == 0, "\(outcome.errors)")
        let streams = try streams(outcome)
        let (sink, all) = (streams.first { $0.sink == "sink" }, streams.first { $0.sink == "all" })
        // Everything is older than the budget behind the slow stage.
        #expect(sink?.frames_out == 0)
        #expect(sink?.dropped.contains { $0.reason.contains("latency budget") } ?? false)
        #expect(all?.frames_late == all?.frames_out && all?.frames_out ?? 0 > 10)
        #expect(streams.allSatisfy { $0.frames_unaccounted == 0 })
    }

    @Test
    func `a flush drops what is under way and counts it, also when its source is killed then`()
        throws
    {
        let tool = try Tool(
            "run",
            graph: """
                nodes:
                  src: { use: test-source, with: { count: 200, bytes: 10 } }
                  slow: { use: test-stage, in: { data: { from: src.data, window: 8 } }, with: { work: 10 } }
                  sink: { use: test-sink, in: { data: slow.data }, with: { list: FOLDER/list.txt } }
                """, "--name", "flushed", "--json")
        try tool.start()
        #expect(tool.waitUntil { lines(tool).count > 20 })

        let flushed = try tool.ask("flush", "flushed")
        tool.kill("src")
        let again = lines(tool).count
        #expect(tool.waitUntil { lines(tool).count > again + 20 })
        let second = try tool.ask("flush")
        let outcome = tool.finish()

        #expect([flushed.status, second.status, outcome.status] == [0, 0, 0], "\(outcome.errors)")
        #expect(flushed.output.contains("epoch 1 begins"), "\(flushed.output)")
        #expect(second.output.contains("epoch 2 begins"), "\(second.output)")
        let stream = try streams(outcome)[0]
        #expect(stream.frames_in == 200)
        #expect(stream.frames_out == lines(tool).count)
        #expect(stream.dropped.allSatisfy { $0.reason == "flushed" })
        #expect((5...60).contains(stream.frames_dropped), "\(stream.frames_dropped)")
        #expect(stream.frames_unaccounted == 0)
    }
}
