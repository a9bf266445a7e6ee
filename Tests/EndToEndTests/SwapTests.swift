import Foundation
import Testing

/// Nodes that are replaced while their graph runs.
@Suite(.serialized) struct SwapTests {
    private static let graph = """
        nodes:
          source: { use: test-source, with: { bytes: 50000, count: 120, rate: 60, numbered: true } }
          stage: { use: test-stage, in: { data: source.data }, with: { work: 2 } }
          sink: { use: test-sink, in: { data: stage.data }, with: { list: FOLDER/list.txt } }
        """

    /// Numbers of the frames that came to the sink, in order.
    private func frames(of tool: Tool) -> [Int] {
        let text = (try? String(contentsOfFile: "\(tool.folder)/list.txt", encoding: .utf8)) ?? ""
        return text.split(separator: "\n").compactMap { Int($0.prefix { $0 != " " }) }
    }

    private func started(_ tool: Tool) throws -> Tool {
        try tool.start()
        #expect(tool.waitUntil { frames(of: tool).count > 5 })
        return tool
    }

    @Test func `a node that is replaced loses no frame and sends none twice`() throws {
        let tool = try started(try Tool("run", graph: Self.graph, "--json"))

        let first = try tool.ask("swap", "stage=test-stage", "--set", "load=300")
        let second = try tool.ask("swap", "graph", "stage=test-stage", "--set", "work=1")
        let outcome = tool.finish()

        #expect(first.status == 0, "\(first.errors)")
        #expect(second.status == 0, "\(second.errors)")
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(frames(of: tool) == Array(0..<120))
        #expect(outcome.number("frames_unaccounted") == 0)
    }

    @Test func `what cannot take a node's place leaves it at work, and says why`() throws {
        let tool = try started(try Tool("run", graph: Self.graph, "--json"))

        let unknown = try tool.ask("swap", "stage=test-stag")
        let other = try tool.ask("swap", "stage=test-sink")
        let nobody = try tool.ask("swap", "stages=test-stage")
        let broken = try tool.ask("swap", "stage=test-stage", "--set", "fail-at=-1")
        let wrong = try tool.ask("swap", "stage=test-stage", "--set", "work=fast")
        let outcome = tool.finish()

        #expect([unknown, other, nobody, broken, wrong].map(\.status) == [1, 1, 1, 1, 1])
        #expect(unknown.errors.contains("did you mean 'test-stage'"), "\(unknown.errors)")
        #expect(other.errors.contains("'data'"), "\(other.errors)")
        #expect(nobody.errors.contains("there is no node 'stages'"), "\(nobody.errors)")
        #expect(broken.errors.contains("told to fail while it loads"), "\(broken.errors)")
        #expect(wrong.errors.contains("'work'"), "\(wrong.errors)")
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(frames(of: tool) == Array(0..<120))
    }

    @Test func `random kills, stalls and swaps change no frame`() throws {
        let outcome = try Tool(arguments: [
            "bench", "chaos", "--messages", "300", "--rate", "100", "--seed", "7",
        ]).run()

        #expect(outcome.status == 0, "\(outcome.output)\(outcome.errors)")
        #expect(outcome.output.contains("lost 0, twice 0, unordered 0, damaged 0"))
    }
}
