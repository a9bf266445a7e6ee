import Foundation
import Testing

/// Several streams, one of them on air, over real processes.
@Suite(.serialized) struct SelectTests {
    /// Two folders of pictures as cameras: the first is dark, the second bright, and no two are alike.
    private static let graph = """
        mode: live
        nodes:
          a: { use: pictures, with: { path: FOLDER/a, rate: 50, realtime: true, loop: true } }
          b: { use: pictures, with: { path: FOLDER/b, rate: 50, realtime: true, loop: true } }
          scene:
            use: select
            in: { a: { from: a.frame, keep: all, window: 4 }, b: { from: b.frame, keep: all, window: 4 } }
            with: { slate: FOLDER/slate.png }
          list: { use: frame-list, in: { frame: scene.frame }, with: { path: FOLDER/list.txt } }
        """

    private struct Arrival { let frame: Int, hash: String, time: Int }

    private func arrivals(_ tool: Tool) -> [Arrival] {
        let text = (try? String(contentsOfFile: tool.path(of: "list.txt"), encoding: .utf8)) ?? ""
        return text.split(separator: "\n").compactMap { line in
            let words = line.split(separator: " ").map(String.init)
            guard words.count == 3, let frame = Int(words[0]), let time = Int(words[2]) else {
                return nil
            }
            return Arrival(frame: frame, hash: words[1], time: time)
        }
    }

    /// A run with its pictures, and the hashes of each stream's and of the slate.
    private func tool(_ graph: String = Self.graph) throws -> Tool {
        let tool = try Tool("run", graph: graph, "--name", "scenes", "--json")
        for (folder, base) in [("a", 0), ("b", 128)] {
            try FileManager.default.createDirectory(
                atPath: "\(tool.folder)/\(folder)", withIntermediateDirectories: false)
            for index in 0..<100 {
                try Pictures.write(UInt8(base + index), to: "\(tool.folder)/\(folder)/\(index).png")
            }
        }
        try Pictures.write(255, to: "\(tool.folder)/slate.png")
        return tool
    }

    /// What a picture's hash is in a list.
    private func hashes(of folder: String, in tool: Tool) throws -> [String: Int] {
        let other = try Tool(
            "run",
            graph: """
                nodes:
                  in: { use: pictures, with: { path: \(folder) } }
                  list: { use: frame-list, in: { frame: in.frame }, with: { path: FOLDER/list.txt } }
                """, "--quiet")
        #expect(try other.run().status == 0)
        return Dictionary(arrivals(other).map { ($0.hash, $0.frame) }) { $1 }
    }

    private struct Stream: Decodable {
        struct Dropped: Decodable { let reason: String }
        let sources: [String], sink: String
        let frames_in, frames_out, frames_dropped, frames_unaccounted: Int
        let dropped: [Dropped]
    }

    private func streams(_ outcome: Tool.Outcome) throws -> [Stream] {
        struct Summary: Decodable { let streams: [Stream] }
        return try JSONDecoder().decode(Summary.self, from: Data(outcome.output.utf8)).streams
    }

