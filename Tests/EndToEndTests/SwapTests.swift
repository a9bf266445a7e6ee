import Foundation
import Media
import Testing

/// Nodes that are replaced while their graph runs.
@Suite(.serialized) struct SwapTests {
    private static let graph = """
        nodes:
          source: { use: test-source, with: { bytes: 50000, count: 1000000, rate: 60, numbered: true } }
          stage: { use: test-stage, in: { data: source.data }, with: { work: 2 } }
          sink: { use: test-sink, in: { data: stage.data }, with: { list: FOLDER/list.txt } }
        """

    /// Numbers of the frames that came to the sink, in order.
    private func frames(of tool: Tool) -> [Int] {
        let text = (try? String(contentsOfFile: tool.path(of: "list.txt"), encoding: .utf8)) ?? ""
        return text.split(separator: "\n").compactMap { Int($0.prefix { $0 != " " }) }
    }

    private func started(_ tool: Tool) throws -> Tool {
        try tool.start()
        #expect(tool.waitUntil { frames(of: tool).count > 5 })
        return tool
    }

    private func frames(in film: String) throws -> Int {
        let reader = try VideoReader(path: film)
        var count = 0
        while try reader.next() != nil { count += 1 }
        return count
    }

    /// Ends a run, however long the commands before took on a busy machine: what its sources sent has
    /// to be there.
    private func stopped(_ tool: Tool) -> (outcome: Tool.Outcome, isWhole: Bool) {
        tool.process.interrupt()
        let outcome = tool.finish()
        let arrived = self.frames(of: tool)
        let isWhole = outcome.status == 130 && arrived == Array(0..<arrived.count)
            && outcome.number("frames_in") == arrived.count
        return (outcome, isWhole)
    }

    @Test func `a node that is replaced loses no frame and sends none twice`() throws {
        let tool = try started(try Tool("run", graph: Self.graph, "--json"))

        let first = try tool.ask("swap", "stage=test-stage", "--set", "load=300")
        let second = try tool.ask("swap", "graph", "stage=test-stage", "--set", "work=1")
        let (outcome, isWhole) = stopped(tool)

        #expect(first.status == 0, "\(first.errors)")
        #expect(second.status == 0, "\(second.errors)")
        #expect(isWhole, "\(outcome.output)\(outcome.errors)")
    }

    @Test func `what cannot take a node's place leaves it at work, and says why`() throws {
        let tool = try started(try Tool("run", graph: Self.graph, "--json"))

        let unknown = try tool.ask("swap", "stage=test-stag")
        let other = try tool.ask("swap", "stage=test-sink")
        let nobody = try tool.ask("swap", "stages=test-stage")
        let broken = try tool.ask("swap", "stage=test-stage", "--set", "fail-at=-1")
        let wrong = try tool.ask("swap", "stage=test-stage", "--set", "work=fast")
        let (outcome, isWhole) = stopped(tool)

        #expect([unknown, other, nobody, broken, wrong].map(\.status) == [1, 1, 1, 1, 1])
        #expect(unknown.errors.contains("did you mean 'test-stage'"), "\(unknown.errors)")
        #expect(other.errors.contains("'data'"), "\(other.errors)")
        #expect(nobody.errors.contains("there is no node 'stages'"), "\(nobody.errors)")
        #expect(broken.errors.contains("told to fail while it loads"), "\(broken.errors)")
        #expect(wrong.errors.contains("'work'"), "\(wrong.errors)")
        #expect(isWhole, "\(outcome.output)\(outcome.errors)")
    }

    @Test func `a node that does not fit in its machine's memory is not even loaded`() throws {
        let graph = """
            machines:
              small: { local: {}, memory: 100MB }
            nodes:
              source: { use: camera, with: { device: "lavfi:testsrc=size=64x64:rate=20", frames: 1000000 } }
              encoder: { use: tiny-encoder, in: { frame: source.frame }, with: &mini { model: mini, weights: synthetic } }
              decoder: { use: tiny-decoder, machine: small, in: { latent: encoder.latent }, with: *mini }
              list: { use: frame-list, in: { frame: decoder.frame }, with: { path: FOLDER/list.txt } }
            """
        let tool = try started(try Tool("run", graph: graph, "--json"))

        let before = tool.nodes
        let refused = try tool.ask("swap", "decoder=vae-decoder")
        let file = "\(tool.folder)/edited.yaml"
        try graph.replacing("FOLDER", with: tool.folder).replacing("use: tiny-decoder", with: "use: vae-decoder")
            .write(toFile: file, atomically: true, encoding: .utf8)
        let applied = try tool.ask("apply", file)
        let after = tool.nodes
        let (outcome, _) = stopped(tool)

        #expect([refused, applied].map(\.status) == [1, 1])
        for errors in [refused.errors, applied.errors] {
            #expect(errors.contains("'decoder' (vae-decoder) needs"), "\(errors)")
            #expect(errors.contains("machine 'small' has"), "\(errors)")
        }
        #expect(before == after)
        #expect(outcome.status == 130, "\(outcome.errors)")
    }

