import Foundation
import Media
import Tensors
import Testing

/// Sources that are replaced while a live graph runs: numbers and times go on.
@Suite(.serialized) struct SourceSwapTests {
    /// A join of two branches of different speed.
    private static let join = """
        mode: live
        settings: { rate: 30 }
        nodes:
          src: { use: test-source, with: { rate: "${rate}", count: 100000, bytes: 1000 } }
          left: { use: test-stage, in: { data: src.data }, with: { work: 5 } }
          right: { use: test-stage, in: { data: src.data }, with: { work: 12 } }
          sink: { use: test-join, in: { a: left.data, b: right.data } }
        """

    /// Frames that have come to a sink so far.
    private func delivered(to sink: String, of tool: Tool) -> Int {
        let text = (try? tool.ask("status", "--json"))?.output ?? ""
        let object = try? JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any]
        let nodes = object?["nodes"] as? [[String: Any]] ?? []
        let report = nodes.first { $0["name"] as? String == sink }?["report"] as? [String: Any]
        return report?["delivered_count"] as? Int ?? 0
    }

    @Test func `a join goes on at once when its source is replaced`() throws {
        let tool = try Tool("run", graph: Self.join, "--json")
        try tool.start()
        // Six seconds: for so long the join stood still when numbers began at 0 again.
        #expect(tool.waitUntil { delivered(to: "sink", of: tool) > 180 })

        let answer = try tool.ask("set", "rate=31")
        let (before, start) = (delivered(to: "sink", of: tool), ContinuousClock.now)
        #expect(tool.waitUntil { delivered(to: "sink", of: tool) > before + 30 })
        let elapsed = ContinuousClock.now - start
        tool.process.interrupt()
        let outcome = tool.finish()

        #expect(answer.status == 0, "\(answer.errors)")
        #expect(elapsed < .seconds(4))
        #expect(outcome.number("frames_unaccounted") == 0, "\(outcome.output)")
    }

    @Test func `a film goes on behind the film that a source is given instead`() throws {
        let graph = """
            mode: live
            settings: { film: FOLDER/one.mp4 }
            nodes:
              camera: { use: video-file, with: { path: "${film}", realtime: true } }
              film: { use: video-encoder, in: { frame: camera.frame }, with: { path: FOLDER/out.mp4, preset: ultrafast } }
            """
        let tool = try Tool("run", graph: graph, "--json")
        for name in ["one", "two"] {
            let writer = try VideoWriter(path: "\(tool.folder)/\(name).mp4")
            for frame in 0..<(name == "one" ? 500 : 50) {
                try writer.write(
                    Tensor<UInt8>(repeating: 80, shape: [1, 32, 32, 3]),
                    presentation: Int64(frame) * 40_000_000, duration: 40_000_000)
            }
            try writer.finish()
        }
        try tool.start()
        #expect(tool.waitUntil { delivered(to: "film", of: tool) > 40 })
        let answer = try tool.ask("set", "film=\(tool.folder)/two.mp4")
        let outcome = tool.finish()

        #expect(answer.status == 0 && outcome.status == 0, "\(answer.errors)\(outcome.errors)")
        #expect(!outcome.errors.contains("is not later than the one before it"), "\(outcome.errors)")
        let reader = try VideoReader(path: "\(tool.folder)/out.mp4")
        var times: [Int64] = []
        while let item = try reader.next() {
            if case .frame(let frame) = item { times.append(frame.presentation) }
        }
        let gaps = zip(times, times.dropFirst()).map { ($1 - $0) / 1_000_000 }
        #expect(times.count > 80 && times.count == outcome.number("frames_out"))
        // Frames may be dropped while both load; none is squeezed.
        #expect(gaps.allSatisfy { $0 >= 39 }, "\(gaps.min() ?? 0) ms")
    }
}