    @Test func `a switch that is flipped two hundred times loses nothing and shows nothing twice`()
        throws
    {
        let tool = try tool()
        let a = try hashes(of: "\(tool.folder)/a", in: tool)
        let b = try hashes(of: "\(tool.folder)/b", in: tool)
        try tool.start()
        #expect(tool.waitUntil { arrivals(tool).count > 5 })
        var refused: [String] = []
        for flip in 0..<200 {
            let set = try tool.ask("set", "scenes", "scene.source=\(flip % 2 == 0 ? "b" : "a")")
            if set.status != 0 { refused.append(set.errors) }
        }
        tool.process.interrupt()
        let outcome = tool.finish()

        #expect(refused.isEmpty, "\(refused.first ?? "")")
        #expect(outcome.status == 130, "\(outcome.errors)")
        let shown = arrivals(tool)
        #expect(shown.map(\.frame) == Array(0..<shown.count))
        // Of each stream pictures come in their order, none twice. The slate may stand in on a busy machine.
        var last: [String: Int] = [:], turns = 0, slates = 0, twice = 0
        var stream = "a"
        for arrival in shown {
            guard let (name, number) = a[arrival.hash].map({ ("a", $0) }) ?? b[arrival.hash].map({ ("b", $0) })
            else {
                slates += 1
                continue
            }
            if name != stream { turns += 1 }
            if last[name] == number { twice += 1 }
            (stream, last[name]) = (name, number)
        }
        let streams = try streams(outcome)
        print(
            "200 flips: \(shown.count) frames shown, \(turns) turns, \(twice) twice, \(slates) of the slate; ",
            streams.map { "\($0.sink) in \($0.frames_in) out \($0.frames_out) dropped \($0.frames_dropped)" })
        #expect(twice == 0 && turns >= 150)
        #expect(Set(streams.map(\.sink)) == ["list", "scene.a", "scene.b"])
        for stream in streams {
            #expect(stream.frames_unaccounted == 0)
            #expect(stream.frames_in == stream.frames_out + stream.frames_dropped)
            // Nothing is dropped but what was not on air.
            #expect(
                stream.dropped.allSatisfy { $0.reason == "another input was on air" }, "\(stream)")
        }
        let passed = streams.filter { $0.sink != "list" }.reduce(0) { $0 + $1.frames_out }
        #expect(passed + slates == shown.count)
    }

    @Test(arguments: [SIGKILL, SIGSTOP])
    func `a source that dies or stops is replaced by the slate within two frames, and is there again`(
        signal: Int32
    ) throws {
        let tool = try tool(
            Self.graph.replacing("rate: 50", with: "rate: 10")
                .replacing("keep: all, window: 4", with: "keep: newest"))
        try tool.start()
        #expect(tool.waitUntil { arrivals(tool).count > 10 })
        let slate = try hashes(of: "\(tool.folder)/slate.png", in: tool).keys.first
        let before = arrivals(tool).count

        #expect(tool.kill("a", signal) != nil)
        #expect(tool.waitUntil { arrivals(tool).dropFirst(before - 1).contains { $0.hash == slate } })
        // Then other pictures again: of its next process, or of the one that is there again.
        #expect(
            tool.waitUntil {
                let after = arrivals(tool).dropFirst(before - 1).drop { $0.hash != slate }
                return after.contains { $0.hash != slate }
            })
        tool.process.interrupt()
        let outcome = tool.finish()

        let shown = arrivals(tool)
        let first = try #require(shown.dropFirst(before - 1).firstIndex { $0.hash == slate })
        let wait = Double(shown[first].time - shown[first - 1].time) / 1e6
        print("signal \(signal): the slate came \(wait) ms after the last frame of a source of 10 a second")
        #expect(wait < 250, "\(wait) ms")
        #expect(outcome.status == 130, "\(outcome.errors)")
        #expect(shown.map(\.frame) == Array(0..<shown.count))
        #expect(try streams(outcome).allSatisfy { $0.frames_unaccounted == 0 }, "\(outcome.output)")
    }

    @Test func `a selecting process that is killed goes on with its numbers and times`() throws {
        let tool = try tool()
        try tool.start()
        for count in [20, 60] {
            #expect(tool.waitUntil { arrivals(tool).count > count })
            #expect(tool.kill("scene") != nil)
        }
        #expect(tool.waitUntil { arrivals(tool).count > 120 })
        tool.process.interrupt()
        let outcome = tool.finish()

        #expect(outcome.status == 130, "\(outcome.errors)")
        #expect(arrivals(tool).map(\.frame) == Array(0..<arrivals(tool).count))
        #expect(outcome.number("frames_unaccounted") == 0, "\(outcome.output)")
    }
}
