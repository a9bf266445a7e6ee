import Foundation
import Glibc
import Launch
import Testing

/// The plugin `webrtc-out` over real processes: Chromium watches by WHEP, and a server of ours takes WHIP.
@Suite(.serialized, .enabled(if: Python.hasWebRTC && Python.hasBrowser)) struct WebRTCTests {
    private static let root = StudioProcess.repository

    /// Pictures with the time of day drawn into them, shown by `web` and kept by `copy`.
    private static let graph = """
        mode: live
        nodes:
          camera: { use: camera, with: { device: "lavfi:testsrc=size=512x512:rate=25" } }
          stamps: { use: stamps, in: { frame: camera.frame } }
          encoder: { use: live-encoder, in: { frame: stamps.frame }, with: { bitrate: 1500 } }
          web: { use: webrtc-out, in: { packet: encoder.packet }, with: { port: 0, timeout: 2 } }
          copy: { use: stream-out, in: { packet: encoder.packet }, with: { url: FOLDER/copy.mkv } }
        """

    /// A run of a graph, with a plugin that draws the time of day: 48 bits of microseconds as squares of
    /// 16 pixels, 24 a row.
    private func start(_ graph: String = graph) throws -> Tool {
        let tool = try Tool("run", graph: graph, "--json")
        let stamps = try Python.node(
            "stamps",
            """
            import time

            @node
            def stamps(frame):
                frame = frame.copy()
                now = int(time.time() * 1e6) % (1 << 48)
                for bit in range(48):
                    y, x = bit // 24 * 16, bit % 24 * 16
                    frame[:, y:y + 16, x:x + 16] = 235 if now >> bit & 1 else 16
                return frame
            """)
        // Into the run's folder, which goes with the test.
        try FileManager.default.moveItem(atPath: stamps, toPath: "\(tool.folder)/stamps")
        tool.plugins = [Python.plugins, "\(tool.folder)/stamps"]
        return tool
    }

    /// Where the node says that one can watch.
    private func address(_ tool: Tool) throws -> String {
        var found: Substring?
        let isThere = tool.waitUntil {
            found = (tool.printed + tool.errorsSoFar).split(separator: "\n")
                .first { $0.contains("watch at http://127.0.0.1:") }
            return found != nil
        }
        #expect(isThere, "\(tool.errorsSoFar)")
        return String(try #require(found?.split(separator: " ").last))
    }

    /// What a browser saw there within so many seconds.
    private func watch(_ address: String, _ arguments: String...) throws -> [String: Any] {
        let printed = try StudioProcess.run(
            ["python3", "\(Self.root)/Tests/watch_whep.py", address] + arguments)
        let seen = try JSONSerialization.jsonObject(with: Data(printed.output.utf8))
        let object = seen as? [String: Any] ?? [:]
        #expect(object["failed"] == nil, "\(object["failed"] ?? "")")
        #expect(object["errors"] as? [String] == [])
        return object
    }

    /// What `personalive status` says that a node does.
    private func state(of node: String, _ tool: Tool) -> String {
        let lines = ((try? tool.ask("status", "graph"))?.output ?? "").split(separator: "\n")
        guard let place = lines.firstIndex(where: { $0.contains("  \(node) (") }) else { return "" }
        return lines[(place + 1)...].first { $0.hasPrefix("    ") }.map(String.init) ?? ""
    }

    private func finish(_ tool: Tool) -> (outcome: Tool.Outcome, streams: [String: [String: Any]]) {
        tool.process.interrupt()
        let outcome = tool.finish()
        let streams = outcome.object["streams"] as? [[String: Any]] ?? []
        return (outcome, Dictionary(uniqueKeysWithValues: streams.map { ($0["sink"] as! String, $0) }))
    }

    private func ages(_ seen: [String: Any]) -> [String: Double] {
        seen["age_ms"] as? [String: Double] ?? [:]
    }

    @Test func `Chromium shows pictures as they were compressed, soon after they were made`() throws {
        let tool = try start()
        try tool.start()
        let address = try address(tool)
        // Ages are of time: once more if the machine was busy with something else.
        var seen = try watch(address, "8")
        if ages(seen)["p95"] ?? .infinity > 150 { seen = try watch(address, "8") }
        let figures = try tool.ask("status", "graph", "--json").output
        let (outcome, streams) = finish(tool)

        #expect(ages(seen)["p95"] ?? .infinity < 150, "\(seen)")
        print("WHEP: joined after \(seen["joined_ms"] ?? ""), age \(ages(seen))")
        #expect((seen["pictures"] as? Int ?? 0) > 120, "\(seen)")
        let stats = seen["stats"] as? [[String: Any]] ?? []
        #expect(stats.contains { $0["mimeType"] as? String == "video/H264" })
        #expect(stats.contains { $0["address"] as? String == "127.0.0.1" }, "no other address is used")
        // The token is in no address that the browser keeps.
        #expect((seen["address"] as? String)?.contains("#") == false)
        #expect(figures.contains("sent_age_ms") && figures.contains("viewers"))
        #expect(outcome.status == 130, "\(outcome.errors)")
        #expect(streams["copy"]?.lostBehindEncoder == 0, "\(outcome.output)")
        #expect(streams["web"]?["frames_unaccounted"] as? Int == 0)
        #expect(tool.traces.isEmpty)
    }

    @Test func `sound is heard with its picture`() throws {
        let graph = Self.graph.replacing(
            "use: camera, with: { device: \"lavfi:testsrc=size=512x512:rate=25\" }",
            with: "use: video-file, with: { path: FOLDER/film.mp4, realtime: true }"
        ).replacing("frame: stamps.frame", with: "frame: stamps.frame, audio: camera.audio")
        let tool = try start(graph)
        // Once a second a flash of two pictures and a beep.
        let film = try StudioProcess.run([
            "ffmpeg", "-y", "-loglevel", "error", "-f", "lavfi", "-i",
            "color=black:size=512x512:rate=25:duration=120,drawbox=t=fill:c=white:enable='lt(mod(t,1),0.079)'",
            "-f", "lavfi", "-i", "aevalsrc='0.8*sin(2*PI*1000*t)*lt(mod(t,1),0.08)':s=48000:d=120",
            "-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac", "\(tool.folder)/film.mp4",
        ])
        #expect(film.status == 0)
        try tool.start()
        let address = try address(tool)

        var seen = try watch(address, "12")
        let offset = { abs(seen["av_offset_ms"] as? Int ?? .max) }
        if offset() > 80 { seen = try watch(address, "12") }
        _ = finish(tool)

        #expect(offset() < 80, "\(seen)")
        // The first second is silent, and a busy browser begins late. Chromium moves pictures to their sound from 30 ms on, slowly, and
        // the page hears sound through a buffer.
        let heard = [seen["flashes"] as? Int ?? 0, seen["beeps"] as? Int ?? 0]
        #expect(heard.allSatisfy { $0 >= 6 }, "\(seen)")
        print("WHEP with sound: offsets \(seen["offsets_ms"] ?? ""), age \(ages(seen))")
    }

    @Test func `a viewer that is killed is let go, and nobody waits for one, or for the plugin`() throws {
        let tool = try start()
        try tool.start()
        let address = try address(tool)

        let killed = try watch(address, "1", "--die")
        #expect((killed["pictures"] as? Int ?? 0) > 5)
        #expect(state(of: "web", tool).contains("1 viewer at"), "the browser did not say that it ended")
        #expect(tool.waitUntil { state(of: "web", tool).contains("0 viewers at") })
        // Another is let in, and begins with a picture of its own: those of the encoder are a second apart.
        let other = try watch(address, "1")
        #expect((other["joined_ms"] as? Double ?? .infinity) < 5000)
        #expect(tool.waitUntil { state(of: "web", tool).contains("0 viewers at") })
        // A plugin that does nothing for 3 s: the graph goes on without it.
        tool.kill("web", SIGSTOP)
        let before = tool.path(of: "copy.mkv")
        let size = { (try? FileManager.default.attributesOfItem(atPath: before))?[.size] as? Int ?? 0 }
        let first = size()
        #expect(tool.waitUntil { size() > first + 400_000 })
        tool.kill("web", SIGCONT)
        #expect(tool.waitUntil { state(of: "web", tool).contains("0 viewers at") })
        let (outcome, streams) = finish(tool)

        #expect(outcome.status == 130, "\(outcome.errors)")
        #expect(streams["copy"]?.lostBehindEncoder == 0, "\(outcome.output)")
        #expect(streams["copy"]?["frames_unaccounted"] as? Int == 0)
        #expect(streams["web"]?["frames_unaccounted"] as? Int == 0)
        #expect(tool.traces.isEmpty)
    }

    @Test func `what is refused is refused with a reason`() throws {
        let graph = Self.graph.replacing("port: 0,", with: "port: 0, viewers: 1, token-file: FOLDER/token,")
        let tool = try start(graph)
        try Data("a-token-of-mine\n".utf8).write(to: URL(fileURLWithPath: "\(tool.folder)/token"))
        try tool.start()
        let address = try address(tool)
        #expect(!address.contains("#"), "a token of one's own is not repeated")
        let token = ["-H", "Authorization: Bearer a-token-of-mine"]
        let offer = ["-H", "Content-Type: application/sdp", "--data-binary"]
        func ask(_ path: String, _ arguments: [String]) throws -> (status: Int, body: String) {
            try StudioProcess.curl(arguments + ["\(address)\(path)"])
        }

        let none = try ask("whep", offer + ["v=0"])
        let wrong = try ask("whep", ["-H", "Authorization: Bearer other"] + offer + ["v=0"])
        let foreign = try ask("whep", token + ["-H", "Origin: http://evil.example"] + offer + ["v=0"])
        let host = try ask("", ["-H", "Host: evil.example"])
        let type = try ask("whep", token + ["--data-binary", "v=0"])
        let other = try ask("whep", token + offer + ["v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=rtpmap:96 VP8/90000\r\n"])
        let rubbish = try ask("whep", token + offer + ["m=video rubbish\na=rtpmap:96 H264/90000\n"])
        try Data(count: 100_000).write(to: URL(fileURLWithPath: "\(tool.folder)/large"))
        let large = try ask("whep", token + offer + ["@\(tool.folder)/large"])
        let unknown = try ask("whep/nobody", token + ["-X", "DELETE"])
        let page = try ask("", ["-D", "-"])

        #expect([none, wrong, foreign, host, type].map { $0.status } == [401, 401, 403, 421, 415])
        #expect(none.body.contains("a token is needed"))
        #expect(other.status == 406 && other.body.contains("no H.264"), "\(other)")
        #expect(rubbish.status == 400 && rubbish.body.contains("the offer cannot be read"), "\(rubbish)")
        #expect(large.status == 413, "\(large)")
        #expect(unknown.status == 404)
        #expect(page.status == 200 && page.body.contains("default-src 'none'"))
        // One viewer is let in, and the next is not.
        let watching = Process()
        watching.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        watching.arguments = [
            "python3", "\(Self.root)/Tests/watch_whep.py", "\(address)#t=a-token-of-mine", "3",
        ]
        watching.standardOutput = FileHandle.nullDevice
        try watching.run()
        #expect(tool.waitUntil { state(of: "web", tool).contains("1 viewer at") })
        let second = try ask("whep", token + offer + ["v=0"])
        #expect(second.status == 503 && second.body.contains("no more than 1 may watch"), "\(second)")
        watching.waitUntilExit()
        let (outcome, _) = finish(tool)
        #expect(outcome.status == 130, "\(outcome.errors)")
        #expect(!outcome.errors.contains("Traceback"), "\(outcome.errors)")
        #expect(!outcome.errors.contains("a-token-of-mine"))
    }

    @Test func `a WHIP server that comes, goes and is back takes nothing from the file beside it`() throws {
        let key = "k3y-that-nobody-sees"
        let server = try WHIPServer(token: key)
        let graph = Self.graph.replacing(
            "port: 0,",
            with: "viewers: 0, url: \"http://127.0.0.1:\(server.port)/whip/secret-name\", key-file: FOLDER/key,")
        let tool = try start(graph)
        try Data("\(key)\n".utf8).write(to: URL(fileURLWithPath: "\(tool.folder)/key"))
        try tool.start()
        let shown = "http://127.0.0.1:\(server.port)/…"

        // Absent.
        #expect(tool.waitUntil { state(of: "web", tool).contains("try, in") })
        let absent = state(of: "web", tool)
        #expect(absent.contains("connecting to \(shown), ") && absent.contains("Connection refused"), "\(absent)")
        // It knows another key.
        try server.start(token: "another")
        #expect(tool.waitUntil { state(of: "web", tool).contains("401 Unauthorized") })
        server.stop()
        // There.
        try server.start()
        #expect(tool.waitUntil { state(of: "web", tool).contains("sending to \(shown)") })
        #expect(tool.waitUntil { server.pictures >= 20 }, "\(server.printed)")
        // Killed.
        server.stop()
        #expect(tool.waitUntil { state(of: "web", tool).contains("try, in") })
        try server.start()
        #expect(tool.waitUntil { state(of: "web", tool).contains("second connection") })
        #expect(tool.waitUntil { server.pictures >= 20 }, "\(server.printed)")
        // Stalled.
        server.send(SIGSTOP)
        #expect(tool.waitUntil { state(of: "web", tool).contains("nothing was answered for 2 s") })
        server.send(SIGCONT)
        #expect(tool.waitUntil { state(of: "web", tool).contains("third connection") })
        let status = try tool.ask("status", "graph", "--json").output
        let (outcome, streams) = finish(tool)

        #expect(tool.waitUntil { server.printed.contains("\"left\": true") }, "it is told that the stream ends")
        server.stop()
        #expect(outcome.status == 130, "\(outcome.errors)")
        let copy = try #require(streams["copy"]), web = try #require(streams["web"])
        #expect(copy.lostBehindEncoder == 0, "\(outcome.output)")
        #expect((web.lostBehindEncoder ?? 0) > 10, "\(outcome.output)")
        #expect(web["frames_unaccounted"] as? Int == 0, "\(outcome.output)")
        let reasons = (web["dropped"] as? [[String: Any]] ?? []).compactMap { $0["reason"] as? String }
        #expect(reasons.contains("there was no connection"), "\(reasons)")
        for text in [status, outcome.output, outcome.errors] {
            #expect(!text.contains(key) && !text.contains("secret-name"))
        }
        #expect(tool.traces.isEmpty)
    }

    @Test func `the manual's graph has no faults`() throws {
        let manual = try String(contentsOfFile: "\(Self.root)/docs/streaming.md", encoding: .utf8)
        let section = try #require(manual.components(separatedBy: "## A browser, at once").dropFirst().first)
        let graph = section.components(separatedBy: "```yaml\n")[1].components(separatedBy: "```")[0]
        let tool = try Tool("check", graph: graph)
        tool.plugins = [Python.plugins]

        let outcome = try tool.run()

        #expect(outcome.status == 0, "\(outcome.output)")
    }

    @Test func `the plugin keeps the promises of plugins`() throws {
        let tool = try Tool(arguments: [
            "plugin", "check", "\(Python.plugins)/webrtc-python", "--set", "port=0",
        ])

        let outcome = try tool.run()

        #expect(outcome.status == 0, "\(outcome.output)")
        #expect(outcome.output.contains("nothing is wrong"))
    }

    @Test func `a graph that is said to publish to anything but HTTP does not start`() throws {
        let graph = Self.graph.replacing("port: 0,", with: "port: 0, url: \"rtmp://127.0.0.1/live\",")
        let tool = try start(graph)

        let outcome = try tool.run()

        #expect(outcome.status == 3)
        #expect(outcome.errors.contains("WHIP goes to an address that begins with https://"), "\(outcome.errors)")
    }
}

/// `Tests/whip_server.py` at a free port: it can be killed and comes back.
private final class WHIPServer {
    let port: UInt16
    private let token: String
    private var process: Process?
    private var output = Pipe()
    private var text = ""

    init(token: String) throws {
        self.token = token
        port = try FreePort.find()
    }

    deinit { stop() }

    func start(token: String? = nil) throws {
        let process = Process()
        output = Pipe()
        text = ""
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [
            "python3", "\(StudioProcess.repository)/Tests/whip_server.py", "\(port)",
            token ?? self.token,
        ]
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        let descriptor = output.fileHandleForReading.fileDescriptor
        _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
        try process.run()
        self.process = process
    }

    func send(_ signal: Int32) {
        if let process { kill(process.processIdentifier, signal) }
    }

    func stop() {
        send(SIGKILL)
        process?.waitUntilExit()
        process = nil
    }

    /// What it has printed since its start.
    var printed: String {
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        let count = read(output.fileHandleForReading.fileDescriptor, &buffer, buffer.count)
        if count > 0 { text += String(decoding: buffer[..<count], as: UTF8.self) }
        return text
    }

    /// How many pictures it has decoded since its start.
    var pictures: Int {
        let last = printed.split(separator: "\n").last { $0.contains("\"pictures\"") }
        let object = last.flatMap { try? JSONSerialization.jsonObject(with: Data($0.utf8)) }
        return (object as? [String: Any])?["pictures"] as? Int ?? 0
    }
}
