import Foundation
import Testing

/// A stage as several processes: as many times the frames, in order, whatever is killed.
@Suite(.serialized) struct ReplicaTests {
    private static func graph(_ replicas: Int, frames: Int, work: Int = 100) -> String {
        """
        nodes:
          src: { use: test-source, with: { count: \(frames), bytes: 5000, numbered: true } }
          stage: { use: test-stage, replicas: \(replicas), in: { data: src.data }, with: { work: \(work) } }
          sink: { use: test-sink, in: { data: stage.data }, with: { list: FOLDER/list.txt } }
        """
    }

    /// Frames as they came, each with the hash of its bytes.
    private func arrivals(_ tool: Tool) -> [(frame: Int, hash: Substring, time: Int)] {
        let text = (try? String(contentsOfFile: tool.path(of: "list.txt"), encoding: .utf8)) ?? ""
        return text.split(separator: "\n").compactMap { line in
            let words = line.split(separator: " ")
            guard words.count == 3, let frame = Int(words[0]), let time = Int(words[2]) else {
                return nil
            }
            return (frame, words[1], time)
        }
    }

    /// Frames a second between the tenth and the last.
    private func rate(_ tool: Tool) -> Double {
        let times = arrivals(tool).map(\.time)
        guard times.count > 12 else { return 0 }
        return Double(times.count - 11) * 1e9 / Double(times[times.count - 1] - times[10])
    }

    @Test func `two and four replicas of a stage of 100 ms give twice and four times the frames, in order`()
        throws
    {
        var rates: [Int: Double] = [:]
        for replicas in [1, 2, 4] {
            let tool = try Tool("run", graph: Self.graph(replicas, frames: 60), "--json")
            let outcome = try tool.run()
            #expect(outcome.status == 0, "\(outcome.errors)")
            #expect(arrivals(tool).map(\.frame) == Array(0..<60))
            rates[replicas] = rate(tool)
        }
        print("frames a second of a 100 ms stage by replicas: \(rates)")
        #expect((9...10.1).contains(rates[1]!), "\(rates)")
        #expect(rates[2]! > 1.85 * rates[1]! && rates[4]! > 3.5 * rates[1]!, "\(rates)")
    }

    @Test func `a replica that is killed again and again costs an offline run nothing, bit for bit`() throws {
        let plain = try Tool("run", graph: Self.graph(1, frames: 120, work: 2), "--json")
        #expect(try plain.run().status == 0)
        let tool = try Tool("run", graph: Self.graph(3, frames: 120), "--json")
        try tool.start()
        for (count, victim) in [(10, "stage_1"), (40, "stage_2"), (70, "stage_1"), (90, "stage")] {
            #expect(tool.waitUntil { arrivals(tool).count > count })
            #expect(tool.kill(victim) != nil)
        }
        let outcome = tool.finish()

        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(arrivals(tool).map(\.frame) == Array(0..<120))
        #expect(arrivals(tool).map(\.hash) == arrivals(plain).map(\.hash))
        #expect(outcome.number("frames_unaccounted") == 0)
    }

    @Test func `in a live graph frames of a replica that is down go to those that are free`() throws {
        let tool = try Tool(
            "run",
            graph: """
                mode: live
                nodes:
                  src: { use: test-source, with: { count: 200, bytes: 500, rate: 20, numbered: true } }
                  stage: { use: test-stage, replicas: 4, in: { data: src.data }, with: { work: 100 } }
                  sink: { use: test-sink, in: { data: stage.data }, with: { list: FOLDER/list.txt } }
                """, "--json")
        try tool.start()
        for count in [30, 60, 90, 120] {
            #expect(tool.waitUntil { arrivals(tool).count > count })
            #expect(tool.kill("stage_\(count / 30)") != nil)
        }
        let outcome = tool.finish()

        #expect(outcome.status == 0, "\(outcome.errors)")
        let frames = arrivals(tool).map(\.frame)
        print("live, four replicas, each killed once: \(frames.count) of 200 frames")
        #expect(frames == frames.sorted() && Set(frames).count == frames.count)
        // A kill costs the frame that was being worked on, and those sent there before it was known.
        #expect(frames.count >= 180, "\(frames.count)")
        #expect(outcome.number("frames_in") == 200 && outcome.number("frames_out") == frames.count)
        #expect(outcome.number("frames_dropped") == 200 - frames.count, "\(outcome.output)")
        #expect(outcome.number("frames_unaccounted") == 0, "\(outcome.output)")
    }

    @Test func `status shows the processes, and a setting goes to all of them`() throws {
        let tool = try Tool(
            "run", graph: Self.graph(2, frames: 1_000_000, work: 5), "--name", "shared", "--json")
        try tool.start()
        #expect(tool.waitUntil { arrivals(tool).count > 20 })
        let status = try tool.ask("status", "shared")
        let set = try tool.ask("set", "stage.add=1")
        #expect(set.status == 0, "\(set.errors)")
        let before = arrivals(tool).count
        #expect(tool.waitUntil { arrivals(tool).count > before + 40 })
        tool.process.interrupt()
        let outcome = tool.finish()

        #expect(status.output.contains("stage_1") && status.output.contains("stage_2"), "\(status.output)")
        #expect(set.errors.contains("'stage_1': add 1 instead of 0 (live)"), "\(set.errors)")
        #expect(set.errors.contains("'stage_2': add 1 instead of 0 (live)"), "\(set.errors)")
        #expect(outcome.status == 130, "\(outcome.errors)")
        #expect(arrivals(tool).map(\.frame) == Array(0..<arrivals(tool).count))
        #expect(outcome.number("frames_unaccounted") == 0)
    }
}
