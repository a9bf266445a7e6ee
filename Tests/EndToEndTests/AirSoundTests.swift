import Foundation
import Glibc
import Testing

@testable import personalive_bench

/// Sound and picture of a live stream, by what FFmpeg sees and hears of it: flashes with a beep each.
@Suite(.serialized, .enabled(if: StreamServer.isAvailable)) struct AirSoundTests {
    private static let graph = """
        mode: live
        nodes:
          camera: { use: video-file, with: { path: FOLDER/flashes.mkv, realtime: true, loop: true } }
          encoder: { use: live-encoder, in: { frame: camera.frame, audio: camera.audio }, with: { preset: ultrafast } }
          air: { use: stream-out, in: { packet: encoder.packet }, with: { url: "rtmp://127.0.0.1:PORT/live", key-file: FOLDER/key } }
          copy: { use: stream-out, in: { packet: encoder.packet }, with: { url: FOLDER/copy.mkv } }
        """
    private static let key = "stream"

    private func make(_ graph: String = graph) throws -> (Tool, StreamServer, String) {
        let folder = "/tmp/pl-\(String(UInt32.random(in: 0 ... .max), radix: 36))a"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
        let server = try StreamServer(in: folder)
        let text = graph.replacing("PORT", with: "\(server.port)")
        let tool = try Tool("run", graph: text, "--json")
        try Data("\(Self.key)\n".utf8).write(to: URL(fileURLWithPath: "\(tool.folder)/key"))
        return (tool, server, text.replacing("FOLDER", with: tool.folder))
    }

    private func remove(_ server: StreamServer) {
        server.stop()
        try? FileManager.default.removeItem(atPath: server.folder)
    }

    private func figure(_ name: String, of node: String, _ tool: Tool) -> Double? {
        let nodes = (try? tool.ask("status", "graph", "--json"))?.object["nodes"] as? [[String: Any]] ?? []
        let found = nodes.first { $0["name"] as? String == node }
        let report = found?["report"] as? [String: Any]
        return (report?["figures"] as? [String: Double])?[name]
    }

    private func says(_ text: String, _ tool: Tool) -> Bool {
        (try? tool.ask("status", "graph"))?.output.contains(text) ?? false
    }

    private func offsets(_ server: StreamServer, seconds: Double = 6) throws -> [Double] {
        try FlashFilm.read("rtmp://127.0.0.1:\(server.port)/live/\(Self.key)", seconds: seconds).offsets
    }

    // Acceptance 14.
    @Test(arguments: ["aac", "pcm_s16le"])
    func `a film's sound stays with its pictures on air, also when half a second of delay is put in`(
        codec: String
    ) throws {
        let (tool, server, text) = try make()
        defer { remove(server) }
        try FlashFilm.write(to: "\(tool.folder)/flashes.mkv", codec: codec)
        try server.start()
        try tool.start()
        #expect(tool.waitUntil { figure("sent_pictures", of: "air", tool) ?? 0 > 25 })

        let before = try offsets(server)
        let edited = "\(tool.folder)/edited.yaml"
        try text.replacing("encoder: {", with: "stage: { use: test-delay, in: { frame: camera.frame } }\n  encoder: {")
            .replacing("frame: camera.frame, audio", with: "frame: stage.frame, audio")
            .write(toFile: edited, atomically: true, encoding: .utf8)
        let applied = try tool.ask("apply", edited)
        #expect(applied.status == 0, "\(applied.errors)")
        #expect(tool.waitUntil { figure("sound_delay_ms", of: "encoder", tool) ?? 0 > 400 })
        // The film has begun anew twice by the end.
        let after = try offsets(server, seconds: 15)
        tool.process.interrupt()
        let outcome = tool.finish()

        #expect(outcome.status == 130, "\(outcome.errors)")
        for found in [before, after] {
            #expect(found.count >= 4, "\(found)")
            #expect(isTogether(found), "\(found)")
        }
        print("acceptance 14, \(codec): \(before), with half a second of delay: \(after)")
    }

    @Test func `another film's sound goes on in the form that the stream began with`() throws {
        let graph = "settings: { film: FOLDER/flashes.mkv }\n" + Self.graph.replacing(
            "path: FOLDER/flashes.mkv", with: "path: \"${film}\"")
        let (tool, server, _) = try make(graph)
        defer { remove(server) }
        try FlashFilm.write(to: "\(tool.folder)/flashes.mkv")
        try FlashFilm.write(to: "\(tool.folder)/other.mkv", codec: "pcm_s16le")
        try server.start()
        try tool.start()
        #expect(tool.waitUntil { figure("sent_pictures", of: "air", tool) ?? 0 > 25 })

        let set = try tool.ask("set", "graph", "film=\(tool.folder)/other.mkv")
        #expect(set.status == 0, "\(set.errors)")
        let found = try offsets(server, seconds: 8)
        tool.process.interrupt()
        let outcome = tool.finish()

        #expect(outcome.status == 130, "\(outcome.errors)")
        #expect(found.count >= 5, "\(found)")
        #expect(isTogether(found), "\(found)")
        #expect(!outcome.errors.contains("lost"), "\(outcome.errors)")
        let copy = try FlashFilm.read("\(tool.folder)/copy.mkv").offsets
        #expect(copy.count >= 8 && isTogether(copy), "\(copy)")
    }

    /// Whether sound is with its picture, ms. A busy machine passes over pictures before the encoder: where a
    /// flash's was one of them, the flash is late, and so the middle one counts.
    private func isTogether(_ offsets: [Double]) -> Bool {
        !offsets.isEmpty && abs(offsets.sorted()[offsets.count / 2]) < 40
    }

    // Acceptance 16.
    @Test(arguments: [true, false])
    func `pictures that stall for three seconds are repeated, and sound goes on`(hasSound: Bool) throws {
        let stage = "stage: { use: test-delay, in: { frame: camera.frame }, with: { stall: \"${stall}\" } }"
        let graph = "settings: { stall: 0 }\n" + Self.graph
            .replacing("encoder: {", with: "\(stage)\n  encoder: {")
            .replacing(
                "frame: camera.frame, audio: camera.audio",
                with: hasSound ? "frame: stage.frame, audio: camera.audio" : "frame: stage.frame")
        let (tool, server, _) = try make(graph)
        defer { remove(server) }
        try FlashFilm.write(to: "\(tool.folder)/flashes.mkv")
        try server.start()
        try tool.start()
        #expect(tool.waitUntil { figure("sent_pictures", of: "air", tool) ?? 0 > 50 })

        let set = try tool.ask("set", "graph", "stall=3000")
        #expect(set.status == 0, "\(set.errors)")
        #expect(tool.waitUntil { says("no picture for 2 s: the last one goes out again", tool) })
        #expect(tool.waitUntil { says("compressing 256x256 pictures", tool) })
        #expect(tool.waitUntil { (figure("sent_pictures", of: "air", tool) ?? 0) > 300 })
        let repeated = figure("repeated_pictures", of: "encoder", tool) ?? 0
        let connections = figure("connections", of: "air", tool)
        tool.process.interrupt()
        let outcome = tool.finish()

        #expect(outcome.status == 130, "\(outcome.errors)")
        // The last picture stayed for the first half second, and went out 25 times a second then.
        #expect((30...70).contains(repeated), "\(repeated)")
        #expect(connections == 1)
        #expect(outcome.number("frames_unaccounted") == 0, "\(outcome.output)")
        let film = try FlashFilm.read("\(tool.folder)/copy.mkv")
        guard hasSound else { return }
        // A beep each second, of all of them.
        let gaps = zip(film.beeps, film.beeps.dropFirst()).map { $1 - $0 }
        #expect(gaps.count >= 6 && gaps.allSatisfy { abs($0 - 1) < 0.05 }, "\(film.beeps)")
        let offsets = film.offsets
        #expect(offsets.count >= 5 && isTogether(offsets), "\(offsets)")
        print("acceptance 16: \(repeated) repeated, \(offsets)")
    }
}
