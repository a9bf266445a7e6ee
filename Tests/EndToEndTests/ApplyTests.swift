import Foundation
import Testing

/// Graph files that are edited while they run.
@Suite(.serialized) struct ApplyTests {
    private static let graph = """
        settings: { work: 2 }
        nodes:
          source: { use: test-source, with: { bytes: 5000, count: 1000000, rate: 60, numbered: true } }
          first: { use: test-stage, in: { data: source.data }, with: { work: "${work}" } }
          second: { use: test-stage, in: { data: first.data } }
          sink: { use: test-sink, in: { data: second.data }, with: { list: FOLDER/list.txt } }
        """

    /// Numbers of the frames that came to the sink, in order.
    private func frames(of tool: Tool, in list: String = "list.txt") -> [Int] {
        let text = (try? String(contentsOfFile: tool.path(of: list), encoding: .utf8)) ?? ""
        return text.split(separator: "\n").compactMap { Int($0.prefix { $0 != " " }) }
    }

    /// Asks for changes of a run that goes on, and ends it: every frame has to be there.
    private func change(_ body: (Tool) throws -> Void) throws {
        let tool = try Tool("run", graph: Self.graph, "--json")
        try tool.start()
        #expect(tool.waitUntil { frames(of: tool).count > 5 })

        try body(tool)

        tool.process.interrupt()
        let outcome = tool.finish()
        #expect(outcome.status == 130, "\(outcome.errors)")
        let arrived = frames(of: tool)
        #expect(arrived == Array(0..<arrived.count))
        #expect(outcome.number("frames_in") == arrived.count)
    }

    private func edit(_ tool: Tool, _ old: String, _ new: String) throws -> String {
        let file = "\(tool.folder)/edited.yaml"
        let text = Self.graph.replacing("FOLDER", with: tool.folder).replacing(old, with: new)
        try text.write(toFile: file, atomically: true, encoding: .utf8)
        return file
    }

    @Test func `only nodes that an edited file says otherwise are replaced, after saying which`() throws {
        try change { tool in
            let file = try edit(tool, "in: { data: first.data } }", "in: { data: first.data }, with: { work: 1 } }")

            let dry = try tool.ask("apply", file, "--dry-run")
            let done = try tool.ask("apply", file)
            let again = try tool.ask("apply", file)

            #expect([dry, done, again].map(\.status) == [0, 0, 0], "\(dry.errors)\(done.errors)")
            #expect(dry.errors.contains("'second': other settings"), "\(dry.errors)")
            #expect(dry.output.contains("nothing was changed (a dry run)"))
            #expect(done.errors.contains("'second': other settings"))
            #expect(!done.errors.contains("'first'"), "\(done.errors)")
            #expect(again.output.contains("nothing differs"))
        }
    }

    @Test func `a file with faults, or of another mode, changes nothing and says why`() throws {
        try change { tool in
            let faulty = try edit(tool, "use: test-stage, in: { data: first.data }", "use: test-stag, in: { data: first.data }")
            let refused = try tool.ask("apply", faulty)
            let live = try edit(tool, "nodes:", "mode: live\nnodes:")
            let mode = try tool.ask("apply", live)

            #expect([refused, mode].map(\.status) == [1, 1])
            #expect(refused.errors.contains("did you mean 'test-stage'"), "\(refused.errors)")
            #expect(mode.errors.contains("runs offline and would be live"), "\(mode.errors)")
        }
    }

    @Test func `a node is put between two others and taken out again, and every frame comes once`() throws {
        try change { tool in
            let before = frames(of: tool).count
            let with = try edit(
                tool, "sink: { use: test-sink, in: { data: second.data }",
                "between: { use: test-stage, in: { data: second.data } }\n  "
                    + "sink: { use: test-sink, in: { data: between.data }")
            let dry = try tool.ask("apply", with, "--dry-run")
            let put = try tool.ask("apply", with)
            let running = tool.nodes
            let reached = frames(of: tool).count
            #expect(tool.waitUntil { frames(of: tool).count > reached + 5 })
            let taken = try tool.ask("apply", "\(tool.folder)/graph.yaml")

            #expect([dry, put, taken].map(\.status) == [0, 0, 0], "\(put.errors)\(taken.errors)")
            #expect(dry.errors.contains("'between': new, 'test-stage', fed by second.data"))
            #expect(dry.errors.contains("'sink.data': fed by between.data instead of second.data"))
            #expect(put.output.contains("changed from frame"), "\(put.output)")
            #expect(running["between"] != nil)
            #expect(taken.errors.contains("'between': goes"), "\(taken.errors)")
            #expect(tool.waitUntil { tool.nodes["between"] == nil })
            #expect(frames(of: tool).count > before)
        }
    }

