import Foundation
import Testing

/// Settings that change between two ticks, without another process.
@Suite(.serialized) struct LiveSettingTests {
    private static let graph = """
        settings: { add: 0 }
        nodes:
          source: { use: test-source, with: { bytes: 5000, count: 1000000, rate: 100 } }
          first: { use: test-stage, in: { data: source.data }, with: { add: "${add}" } }
          second: { use: test-stage, in: { data: first.data } }
          sink: { use: test-sink, in: { data: second.data }, with: { list: FOLDER/list.txt } }
        """

    /// A frame that came to the sink, and the hash of its bytes.
    private typealias Arrival = (frame: Int, hash: Substring)

    private func arrivals(of tool: Tool) -> [Arrival] {
        let text = (try? String(contentsOfFile: tool.path(of: "list.txt"), encoding: .utf8)) ?? ""
        guard let end = text.lastIndex(of: "\n") else { return [] }
        // The last line may be half written.
        return text[...end].split(separator: "\n").compactMap { line in
            let words = line.split(separator: " ")
            return words.count < 2 ? nil : Int(words[0]).map { ($0, words[1]) }
        }
    }

    /// The frame that an answer names.
    private func frame(in answer: Tool.Outcome) -> Int? {
        answer.output.firstMatch(of: /from frame ([0-9]+) on/).flatMap { Int($0.1) }
    }

    /// Frames from which on the bytes are others than before.
    private func changes(in arrivals: [Arrival]) -> [Int] {
        zip(arrivals, arrivals.dropFirst()).filter { $0.hash != $1.hash }.map(\.1.frame)
    }

    private func waitForMore(_ tool: Tool) {
        let reached = arrivals(of: tool).count
        #expect(tool.waitUntil { arrivals(of: tool).count > reached + 5 })
    }

    /// Asks for changes of a run that goes on, and ends it: every frame has to be there.
    private func change(_ body: (Tool) throws -> Void) throws -> [Arrival] {
        let tool = try Tool("run", graph: Self.graph, "--json")
        try tool.start()
        waitForMore(tool)

        try body(tool)

        waitForMore(tool)
        tool.process.interrupt()
        let outcome = tool.finish()
        #expect(outcome.status == 130, "\(outcome.errors)")
        let arrived = arrivals(of: tool)
        #expect(arrived.map(\.frame) == Array(0..<arrived.count))
        #expect(outcome.number("frames_in") == arrived.count)
        return arrived
    }

    @Test func `a live setting holds from the frame that the answer names, in the same process`() throws {
        var named: [Int] = []
        let arrived = try change { tool in
            let before = tool.nodes
            let dry = try tool.ask("set", "first.add=3", "--dry-run")
            let done = try tool.ask("set", "first.add=3")
            waitForMore(tool)
            let again = try tool.ask("set", "add=4", "second.add=1")
            let named1 = try #require(frame(in: done), "\(done.output)\(done.errors)")
            named = [named1]
            let status = try tool.ask("status")

            #expect([dry, done, again].map(\.status) == [0, 0, 0], "\(again.errors)")
            #expect(dry.errors.contains("'first': add 3 instead of 0 (live)"), "\(dry.errors)")
            #expect(tool.nodes == before)
            // What was set on the node itself goes before what the graph's setting says.
            #expect(again.errors.contains("'second': add 1 instead of 0 (live)"), "\(again.errors)")
            #expect(!again.errors.contains("'first'"), "\(again.errors)")
            #expect(status.output.contains("; add 3"), "\(status.output)")
            named.append(try #require(frame(in: again), "\(again.output)"))
        }
        #expect(changes(in: arrived) == named)
    }

    @Test func `a live setting survives the process, and a file that is applied finds it`() throws {
        let arrived = try change { tool in
            let done = try tool.ask("set", "add=3")
            waitForMore(tool)
            tool.kill("first")
            waitForMore(tool)
            let dry = try tool.ask("apply", "\(tool.folder)/graph.yaml", "--dry-run")

            #expect(done.status == 0, "\(done.errors)")
            #expect(dry.output.contains("nothing differs"), "\(dry.errors)")
        }
        #expect(changes(in: arrived).count == 1)
    }

    @Test func `of a change that is wrong somewhere nothing happens, and a mixed one does both`() throws {
        let arrived = try change { tool in
            let before = tool.nodes
            let faulty = try tool.ask("set", "first.add=3", "second.work=-1")
            let unknown = try tool.ask("set", "frist.add=3")
            waitForMore(tool)
            let mixed = try tool.ask("set", "first.add=3", "second.work=1")

            #expect([faulty, unknown, mixed].map(\.status) == [1, 1, 0], "\(mixed.errors)")
            #expect(faulty.errors.contains("-1"), "\(faulty.errors)")
            #expect(unknown.errors.contains("there is no node 'frist'"), "\(unknown.errors)")
            #expect(mixed.errors.contains("'first': add 3 instead of 0 (live)"), "\(mixed.errors)")
            #expect(mixed.errors.contains("'second': other settings (swap)"), "\(mixed.errors)")
            #expect(tool.nodes["first"] == before["first"])
            #expect(tool.nodes["second"] != before["second"])
        }
        #expect(changes(in: arrived).count == 1)
    }

    @Test(.enabled(if: Python.isComplete, "python3 with zmq and numpy is not here"))
    func `a live setting of a node in Python changes in the same process`() throws {
        let tool = try Tool(
            "run",
            graph: """
                nodes:
                  camera: { use: camera, with: { device: "lavfi:testsrc=size=64x48:rate=30" } }
                  grey: { use: grayscale, in: { frame: { from: camera.frame, keep: all } } }
                  list: { use: frame-list, in: { frame: grey.frame }, with: { path: FOLDER/list.txt } }
                """, "--json")
        tool.plugins = [Python.plugins]
        try tool.start()
        #expect(tool.waitForFile("list.txt", bytes: 1))
        let before = tool.nodes["grey"]
        let done = try tool.ask("set", "grey.strength=0.4")
        let after = tool.nodes["grey"]
        let status = try tool.ask("status")
        tool.process.interrupt()
        let outcome = tool.finish()

        #expect(done.status == 0, "\(done.errors)")
        #expect(done.errors.contains("'grey': strength 0.4 instead of 1 (live)"), "\(done.errors)")
        #expect(frame(in: done) != nil, "\(done.output)")
        #expect(before != nil && after == before)
        #expect(status.output.contains("strength 0.4"), "\(status.output)")
        #expect(outcome.number("frames_unaccounted") == 0, "\(outcome.output)")
    }
}
