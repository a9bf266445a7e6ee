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
    private func frames(of tool: Tool) -> [Int] {
        let text = (try? String(contentsOfFile: "\(tool.folder)/list.txt", encoding: .utf8)) ?? ""
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

    @Test func `a file with faults, or with other edges, changes nothing and says why`() throws {
        try change { tool in
            let faulty = try edit(tool, "use: test-stage, in: { data: first.data }", "use: test-stag, in: { data: first.data }")
            let refused = try tool.ask("apply", faulty)
            let other = try edit(tool, "in: { data: first.data }", "in: { data: source.data }")
            let edges = try tool.ask("apply", other)

            #expect([refused, edges].map(\.status) == [1, 1])
            #expect(refused.errors.contains("did you mean 'test-stage'"), "\(refused.errors)")
            #expect(edges.errors.contains("keeps its edges"), "\(edges.errors)")
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