    @Test(.enabled(if: Python.isComplete, "python3 with zmq and numpy is not here"))
    func `a node in Python takes a node's place and gives it back without losing a frame`() throws {
        let tool = try Tool("run", graph: Self.graph, "--json")
        tool.plugins = [
            try Python.passing(kind: "passes-on")
        ]
        let run = try started(tool)

        let swaps = try ["passes-on", "test-stage", "passes-on", "passes-on", "test-stage"].map {
            try run.ask("swap", "stage=\($0)")
        }
        let (outcome, isWhole) = stopped(run)

        for swap in swaps { #expect(swap.status == 0, "\(swap.errors)") }
        #expect(isWhole, "\(outcome.output)\(outcome.errors)")
    }

    /// Whoever goes on with another file cannot go on with the film that was begun: it is closed, and
    /// every frame is in one of the two.
    @Test func `a film is complete when another one, or another kind of node, takes its place`() throws {
        let graph = """
            nodes:
              camera: { use: camera, with: { device: "lavfi:testsrc=size=48x40:rate=25" } }
              sink: { use: video-encoder, in: { frame: { from: camera.frame, keep: all } }, with: { path: FOLDER/one.mp4 } }
            """
        let tool = try Tool("run", graph: graph, "--json")
        try tool.start()
        #expect(tool.waitForFile("one.mp4", bytes: 1000))

        let other = try tool.ask("swap", "sink=video-encoder", "--set", "path=\(tool.folder)/two.mp4")
        #expect(tool.waitForFile("two.mp4", bytes: 1000))
        let kind = try tool.ask("swap", "sink=frame-list", "--set", "path=\(tool.folder)/list.txt")
        #expect(tool.waitForFile("list.txt", bytes: 200))
        tool.process.interrupt()
        let outcome = tool.finish()

        #expect([other.status, kind.status] == [0, 0], "\(other.errors) \(kind.errors)")
        let films = try ["one", "two"].map { try frames(in: "\(tool.folder)/\($0).mp4") }
        let list = try String(contentsOfFile: tool.path(of: "list.txt"), encoding: .utf8)
        let listed = list.split(separator: "\n").count
        #expect(films.reduce(listed, +) == outcome.number("frames_out"), "\(films) and \(listed)")
        let rest = try FileManager.default.contentsOfDirectory(atPath: tool.folder)
            .filter { $0.contains("partial") }
        #expect(rest == [])
    }

    @Test func `a shadow sees what a node sees, and is compared with it`() throws {
        let graph = """
            nodes:
              camera: { use: camera, with: { device: "lavfi:testsrc=size=48x40:rate=25" } }
              encoder: { use: tiny-encoder, in: { frame: camera.frame }, with: { variant: flux2, weights: synthetic } }
              decoder:
                use: tiny-decoder
                in: { latent: { from: encoder.latent, keep: all } }
                with: { variant: flux2, weights: synthetic }
              list: { use: frame-list, in: { frame: decoder.frame }, with: { path: FOLDER/list.txt } }
            """
        let run = try started(try Tool("run", graph: graph, "--json"))

        let same = try run.ask(
            "swap", "decoder=tiny-decoder", "--set", "variant=flux2", "--shadow", "--seconds", "1")
        let other = try run.ask("swap", "encoder=tiny-encoder", "--set", "variant=flux2", "--shadow")
        run.process.interrupt()
        let outcome = run.finish()

        #expect(same.status == 0, "\(same.errors)")
        #expect(same.output.contains("'tiny-decoder' and 'tiny-decoder': no pixel differs"))
        #expect(same.output.contains("nothing was replaced"))
        #expect(other.status == 1)
        #expect(other.errors.contains("puts out latent/flux2"), "\(other.errors)")
        #expect(outcome.number("frames_unaccounted") == 0, "\(outcome.errors)")
    }

    /// Offline and live, with stages and sources swapped, edges that drop, two streams, joins, and two
    /// edges between the same two nodes.
    @Test(arguments: [
        "chain", "source-swaps", "drops", "live-swaps", "streams", "joins", "twins",
    ])
    func `random kills, stalls and swaps change no frame`(graph: String) throws {
        let outcome = try Tool(bench: [
            "chaos", "--graph", graph, "--messages", "300", "--rate", "100", "--seed", "7",
        ]).run()

        #expect(outcome.status == 0, "\(outcome.output)\(outcome.errors)")
        #expect(outcome.output.contains("lost 0, twice 0, unordered 0, damaged 0"))
    }
}