    @Test func `a sink that comes gets all frames from some one on, and closes its file when it goes`() throws {
        try change { tool in
            let copy = "copy: { use: test-sink, in: { data: first.data }, with: { list: \(tool.folder)/copy.txt } }"
            let with = try edit(tool, "\n  sink:", "\n  \(copy)\n  sink:")
            let come = try tool.ask("apply", with)
            #expect(tool.waitUntil { frames(of: tool, in: "copy.txt").count > 10 })
            let gone = try tool.ask("apply", "\(tool.folder)/graph.yaml")

            #expect([come, gone].map(\.status) == [0, 0], "\(come.errors)\(gone.errors)")
            let copied = frames(of: tool, in: "copy.txt")
            let first = try #require(copied.first), last = try #require(copied.last)
            #expect(first > 0)
            #expect(copied == Array(first...last))
            #expect(come.output.contains("changed from frame \(first) on"), "\(come.output) \(first)")
            #expect(gone.output.contains("changed from frame \(last + 1) on"), "\(gone.output) \(last)")
        }
    }

    @Test func `a node that joins two streams of a running graph misses no frame of either`() throws {
        let tool = try Tool("run", graph: Self.graph, "--json")
        try tool.start()
        #expect(tool.waitUntil { frames(of: tool).count > 5 })

        let file = try edit(
            tool, "\n  sink:", "\n  both: { use: test-join, in: { a: source.data, b: second.data } }\n  sink:")
        let come = try tool.ask("apply", file)
        let reached = frames(of: tool).count
        #expect(tool.waitUntil { frames(of: tool).count > reached + 10 })
        tool.process.interrupt()
        let outcome = tool.finish()

        #expect(come.status == 0, "\(come.errors)")
        #expect(outcome.status == 130, "\(outcome.errors)")
        #expect(outcome.number("frames_dropped") == 0, "\(outcome.output)")
    }

    @Test func `a node that does not come to life leaves the graph as it was, and says why`() throws {
        try change { tool in
            func with(_ settings: String) throws -> String {
                try edit(
                    tool, "sink: { use: test-sink, in: { data: second.data }",
                    "between: { use: test-stage, in: { data: second.data }, with: { \(settings) } }\n  "
                        + "sink: { use: test-sink, in: { data: between.data }")
            }
            let refused = try tool.ask("apply", with("fail-at: -1"))
            let kind = tool.nodes["between"]
            let done = try tool.ask("apply", with("work: 1"))

            #expect([refused, done].map(\.status) == [1, 0], "\(done.errors)")
            #expect(refused.errors.contains("told to fail while it loads"), "\(refused.errors)")
            #expect(refused.errors.contains("the graph goes on as it was"), "\(refused.errors)")
            #expect(kind == nil)
        }
    }

    @Test func `nodes that are killed around a change lose nothing`() throws {
        try change { tool in
            let with = try edit(
                tool, "sink: { use: test-sink, in: { data: second.data }",
                "between: { use: test-stage, in: { data: second.data } }\n  "
                    + "sink: { use: test-sink, in: { data: between.data }")
            tool.kill("second")
            let put = try tool.ask("apply", with)
            for node in ["second", "between", "sink"] { tool.kill(node) }
            let reached = frames(of: tool).count
            #expect(tool.waitUntil { frames(of: tool).count > reached + 5 })
            let taken = try tool.ask("apply", "\(tool.folder)/graph.yaml")
            for node in ["second", "between", "sink"] { tool.kill(node) }

            #expect([put, taken].map(\.status) == [0, 0], "\(put.errors)\(taken.errors)")
            let then = frames(of: tool).count
            #expect(tool.waitUntil { frames(of: tool).count > then + 5 })
        }
    }

    @Test func `a value of the graph's settings replaces the nodes that use it`() throws {
        try change { tool in
            let done = try tool.ask("set", "work=1")
            let unknown = try tool.ask("set", "wrok=1")

            #expect(done.status == 0, "\(done.errors)")
            #expect(done.errors.contains("'first': other settings"), "\(done.errors)")
            #expect(!done.errors.contains("'second'"))
            #expect(unknown.status == 1)
            #expect(unknown.errors.contains("'work'"), "\(unknown.errors)")
        }
    }
}
