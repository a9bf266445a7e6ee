import Foundation
import Testing

@testable import personalive_bench

/// Sound that is played as late as pictures are, for programs that listen.
@Suite(.serialized, .enabled(if: PulseServer.isAvailable && StreamServer.isAvailable))
struct VirtualMicrophoneTests {
    private static let graph = """
        mode: live
        nodes:
          camera: { use: video-file, with: { path: FOLDER/flashes.mkv, realtime: true, loop: true } }
          stage: { use: test-delay, in: { frame: camera.frame } }
          voice: { use: sound-delay, in: { audio: camera.audio, frame: stage.frame }, with: { device: "pulse:Portrait" } }
          listener: { use: microphone, with: { device: "pulse:Portrait.monitor" } }
          encoder: { use: live-encoder, in: { frame: stage.frame, audio: listener.audio }, with: { preset: ultrafast } }
          file: { use: stream-out, in: { packet: encoder.packet }, with: { url: FOLDER/heard.mkv } }
        """

    private func figure(_ name: String, of node: String, _ tool: Tool) -> Double? {
        let nodes = (try? tool.ask("status", "graph", "--json"))?.object["nodes"] as? [[String: Any]] ?? []
        let report = nodes.first { $0["name"] as? String == node }?["report"] as? [String: Any]
        return (report?["figures"] as? [String: Double])?[name]
    }

    /// How often the microphone came (again).
    private func comebacks(_ tool: Tool) -> Int {
        tool.errorsSoFar.components(separatedBy: "pulse:Portrait.monitor: it is there again").count - 1
    }

    @Test func `a program that listens hears the sound as late as the pictures are, and the server may come later`()
        throws
    {
        let tool = try Tool("run", graph: Self.graph, "--json")
        tool.process.environment?["PULSE_SERVER"] = PulseServer.address(in: tool.folder)
        tool.process.environment?["HOME"] = tool.folder
        try FlashFilm.write(to: "\(tool.folder)/flashes.mkv")
        try tool.start()
        // Absent: sentences, and the graph goes on.
        #expect(tool.waitUntil { tool.errorsSoFar.contains("sound device pulse:Portrait: ") })
        #expect(tool.waitUntil { tool.errorsSoFar.contains("microphone pulse:Portrait.monitor: ") })
        // There, unplugged, and there again.
        let first = try PulseServer(in: tool.folder, sink: "Portrait")
        #expect(tool.waitUntil { comebacks(tool) == 1 })
        first.stop()
        let server = try PulseServer(in: tool.folder, sink: "Portrait")
        defer { server.stop() }
        #expect(tool.waitUntil { comebacks(tool) == 2 })
        let begun = figure("sent_pictures", of: "file", tool) ?? 0
        #expect(tool.waitUntil { figure("sent_pictures", of: "file", tool) ?? 0 > begun + 250 })
        let delay = figure("sound_delay_ms", of: "voice", tool) ?? 0
        tool.process.interrupt()
        let outcome = tool.finish()

        #expect(outcome.status == 130, "\(outcome.errors)")
        #expect((400...700).contains(delay), "\(delay)")
        // Pictures stand at their capture, and the sound where it was heard.
        let reading = try FlashFilm.read("\(tool.folder)/heard.mkv")
        let late = reading.beeps.suffix(6).compactMap { beep in
            reading.flashes.last { $0 <= beep }.map { (beep - $0) * 1000 - delay }
        }
        #expect(late.count == 6 && late.allSatisfy { (-40...40).contains($0) }, "\(late)")
        print("virtual microphone: \(late) ms later than pictures that are \(delay) ms old")
    }
}
